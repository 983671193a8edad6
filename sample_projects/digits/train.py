"""Learn to read handwritten digits, one epoch at a time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lab import track


def main() -> None:
    kind = str(track.params.get("model", "logistic"))
    epochs = int(track.params.get("epochs", 30))
    lr = float(track.params.get("lr", 0.05))
    seed = int(track.params.get("seed", track.seed()))

    path = track.data("digits")
    columns = path.read_text().splitlines()[0].split(",")[:-1]
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    pixels, labels = table[:, :-1], table[:, -1].astype(int)
    rows = np.arange(len(labels))
    train_rows, val_rows = train_test_split(rows, test_size=0.2, stratify=labels, random_state=seed)
    x_train, x_val, y_train, y_val = pixels[train_rows], pixels[val_rows], labels[train_rows], labels[val_rows]
    scaler = StandardScaler().fit(x_train)
    z_train, z_val = scaler.transform(x_train), scaler.transform(x_val)
    if kind == "mlp":
        model = MLPClassifier((64,), solver="sgd", learning_rate_init=lr, batch_size=64, random_state=seed)
    elif kind == "logistic":
        model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=lr, alpha=0.001, random_state=seed)
    else:
        raise SystemExit(f"no model called {kind!r}: logistic or mlp")

    print(f"{kind}: {len(y_train):,} pictures to learn from, {len(y_val):,} to check with")
    classes, order = np.unique(y_train), np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        shuffled = order.permutation(len(z_train))
        model.partial_fit(z_train[shuffled], y_train[shuffled], classes=classes)
        train, val = model.predict_proba(z_train), model.predict_proba(z_val)
        values = {
            "loss": log_loss(y_train, train, labels=classes),
            "val_loss": log_loss(y_val, val, labels=classes),
            "train_accuracy": accuracy_score(y_train, classes[train.argmax(axis=1)]),
            "val_accuracy": accuracy_score(y_val, classes[val.argmax(axis=1)]),
        }
        track.log(step=epoch, **values)
        print(f"epoch {epoch:>3}/{epochs}", *(f"{name} {value:.4f}" for name, value in values.items()), sep="  ")

    keep_predictions(val_rows, y_val, classes, val)
    example = [dict(zip(columns, row, strict=True)) for row in x_val.tolist()]
    track.model(make_pipeline(scaler, model), example=example)


def keep_predictions(rows: np.ndarray, labels: np.ndarray, classes: np.ndarray, proba: np.ndarray) -> None:
    """What Lab compares sample by sample: `row` is the picture's number in the data, `score` how sure the model is."""
    found = classes[proba.argmax(axis=1)]
    matrix = confusion_matrix(labels, found, labels=classes)
    with tempfile.TemporaryDirectory() as folder:
        predictions, confusion = Path(folder, "predictions.csv"), Path(folder, "confusion.csv")
        table = np.column_stack((rows, labels, found, proba.max(axis=1)))
        np.savetxt(predictions, table, "%d,%d,%d,%.6g", header="row,label,prediction,score", comments="")
        np.savetxt(confusion, matrix, "%d", ",", header=",".join(map(str, classes)), comments="")
        track.artifact(predictions)
        track.artifact(confusion)


if __name__ == "__main__":
    main()

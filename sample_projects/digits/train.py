"""Learn to read handwritten digits, one epoch at a time."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, log_loss
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
    x_train, x_val, y_train, y_val = train_test_split(pixels, labels, test_size=0.2, stratify=labels, random_state=seed)

    scaler = StandardScaler().fit(x_train)
    z_train, z_val = scaler.transform(x_train), scaler.transform(x_val)
    if kind == "mlp":
        model = MLPClassifier((64,), solver="sgd", learning_rate_init=lr, batch_size=64, random_state=seed)
    elif kind == "logistic":
        model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=lr, alpha=0.001, random_state=seed)
    else:
        raise SystemExit(f"no model called {kind!r}: logistic or mlp")

    classes, order = np.unique(y_train), np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        shuffled = order.permutation(len(z_train))
        model.partial_fit(z_train[shuffled], y_train[shuffled], classes=classes)
        train, val = model.predict_proba(z_train), model.predict_proba(z_val)
        track.log(
            step=epoch,
            loss=log_loss(y_train, train, labels=classes),
            val_loss=log_loss(y_val, val, labels=classes),
            train_accuracy=accuracy_score(y_train, classes[train.argmax(axis=1)]),
            val_accuracy=accuracy_score(y_val, classes[val.argmax(axis=1)]),
        )

    example = [dict(zip(columns, row, strict=True)) for row in x_val.tolist()]
    track.model(make_pipeline(scaler, model), example=example)


if __name__ == "__main__":
    main()

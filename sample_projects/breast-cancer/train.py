"""Tell malignant from benign tumours by measurements of their cells."""

from __future__ import annotations

import csv

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lab import track


def main() -> None:
    kind = str(track.params.get("model", "logistic"))
    seed = int(track.params.get("seed", track.seed()))

    with open(track.data("measurements"), newline="") as file:
        columns, *rows = csv.reader(file)
    values = np.array([row[:-1] for row in rows], dtype=float)
    diagnoses = np.array([row[-1] for row in rows])
    x_train, x_val, y_train, y_val = train_test_split(
        values, diagnoses, test_size=0.25, stratify=diagnoses, random_state=seed
    )

    if kind == "forest":
        model = RandomForestClassifier(int(track.params.get("trees", 200)), random_state=seed)
    elif kind == "logistic":
        regularised = LogisticRegression(C=float(track.params.get("C", 1.0)), max_iter=1000)
        model = make_pipeline(StandardScaler(), regularised)
    else:
        raise SystemExit(f"no model called {kind!r}: logistic or forest")
    print(f"{kind}: {len(y_train)} rows to learn from, {len(y_val)} to check with")
    model.fit(x_train, y_train)

    malignant = model.predict_proba(x_val)[:, list(model.classes_).index("malignant")]
    predicted = model.predict(x_val)
    values = {
        "train_accuracy": accuracy_score(y_train, model.predict(x_train)),
        "val_accuracy": accuracy_score(y_val, predicted),
        "val_f1": f1_score(y_val, predicted, pos_label="malignant"),
        "val_auc": roc_auc_score(y_val == "malignant", malignant),
        "val_loss": log_loss(y_val == "malignant", malignant),
    }
    track.log(**values)
    print(*(f"{name} {value:.4f}" for name, value in values.items()), sep="  ")
    track.model(model, example=[dict(zip(columns, row, strict=False)) for row in x_val.tolist()])


if __name__ == "__main__":
    main()

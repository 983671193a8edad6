"""Write the sample projects' CSV files from the data sets that scikit-learn bundles. Run once; the files are kept.

Of each class, or of all rows where the target is a number, every fifth row in the original order is held out.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

HERE = Path(__file__).parent


def write(path: Path, header: list[str], table: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(table)


def write_split(project: str, name: str, header: list[str], table: list[list[object]], strata: list[object]) -> None:
    strata_array = np.array(strata)
    held_out = np.zeros(len(table), dtype=bool)
    for stratum in np.unique(strata_array):
        rows = np.flatnonzero(strata_array == stratum)
        held_out[rows[4::5]] = True
    kept = [row for row, out in zip(table, held_out, strict=True) if not out]
    write(HERE / project / "data" / f"{name}.csv", header, kept)
    write(
        HERE / project / "data" / "holdout.csv", header, [row for row, out in zip(table, held_out, strict=True) if out]
    )


def main() -> None:
    digits = load_digits()
    labels = digits.target.tolist()
    pixels = digits.data.astype(int).tolist()
    header = [f"p{index:02d}" for index in range(64)] + ["label"]
    table = [[*row, label] for row, label in zip(pixels, labels, strict=True)]
    write_split("digits", "digits", header, table, labels)

    cancer = load_breast_cancer()
    diagnoses = [str(cancer.target_names[target]) for target in cancer.target]
    header = [name.replace(" ", "_") for name in cancer.feature_names] + ["diagnosis"]
    table = [[*row, diagnosis] for row, diagnosis in zip(cancer.data.tolist(), diagnoses, strict=True)]
    write_split("breast-cancer", "measurements", header, table, diagnoses)

    diabetes = load_diabetes(scaled=False)
    header = [*diabetes.feature_names, "progression"]
    table = [[*row, target] for row, target in zip(diabetes.data.tolist(), diabetes.target.tolist(), strict=True)]
    write_split("diabetes", "patients", header, table, ["all"] * len(table))


if __name__ == "__main__":
    main()

"""Predict how far diabetes progresses within a year."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lab import track


def main() -> None:
    kind = str(track.params.get("model", "ridge"))
    seed = int(track.params.get("seed", track.seed()))

    path = track.data("patients")
    columns = path.read_text().splitlines()[0].split(",")[:-1]
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    x_train, x_val, y_train, y_val = train_test_split(table[:, :-1], table[:, -1], test_size=0.25, random_state=seed)

    if kind == "forest":
        trees = int(track.params.get("trees", 200))
        model = RandomForestRegressor(trees, min_samples_leaf=5, random_state=seed)
    elif kind == "ridge":
        model = make_pipeline(StandardScaler(), Ridge(alpha=float(track.params.get("alpha", 1.0))))
    else:
        raise SystemExit(f"no model called {kind!r}: ridge or forest")
    print(f"{kind}: {len(y_train)} rows to learn from, {len(y_val)} to check with")
    model.fit(x_train, y_train)

    fitted, predicted = model.predict(x_train), model.predict(x_val)
    values = {
        "train_rmse": root_mean_squared_error(y_train, fitted),
        "rmse": root_mean_squared_error(y_val, predicted),
        "r2": r2_score(y_val, predicted),
    }
    track.log(**values)
    print(*(f"{name} {value:.4f}" for name, value in values.items()), sep="  ")
    track.model(model, example=[dict(zip(columns, row, strict=True)) for row in x_val.tolist()])


if __name__ == "__main__":
    main()

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.domain.smoothing import smoothed
from lab.ui.render.chart import smoothed as on_screen
from lab.ui.render.series import Series


@pytest.mark.parametrize(("count", "weight"), [(5, 0.6), (240, 0.9), (5000, 0.99), (3, 0.0)])
def test_files_and_screens_smooth_alike(count: int, weight: float) -> None:
    y = np.sin(np.arange(count) / 7) + np.random.default_rng(0).normal(0, 0.1, count)
    if count > 10:
        y[7] = math.nan
    shown = on_screen(Series("a", np.arange(count, dtype=float), y), weight)
    assert smoothed(y.tolist(), weight) == pytest.approx(
        (y if shown.trend is None else shown.trend).tolist(), nan_ok=True, rel=1e-9
    )


def test_gaps_and_nothing() -> None:
    assert smoothed([], 0.5) == []
    assert str(smoothed([math.nan, math.inf], 0.5)) == "[nan, inf]"

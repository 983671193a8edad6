"""Which of many metrics tells most: told by their names, in this one place."""

from __future__ import annotations

from collections.abc import Iterable

from lab.domain.directions import Direction, direction

#: Metrics whose names begin so are worth more room than others.
_TOLD_FIRST = ("val_acc", "accuracy", "acc", "val_f1", "f1", "auc", "r2", "val_", "test_", "valid", "eval_")


def metric_order(names: Iterable[str]) -> list[str]:
    """Metric names, those that people look at first in front, then those that tell which way is better, otherwise as
    they come."""

    def place(name: str) -> tuple[int, bool]:
        low = name.lower()
        first = next((index for index, start in enumerate(_TOLD_FIRST) if low.startswith(start)), len(_TOLD_FIRST))
        return first, direction(name) is Direction.UNKNOWN

    return sorted(dict.fromkeys(names), key=place)

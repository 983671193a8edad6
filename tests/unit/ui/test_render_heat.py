"""Heat maps: strengths, grounds that both themes have, and matrices that fit or are not there."""

from __future__ import annotations

import math

import pytest

from lab.ui.render import heat
from lab.ui.render.cells import width_of
from lab.ui.theme import Ground, token_style


def test_strength_grows_with_the_distance_from_zero() -> None:
    assert [heat.step(value, 8) for value in (0, 1, -2, 3, -8, 8)] == [0, 1, 1, 2, 4, 4]
    assert heat.step(math.nan, 8) == heat.step(math.inf, 8) == heat.step(3, 0) == 0


@pytest.mark.parametrize("ground", [Ground.DARK, Ground.LIGHT])
def test_every_ground_has_a_colour_of_its_own(ground: Ground) -> None:
    tokens = [heat.ground(kind, strength) for kind in heat.GROUNDS for strength in range(1, heat.STEPS + 1)]
    colours = {token_style(token, ground).bgcolor for token in tokens}
    assert len(colours - {None}) == len(set(tokens)) - heat.STEPS  # plain is as good
    assert heat.ground("good", 0) == ""


def test_a_matrix_fits_or_is_left_out_whatever_its_labels_are() -> None:
    labels = ["tulip", "[/x]\x1b[2J", "日本語の長い名前です"]
    rows = heat.matrix_rows(labels, lambda at, other: (f"{at - other:+d} ", ""), 6, 80)
    assert len(rows) == 4
    assert len({sum(width_of(text) for text, _ in row) for row in rows}) == 1
    assert all(text.isprintable() for row in rows for text, _ in row)
    assert heat.matrix_rows(labels, lambda at, other: ("", ""), 6, 20) == []
    both = heat.beside(rows, rows[:2])
    assert len(both) == 4
    assert width_of("".join(text for text, _ in both[0])) == 2 * width_of("".join(text for text, _ in rows[0])) + 3

"""Colours must differ for eyes that miss red or green, not only by name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lab.ui.theme import DARK, LIGHT, THEMES, Ground, Palette, row_background, token_style, token_styles

# Machado, Oliveira, Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def cielab(colour: str, vision: str) -> np.ndarray:
    seen = np.clip(VISION[vision] @ linear(colour), 0, 1)
    xyz = _TO_XYZ @ seen / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, vision: str) -> float:
    return float(np.linalg.norm(cielab(one, vision) - cielab(other, vision)))


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [DARK, LIGHT])
@pytest.mark.parametrize("vision", VISION)
def test_success_and_failure_differ_for_every_eye(palette: Palette, vision: str) -> None:
    assert distance(palette.ok, palette.fail, vision) >= 60
    assert distance(palette.ok, palette.warn, vision) >= 40
    assert distance(palette.fail, palette.warn, vision) >= 20


@pytest.mark.parametrize("palette", [DARK, LIGHT])
@pytest.mark.parametrize("vision", VISION)
def test_series_differ_for_every_eye(palette: Palette, vision: str) -> None:
    assert len(palette.series) >= 8
    assert min(distance(a, b, vision) for a, b in itertools.combinations(palette.series, 2)) >= 18


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_text_can_be_read(palette: Palette) -> None:
    for background in (palette.background, palette.surface, palette.cursor, palette.cursor_blurred, palette.marked):
        assert contrast(palette.foreground, background) >= 7
        for colour in (palette.ok, palette.warn, palette.fail, palette.run, palette.muted):
            assert contrast(colour, background) >= 2.5
    for colour in (*palette.series, palette.ok, palette.warn, palette.fail, palette.muted):
        assert contrast(colour, palette.surface) >= 3


def test_tokens_name_colours_and_attributes() -> None:
    style = token_style("series.3 bold")
    assert style.bold
    assert style.color is not None
    assert style.color.name == DARK.series[3].lower()
    assert style.bgcolor is None
    assert token_style("ok", Ground.LIGHT) != token_style("ok", Ground.DARK)
    with pytest.raises(KeyError):
        token_style("nonsense")


def test_themes_generate() -> None:
    for theme in THEMES:
        colours = theme.to_color_system().generate()
        assert colours["success"].lower() == str(theme.success).lower()


@pytest.mark.parametrize("ground", [Ground.ANSI_DARK, Ground.ANSI_LIGHT])
def test_a_terminals_own_colours_have_every_token_and_tell_status_apart(ground: Ground) -> None:
    assert token_styles(ground).keys() == token_styles(Ground.DARK).keys() == token_styles(Ground.LIGHT).keys()
    styles = list(token_styles(ground).values())
    assert all(style.color is None or style.color.triplet is None for style in styles)
    assert len({token_style(token, ground).color for token in ("ok", "warn", "fail")}) == 3
    rows = [row_background(state, ground) for state in ("cursor", "cursor_blurred", "marked", "header", "cell")]
    assert len(set(rows)) == 5
    assert all(style.bgcolor is None for style in rows)


@pytest.mark.parametrize("ground", [Ground.DARK, Ground.LIGHT])
def test_without_colours_what_failed_is_as_plain_as_any_text(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    token_styles.cache_clear()
    styles = token_styles(ground)
    assert styles["fail"] == styles["warn"] == styles["title"]
    monkeypatch.delenv("NO_COLOR")
    token_styles.cache_clear()
    assert token_styles(ground)["fail"] != styles["fail"]

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from lab.datasets.drift import (
    PSI_MAJOR,
    PSI_MODERATE,
    jensen_shannon,
    ks,
    psi,
    psi_categories,
    psi_counts,
    quantile_edges,
)

values = st.lists(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3).map(float), min_size=1, max_size=60
)
counts = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)


@pytest.mark.filterwarnings("ignore:divide by zero")
@given(values, values)
def test_ks_is_scipys(one: list[float], other: list[float]) -> None:
    assert ks(np.array(one), np.array(other)) == pytest.approx(
        ks_2samp(one, other, method="asymp").statistic, abs=1e-12
    )


@given(values, values)
def test_ks_and_psi_have_no_side_and_no_negative_values(one: list[float], other: list[float]) -> None:
    a, b = np.array(one), np.array(other)
    assert ks(a, b) == ks(b, a)
    assert ks(a, a) == 0
    assert psi(a, a) == 0
    assert psi(a, b) >= 0


@given(counts, counts)
def test_jensen_shannon_is_scipys(one: list[int], other: list[int]) -> None:
    found = jensen_shannon(np.array(one), np.array(other))
    assert found == pytest.approx(jensenshannon(one, other, base=2), abs=1e-7)
    assert 0 <= found <= 1 + 1e-12


def test_psi_in_closed_form() -> None:
    assert psi_counts(np.array([50, 50]), np.array([80, 20])) == pytest.approx(
        0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5)
    )
    # All of the reference's lowest tenth has gone to its highest.
    reference = np.arange(1000)
    current = np.where(reference < 100, 950, reference)
    expected = (1e-4 - 0.1) * math.log(1e-4 / 0.1) + 0.1 * math.log(0.2 / 0.1)
    assert psi(reference, current) == pytest.approx(expected)


def test_psi_of_a_shifted_normal_is_near_the_divergence() -> None:
    draw = np.random.default_rng(1)
    reference, moved = draw.normal(size=200_000), draw.normal(0.5, size=200_000)
    # Jeffreys divergence of N(0, 1) and N(d, 1) is d²; bins lose a little of it.
    assert 0.2 < psi(reference, moved) < 0.25
    assert psi(reference, draw.normal(size=200_000)) < 0.001
    assert ks(reference, moved) == pytest.approx(2 * 0.5987 - 1, abs=0.005)
    assert PSI_MODERATE < psi(reference, moved) < PSI_MAJOR


def test_psi_sees_a_mass_of_zeros_move() -> None:
    reference = np.array([0] * 950 + [5] * 50)
    assert psi(reference, np.array([0] * 500 + [5] * 500)) > PSI_MAJOR
    assert len(quantile_edges(np.sort(reference))) == 2


def test_nan_is_no_value() -> None:
    reference = np.array([1.0, 2.0, 3.0, math.nan])
    assert ks(reference, np.array([1.0, 2.0, 3.0])) == 0
    assert psi(reference, np.array([math.nan, 1.0, 2.0, 3.0])) == 0
    assert math.isnan(psi(reference, np.array([math.nan])))
    assert math.isnan(ks(np.array([]), reference))
    assert math.isnan(jensen_shannon(np.array([0]), np.array([1])))


def test_infinities_count_as_values() -> None:
    assert ks(np.array([-math.inf, 0.0]), np.array([0.0, math.inf])) == 0.5


def test_categories() -> None:
    found, unseen = psi_categories({"a": 50, "b": 50}, {"a": 80, "b": 20})
    assert found == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))
    assert unseen == {}
    found, unseen = psi_categories({"a": 100, "z": 0}, {"a": 50, "new": 50, "z": 3})
    assert found > PSI_MAJOR
    assert unseen == {"new": 50, "z": 3}
    assert math.isnan(psi_categories({}, {"a": 1})[0])

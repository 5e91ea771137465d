"""The test of one share agrees with SciPy and holds its level in samples small enough to count every outcome."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, stats

from toolkit.monitoring.share_test import measure_p_values

LIMIT = 1e-13


@given(m=st.integers(1, 100_000), n=st.integers(1, 100_000), share=st.floats(0, 1), shift=st.floats(0, 0.5))
def test_without_a_tolerance_it_is_fishers_exact_test(m, n, share, shift):
    k, x = round(m * share), round(n * min(share + shift, 1))
    assume(k < m and x * m > n * k)
    exact = stats.hypergeom.sf(x - 1, m + n, n, k + x)
    assume(exact > LIMIT)
    assert measure_p_values([k], [m], [x], [n], 0.0)[0] == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(
    ("k", "m", "x", "n"),
    [
        (0, 88, 21383, 156570),
        (338855, 523609, 43, 43),
        (23, 26, 443666, 445531),
        (41087, 49480, 71, 71),
        (0, 400, 3, 900),
    ],
)
def test_skewed_and_unequal_samples_lose_no_precision(k, m, x, n):
    exact = stats.hypergeom.sf(x - 1, m + n, n, k + x)
    assert measure_p_values(k, m, x, n, 0.0) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(
    ("k", "m", "x", "n", "tolerance"),
    [
        (27, 952, 1048, 7105, 0.092),
        (125, 382, 307, 656, 0.024),
        (17, 24, 35, 41, 0.096),
        (0, 455, 9, 114, 0.02),
    ],
)
def test_with_a_tolerance_it_is_the_binomial_tail_over_the_references_beta(k, m, x, n, tolerance):
    def weighted_tail(share):
        return stats.binom.sf(x - 1, n, min(share + tolerance, 1)) * stats.beta.pdf(share, k + 1, m - k)

    exact, _ = integrate.quad(weighted_tail, 0, 1, points=[k / m, min(x / n, 1 - tolerance)], limit=500)
    assert measure_p_values(k, m, x, n, tolerance) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("tolerance", [0.0, 0.05])
@pytest.mark.parametrize("level", [0.01, 0.05])
def test_the_level_holds_for_every_share_when_both_samples_are_random(tolerance, level):
    m, n = 60, 30
    k, x = np.meshgrid(np.arange(m + 1), np.arange(n + 1), indexing="ij")
    rejected = measure_p_values(k.ravel(), m, x.ravel(), n, tolerance).reshape(k.shape) <= level
    for share in np.linspace(0, 1 - tolerance, 40):
        chance = np.outer(
            stats.binom.pmf(np.arange(m + 1), m, share),
            stats.binom.pmf(np.arange(n + 1), n, share + tolerance),
        )
        assert chance[rejected].sum() <= level


def test_nothing_speaks_for_a_rise_that_is_tolerated():
    assert (
        measure_p_values(
            [50, 50, 100, 0], [100, 100, 100, 100], [51, 40, 10, 0], [100, 100, 10, 0], 0.02
        ).tolist()
        == [1] * 4
    )

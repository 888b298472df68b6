"""Size and power of the tests of the descendant step; the full table is made by benchmarks/paper/size_and_power.py."""

import numpy as np
import pytest
import size_and_power as study

pytestmark = pytest.mark.slow

GENES = 300  # × 10 groups


@pytest.fixture(
    scope="module", params=[(0.25, 0.02, 300), (1.0, 0.1, 30), (0.25, 0.5, 30), (1.0, 0.5, 100), (1.0, 5.0, 30)]
)
def null(request):
    phi, mean, cells = request.param
    return study.make_screen(np.random.default_rng(1), "gamma", phi, mean, cells, GENES, 0.0)


@pytest.mark.parametrize("test", ["auto", "score"])
def test_size(null, test):
    """At most .07 at .05 and .003 at .001, and .03 at .05 from 5 expected counts on, each within 3 standard errors."""
    log_p, expected = study.log_p_values(*null, test, "HC3")
    p, n = np.exp(log_p), log_p.size
    assert np.isfinite(log_p).all()
    assert (p < 0.05).mean() <= 0.07
    assert (p < 0.001).mean() <= 0.003 + 3 * np.sqrt(0.003 / n)
    if expected.mean() >= 5:
        assert (p < 0.05).mean() >= 0.03


def test_the_paper_s_test_is_too_small_where_counts_are_few():
    """What the score test is there for: HC0 rejects true nulls too often at 30 cells (.07 at .05, .005 at .001)."""
    null = study.make_screen(np.random.default_rng(1), "gamma", 1.0, 5.0, 30, 600, 0.0)
    p = np.exp(study.log_p_values(*null, "wald", "HC0")[0])
    assert (p < 0.05).mean() > 0.06
    assert (p < 0.001).mean() > 0.003


@pytest.mark.parametrize("sign", [-1, 1])
def test_power_of_score_and_wald(sign):
    """Within 5 points, plus 3 standard errors of a paired difference, where it lies between .5 and .95."""
    se = np.sqrt(1 / (100 * 0.5) + 0.25 / 100)
    screen, counts = study.make_screen(np.random.default_rng(2), "gamma", 0.25, 0.5, 100, GENES, sign * 3 * se)
    score, wald = (
        study.log_p_values(screen, counts, *of)[0] < np.log(0.05) for of in (("score", "HC3"), ("wald", "HC3"))
    )
    assert 0.5 < score.mean() < 0.95
    noise = 3 * (score.astype(float) - wald).std() / np.sqrt(score.size)
    assert abs(score.mean() - wald.mean()) < 0.05 + noise

"""The regression on predicted expression against statsmodels, where it has but one level."""

import numpy as np
import pytest
import statsmodels.api as sm
from screens import random_screen

from argen._core.dag.covariance import COVARIANCES
from argen._core.dag.instruments import ReducedForms
from argen._core.dag.two_stage import fit_two_stage


@pytest.mark.parametrize(("levels", "seed"), [(3, 0), *((1, seed) for seed in range(16))])
def test_an_over_identified_equation_is_that_regression(levels, seed):
    """Of gene 3 on gene 2, whose first stage has the instruments 0, 1 and 2; on one thread, as in the search.

    Given a category with a single level, glum left its coefficient at 0 in a fifth of such regressions.
    """
    made = random_screen(seed, p=4, n=700 + 20 * seed, levels=levels, numeric=0, log_mean=1.0)
    screen = made.screen
    first = ReducedForms(screen, keep_fits=False).get([(2, np.array([0, 1, 2]))], map)
    found = fit_two_stage(screen, 3, np.array([2]), first, COVARIANCES["naive"])
    indicators = made.indicators(np.arange(4))
    predicted = indicators[:, :3] @ first[0].effect
    design = np.column_stack([predicted, indicators[:, 3], made.nuisance])
    model = sm.GLM(made.counts[:, 3], design, family=sm.families.Poisson(), offset=np.log(made.depth))
    expected = model.fit(cov_type="HC0", tol=1e-12)
    assert found.converged
    assert found.coef[0] == pytest.approx(expected.params[0], rel=1e-6)
    assert found.se[0] == pytest.approx(expected.bse[0], rel=1e-6)

"""Measures on held-out cells against scipy, sklearn, decoupler and counting."""

from itertools import combinations

import decoupler as dc
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from argen._core.held_out.activity import activities, activity_ranks, target_auroc
from argen._core.held_out.regression import held_out_r2, strongest_parents
from argen._core.held_out.replicates import rank_agreement, sign_consistency
from argen._core.held_out.responses import means_of_groups, responses, wasserstein_distances

P = 7


@pytest.fixture(scope="module")
def cells():
    """Expression of 120 cells and 7 genes, a third of it zero; controls and four perturbations, one of one cell."""
    rng = np.random.default_rng(0)
    values = rng.gamma(2.0, size=(120, P)) * (rng.random((120, P)) < 0.67)
    order = rng.permutation(120)
    perturbed = {0: order[50:70], 3: order[70:95], 5: order[95:110], 6: order[110:111]}
    return values, order[:50], perturbed


def test_means_and_tests_are_those_of_scipy(cells):
    values, control, perturbed = cells
    expression = sparse.csc_array(values)
    found = responses(expression, control, perturbed)
    for source, group in perturbed.items():
        np.testing.assert_allclose(found.mean[source], values[group].mean(axis=0) - values[control].mean(axis=0))
        if len(group) > 1:
            t = stats.ttest_ind(values[group], values[control], equal_var=False).statistic
            np.testing.assert_allclose(found.t[source], t)
    assert np.isnan(found.mean[[1, 2, 4]]).all()
    means, spread = means_of_groups(expression, {0: perturbed[0], 1: control})
    np.testing.assert_allclose(means[1], values[control].mean(axis=0))
    np.testing.assert_allclose(spread[0], values[perturbed[0]].var(axis=0, ddof=1))
    assert np.isnan(responses(expression, control[:0], perturbed).mean).all()


def test_distances_are_those_of_scipy(cells):
    values, control, perturbed = cells
    found = wasserstein_distances(sparse.csc_array(values), control, perturbed)
    for source, target in np.ndindex(P, P):
        if source in perturbed and source != target:
            expected = stats.wasserstein_distance(values[control, target], values[perturbed[source], target])
            assert found[source, target] == pytest.approx(expected, rel=1e-12)
        else:
            assert np.isnan(found[source, target])


def test_r2_is_that_of_sklearn():
    rng = np.random.default_rng(1)
    profiles, own = rng.normal(size=(30, P)), np.array([-1] * 23 + list(range(P)))
    profiles[:, 4] += 2 * profiles[:, 0] - profiles[:, 1]
    edges = np.zeros((P, P), dtype=bool)
    edges[[0, 1, 3], [4, 4, 2]] = True
    fold = np.arange(30) % 4
    found = held_out_r2(profiles, own, edges, fold, 1.0)
    assert np.isnan(found[[0, 1, 3, 5, 6]]).all()
    for child in (2, 4):
        used = own != child
        x, y, parts = profiles[used][:, edges[:, child]], profiles[used, child], fold[used]
        error = total = 0.0
        for part in range(4):
            train, test = parts != part, parts == part
            scaler = StandardScaler().fit(x[train])
            model = Ridge(alpha=1.0).fit(scaler.transform(x[train]), y[train])
            error += ((y[test] - model.predict(scaler.transform(x[test]))) ** 2).sum()
            total += ((y[test] - y[train].mean()) ** 2).sum()
        assert found[child] == pytest.approx(1 - error / total, rel=1e-10)
    assert found[4] > 0.6 > 0.2 > found[2]


def test_the_strongest_parents_by_sorting():
    rng = np.random.default_rng(2)
    edges, strength = rng.random((P, P)) < 0.5, rng.random((P, P))
    for most in (1, 2, P):
        kept = strongest_parents(edges, strength, most)
        for child in range(P):
            parents = sorted(np.flatnonzero(edges[:, child]), key=lambda parent, to=child: -strength[parent, to])
            assert set(np.flatnonzero(kept[:, child])) == set(parents[:most])


def test_activities_are_those_of_decoupler():
    rng = np.random.default_rng(3)
    n, sources = 40, ["s0", "s1", "s2"]
    genes = [f"g{i}" for i in range(n)]
    weights = np.where(rng.random((3, n)) < 0.3, rng.normal(size=(3, n)), 0.0)
    response = rng.normal(size=n)
    net = pd.DataFrame(
        [(sources[i], genes[j], weights[i, j]) for i, j in np.argwhere(weights)], columns=["source", "target", "weight"]
    )
    scores, _ = dc.mt.ulm(pd.DataFrame([response], columns=genes, index=["x"]), net, tmin=1)
    np.testing.assert_allclose(activities(response, weights), scores[sources].to_numpy()[0], rtol=1e-6)
    flat = np.vstack([weights[:1], np.ones((1, n))])
    assert np.isnan(activities(response, flat)[1])


def test_activity_ranks_by_hand():
    """Source 0 lowers what it activates, and itself; source 1 is blamed for what 2 does."""
    rng = np.random.default_rng(4)
    weights = np.zeros((12, 12))
    weights[0, 3:6], weights[1, 6:9], weights[2, 9:12] = 1.0, 1.0, -1.0
    mean = np.full((12, 12), np.nan)
    mean[0], mean[1] = 0.01 * rng.normal(size=12), 0.01 * rng.normal(size=12)
    mean[0, [0, 3, 4, 5]] = -1.0
    mean[1, 1], mean[1, 9:] = -1.0, 1.0
    ranks = activity_ranks(mean, weights, np.array([0, 1, 2]))
    assert ranks[0] == 1.0
    assert ranks[1] < 1.0
    assert len(ranks) == 2


def test_auroc_is_that_of_sklearn():
    rng = np.random.default_rng(5)
    strength, edges = np.round(rng.random((P, P)), 1), rng.random((P, P)) < 0.4
    np.fill_diagonal(edges, val=False)
    strength[2] = np.nan
    found = target_auroc(strength, edges)
    for source in range(P):
        others = np.arange(P) != source
        if source == 2 or edges[source].sum() in (0, P - 1):
            assert np.isnan(found[source])
        else:
            assert found[source] == pytest.approx(roc_auc_score(edges[source, others], strength[source, others]))


def test_replicates_by_counting_and_scipy():
    rng = np.random.default_rng(6)
    effects = rng.normal(size=8) + 0.7 * rng.normal(size=(3, 8))
    effects[0, 0] = effects[1:, 1] = np.nan
    same = [len({*np.sign(column[np.isfinite(column)])}) == 1 for column in effects.T if np.isfinite(column).sum() > 1]
    assert sign_consistency(effects) == (np.mean(same), 7)
    expected = []
    for left, right in combinations(effects, 2):
        known = np.isfinite(left) & np.isfinite(right)
        expected.append(stats.spearmanr(left[known], right[known]).statistic)
    value, n = rank_agreement(effects)
    assert (value, n) == (pytest.approx(np.mean(expected)), 3)
    assert sign_consistency(effects[:1])[1] == rank_agreement(effects[:1])[1] == 0
    assert np.isnan(sign_consistency(effects[:1])[0])

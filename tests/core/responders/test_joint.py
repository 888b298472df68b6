"""Edges to responders given a joint network: against all graphs enumerated, at the level, and from streams by name."""

from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
from scipy.special import betaln

from argen._core.joint.table import Noise
from argen._core.responders.joint import edges_given_network, select_joint
from argen._core.responders.mediators import Observed

P, SIGMA = 5, 0.3


@pytest.fixture(scope="module")
def T():
    rng = np.random.default_rng(3)
    effects = np.triu(rng.normal(0.0, 0.15, (P, P)), 1)
    np.fill_diagonal(effects, -0.4)
    return effects


def noise_of(S, E, kappa, offset_variance):
    ones = np.ones_like(S)
    return Noise(S, E, kappa * ones, ones, 0.0 * ones, np.full(S.shape[1], offset_variance), 1.0)


def nothing(T):
    return np.zeros_like(T), np.zeros(T.shape[1])


def enumerated(T, response, variance, offset_variance):
    """Posterior probability of each edge from the marginal likelihood of all graphs."""
    log_weight, graphs = [], [g for n in range(P + 1) for g in combinations(range(P), n)]
    for graph in graphs:
        columns = T[:, list(graph)]
        covariance = np.diag(np.full(P, variance)) + offset_variance + SIGMA**2 * columns @ columns.T
        _, log_det = np.linalg.slogdet(covariance)
        fit = -0.5 * log_det - 0.5 * response @ np.linalg.solve(covariance, response)
        log_weight.append(fit + betaln(1 + len(graph), 2 * P - len(graph)))
    weight = np.exp(np.array(log_weight) - max(log_weight))
    return np.array([sum(w for w, g in zip(weight, graphs, strict=True) if k in g) for k in range(P)]) / weight.sum()


@pytest.mark.parametrize("theta", [(0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.25, 0.0, 0.0, 0.0), (0.2, 0.0, 0.0, -0.2, 0.0)])
def test_inclusion_against_all_graphs(T, theta):
    """With many counts the rows are normal: log S / E with variance κ, up to the curvature of the logarithm."""
    copies, kappa, offset_variance = 150, 4e-4, 1e-4
    rng = np.random.default_rng(7)
    response = T @ np.array(theta) + rng.normal(0.0, np.sqrt(kappa), P)
    E = np.full((P, copies), 1e9)
    noise = noise_of(E * np.exp(response)[:, None], E, kappa, offset_variance)
    names = [f"copy {i}" for i in range(copies)]
    found = edges_given_network(T, *nothing(T), noise, names, sigma=SIGMA, seed=1).inclusion
    expected = enumerated(T, response, kappa, offset_variance)
    error = found.std(axis=1) / np.sqrt(copies)
    assert (np.abs(found.mean(axis=1) - expected) < 4 * error + 0.02).all(), (found.mean(axis=1), expected)


def counts(T, theta, *, seed, level=200.0, kappa=0.002):
    """Negative binomial group sums of responders with direct effects `theta`, nodes × responders."""
    rng = np.random.default_rng(seed)
    E = np.full((T.shape[0], theta.shape[1]), level)
    mean = E * np.exp(T @ theta)
    return noise_of(rng.poisson(mean * rng.gamma(1 / kappa, kappa, mean.shape)).astype(float), E, kappa, 1e-4)


def wide(p=12, seed=0):
    rng = np.random.default_rng(seed)
    direct = np.triu(rng.normal(0, 0.6, (p, p)) * (rng.random((p, p)) < 0.25), 1)
    return np.diag(rng.uniform(-2.0, -0.8, p)) @ np.linalg.inv(np.eye(p) - direct)


def test_scores_hold_the_level_without_an_edge():
    T, R = wide(), 400
    noise = counts(T, np.zeros((len(T), R)), seed=1)
    found = edges_given_network(T, *nothing(T), noise, [f"R{i}" for i in range(R)], sigma=0.3, seed=0)
    rejected = np.abs(found.z) > 1.959964
    # Scores of one responder share its rows: the responders are what is independent.
    share = rejected.mean(axis=0)
    assert abs(share.mean() - 0.05) < 3.5 * share.std() / np.sqrt(R)
    assert found.misfit.sum() / found.df.sum() == pytest.approx(1.0, abs=4 * np.sqrt(2.0 / found.df.sum()))
    assert not select_joint(found.z, found.inclusion, 1.0, 0.05)[2].any()


def test_edges_are_found_at_the_rate_and_covered():
    T, R = wide(), 300
    rng = np.random.default_rng(5)
    theta = np.zeros((len(T), R))
    for r in range(R):
        theta[rng.choice(len(T), rng.integers(1, 3), replace=False), r] = rng.uniform(0.2, 0.6) * rng.choice([-1, 1])
    found = edges_given_network(
        T, *nothing(T), counts(T, theta, seed=2), [f"R{i}" for i in range(R)], sigma=0.4, seed=0
    )
    p, padj, selected = select_joint(found.z, found.inclusion, 1.0, 0.05)
    n = selected.sum()
    assert n > 0.8 * (theta != 0).sum()
    assert (theta[selected] == 0).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    covered = np.abs(found.coef - theta)[selected] <= 1.96 * found.se[selected]
    assert covered.mean() > 0.95 - 4 * np.sqrt(0.05 * 0.95 / n)
    assert (padj >= p).all()


def test_each_responder_draws_from_a_stream_of_its_own(T):
    theta = np.random.default_rng(0).normal(0, 0.3, (P, 6))
    noise, names = counts(T, theta, seed=3), [f"R{i}" for i in range(6)]
    whole = edges_given_network(T, *nothing(T), noise, names, sigma=SIGMA, seed=2)
    some = [4, 1]
    part = {f.name: getattr(noise, f.name) for f in fields(noise)}
    part = {k: v[..., some] if isinstance(v, np.ndarray) else v for k, v in part.items()}
    few = edges_given_network(T, *nothing(T), Noise(**part), [names[i] for i in some], sigma=SIGMA, seed=2)
    np.testing.assert_allclose(few.inclusion, whole.inclusion[:, some], rtol=1e-9)
    np.testing.assert_allclose(few.coef, whole.coef[:, some], rtol=1e-9)
    other = edges_given_network(T, *nothing(T), noise, names, sigma=SIGMA, seed=3)
    assert not np.array_equal(other.inclusion, whole.inclusion)


def test_what_is_not_known_of_the_network_is_not_believed(T):
    """Where T may be off, a row that T explains badly is no evidence; a shared error of τ widens the intervals."""
    theta = np.zeros((P, 1))
    theta[3] = 0.6
    noise = counts(T, theta, seed=4, level=5e4, kappa=1e-4)
    off = T.copy()
    off[1, 3] += 0.25  # the network has the effect of 1 on 3 wrong
    error = np.zeros_like(T)
    error[1, 3] = 0.25**2
    known = edges_given_network(off, *nothing(T), noise, ["R"], sigma=SIGMA, seed=0)
    careful = edges_given_network(off, error, np.full(P, 0.2), noise, ["R"], sigma=SIGMA, seed=0)
    assert abs(known.z[1, 0]) > 3.0
    assert abs(careful.z[1, 0]) < 2.0
    assert careful.se[3, 0] >= 0.2 * abs(careful.coef[3, 0])


def test_nodes_without_an_effect_have_no_edges(T):
    silent = T.copy()
    silent[:, 2] = 0.0
    noise = counts(T, np.zeros((P, 2)), seed=5)
    found = edges_given_network(silent, *nothing(T), noise, ["A", "B"], sigma=SIGMA, seed=0)
    assert np.isnan(found.z[2]).all()
    assert (found.inclusion[2] == 0).all()


def test_a_path_that_the_network_missed_is_no_direct_effect():
    """0 → 1 → responder, where T lacks 0 → 1: its observed effect takes the place, and 0 has no edge."""
    T = np.diag([-1.0, -0.3, -1.0])
    observed = np.array([[-1.0, -0.6, 0.0], [0.0, -0.3, 0.0], [0.0, 0.0, -1.0]])
    R = 40
    theta = np.tile([[0.0], [0.5], [0.0]], R)
    noise = counts(observed, theta, seed=4, level=400.0)
    p_nodes = np.where(observed != 0, 1e-3, 0.6)
    on_responders = observed @ theta, np.full((3, R), 0.05), np.where(observed @ theta != 0, 0.01, 0.6)
    se, nothing_below = np.full((3, 3), 0.02), np.zeros((3, 3), dtype=bool)
    known = Observed(observed, se, p_nodes, *on_responders, nothing_below)
    options = {"sigma": SIGMA, "seed": 0}
    names = [f"R{i}" for i in range(R)]
    missed = edges_given_network(T, *nothing(T), noise, names, **options)
    held = missed.inclusion[0] > 0.5
    assert held.mean() > 0.8
    assert (np.abs(missed.z[0, held]) > 2).mean() > 0.9
    found = edges_given_network(T, *nothing(T), noise, names, observed=known, **options)
    np.testing.assert_array_equal(found.inclusion, missed.inclusion)
    rejected = np.abs(found.z[0, held]) > 1.96
    assert rejected.mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / held.sum())
    unknown = Observed(observed, se, np.ones((3, 3)), *on_responders, nothing_below)
    same = edges_given_network(T, *nothing(T), noise, names, observed=unknown, **options)
    np.testing.assert_array_equal(same.z, missed.z)


def test_a_node_that_does_not_move_itself_is_adjusted_for():
    """0 → 1 → responder, where the knock-down of 1 is no instrument: what 0 does through 1 is not said to be direct."""
    observed = np.array([[-1.0, -0.6, 0.0], [0.0, -0.1, 0.0], [0.0, 0.0, -1.0]])
    R = 60
    noise = counts(observed, np.tile([[0.0], [0.7], [0.0]], R), seed=6, level=300.0)
    used = np.array([True, False, True])
    T = np.where(used[:, None] & used, observed, 0.0)
    below, p_nodes = observed != 0, np.where(observed != 0, 1e-3, 0.6)
    on_responders = observed @ np.tile([[0.0], [0.7], [0.0]], R), np.full((3, R), 0.06), np.full((3, R), 0.5)
    seen = Observed(observed, np.full((3, 3), 0.04), p_nodes, *on_responders, below)
    names, options = [f"R{i}" for i in range(R)], {"sigma": SIGMA, "seed": 0, "used": used}
    blind = edges_given_network(T, *nothing(T), noise, names, **options)
    assert (np.abs(blind.z[0]) > 3).mean() > 0.9
    found = edges_given_network(T, *nothing(T), noise, names, observed=seen, **options)
    held = found.inclusion[0] > 0.25
    assert held.mean() > 0.8
    assert (np.abs(found.z[0, held]) > 1.96).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / held.sum())

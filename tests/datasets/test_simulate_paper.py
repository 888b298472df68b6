"""`paper_fig2` against the data that the authors' own script simulated.

Every feature of their two replicates must lie where the features of our replicates lie: the standard deviation
over our seeds is the Monte-Carlo error of each, and the mean square of their z-scores must be one that our own
replicates reach. Their two replicates share the cells (assignment and L), so they are no independent pair.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from data_files import fixture

import argen as ag
from argen.datasets._presets import PRESETS

pytestmark = pytest.mark.slow

GENES = [f"X{number}" for number in range(1, 9)]
LABELS = ["control", *GENES]


def sim8(*parts):
    return fixture("sim8", *parts)


@pytest.fixture(scope="module")
def theirs():
    obs = pd.read_csv(sim8("obs.csv.gz"))
    replicates = []
    for seed in ("seed1", "seed2"):
        counts = pd.read_csv(sim8(seed, "counts.csv.gz"))[GENES].to_numpy()
        depth = pd.read_csv(sim8(seed, "depth.csv"))["depth"].to_numpy()
        replicates.append((obs["Z"].to_numpy(), obs["L"].to_numpy(), depth, counts))
    return replicates


@pytest.fixture(scope="module")
def ours():
    return [arrays(ag.datasets.simulate("paper_fig2", rng=seed)) for seed in range(120)]


def arrays(adata):
    target = pd.Categorical(adata.obs["perturbation"], categories=LABELS).codes.astype(int)
    return target, adata.obs["L"].to_numpy(), adata.obs["depth"].to_numpy(), adata.X.toarray()


def cells_of_groups(target, L, depth, counts):
    return np.bincount(target, minlength=9)


def assignment(target, L, depth, counts):
    """Spread of L, its relation to being a control cell (also as log-odds), its mean in every group."""
    control = target == 0
    means = [L[target == group].mean() for group in range(9)]
    logit = sm.Logit(control.astype(float), sm.add_constant(L)).fit(disp=0).params
    return np.array([L.mean(), L.std(), L[control].std(), np.corrcoef(L, control)[0, 1], *logit, *means])


def depth_quantiles(target, L, depth, counts):
    exact = [(depth == value).mean() for value in (1, 5, 10, 15)]
    return np.array([depth.mean(), depth.std(), np.corrcoef(L, depth)[0, 1], *exact])


def log_counts(target, L, depth, counts):
    """Mean, spread and share of zeros in control cells, mean in the cells of every target (own and others)."""
    y = np.log1p(counts)
    control = target == 0
    means = [y[target == group].mean(axis=0) for group in range(9)]
    return np.concatenate([*means, y[control].std(axis=0), (counts[control] == 0).mean(axis=0)])


def correlations(target, L, depth, counts):
    """Between genes, and of every gene with L and depth, in control cells: structure, confounding, noise."""
    control = target == 0
    table = np.column_stack([np.log1p(counts), L, np.log(depth)])[control]
    return np.corrcoef(table.T)[np.triu_indices(10, 1)]


FEATURES = [cells_of_groups, assignment, depth_quantiles, log_counts, correlations]


def z_scores(values, spread):
    return (values - spread.mean(axis=0)) / spread.std(axis=0, ddof=1)


def agrees(values, spread):
    """No value is far out, and all together are no further out than one of ours."""
    limit = np.mean(z_scores(spread, spread) ** 2, axis=1).max()
    z = z_scores(values, spread)
    return np.abs(z).max() < 4.5 and np.mean(z**2) < limit


@pytest.mark.parametrize("feature", FEATURES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("replicate", [0, 1])
def test_their_data_lie_within_the_spread_of_ours(theirs, ours, feature, replicate):
    spread = np.array([feature(*screen) for screen in ours])
    assert agrees(feature(*theirs[replicate]), spread), z_scores(feature(*theirs[replicate]), spread)


CHANGES = [
    {"noise_sd": 0.55},
    {"confounder_effect": -0.45},
    {"depth_mean": 10.3},
    {"knockdown": -4.5},
    {"intercept": -0.45},
    {"control_slope": {"L": 4.5}},
    {"control_fraction": 0.82},
    {"confounder_slope": {"L": 0.4}},
    {"dispersion": 0.1},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_wrong_parameter_would_be_noticed(theirs, change, monkeypatch):
    """The comparison has power: a small change of one parameter pushes some feature out of the spread."""
    monkeypatch.setitem(PRESETS, "paper_fig2", replace(PRESETS["paper_fig2"], **change))
    screens = [arrays(ag.datasets.simulate("paper_fig2", rng=seed)) for seed in range(40)]
    spreads = ((feature, np.array([feature(*screen) for screen in screens])) for feature in FEATURES)
    assert not all(agrees(feature(*replicate), spread) for feature, spread in spreads for replicate in theirs)


def test_the_truth_is_theirs():
    edges = pd.read_csv(sim8("true_edges.csv"))
    truth = pd.DataFrame(0.0, index=GENES, columns=GENES)
    for row in edges.itertuples(index=False):
        truth.loc[row[0], row[1]] = row[2]
    adata = ag.datasets.simulate("paper_fig2", n_cells=50)
    assert adata.var_names.tolist() == GENES
    np.testing.assert_array_equal(adata.varp["truth"].toarray(), truth)


def test_their_edge_table_gives_the_preset():
    edges = pd.read_csv(sim8("true_edges.csv"))
    given = ag.datasets.simulate("paper_fig2", dag=edges, n_cells=500)
    np.testing.assert_array_equal(given.X.toarray(), ag.datasets.simulate("paper_fig2", n_cells=500).X.toarray())


def test_omitted_analysis_keeps_as_many_cells_as_theirs(ours):
    obs = pd.read_csv(sim8("obs.csv.gz"))
    shares = [np.isin(target, [7, 8], invert=True).sum() for target, *_ in ours]
    assert abs(obs["in_omitted"].sum() - np.mean(shares)) < 4.5 * np.std(shares)
    omitted = ag.datasets.simulate("paper_fig2", rng=0, omit=("X7", "X8"))
    assert omitted.shape == (shares[0], 6)
    assert set(omitted.obs["perturbation"]) == {"control", *GENES[:6]}

"""The split of cells and CausalBench's metrics against scipy, pair by pair."""

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse, stats

import argen as ag
from argen.errors import CountsError, DesignError, InputError, MissingResultError

EDGES = pd.DataFrame({"source": ["A", "B", "A"], "target": ["B", "C", "D"], "coef": [0.9, -0.9, 0.5]})


@pytest.fixture(scope="module")
def screen():
    """Six perturbations among forty genes, so that the total count of a cell hardly depends on them."""
    genes = [*"ABCDEF", *(f"other{number}" for number in range(34))]
    sizes = {"cells_per_perturbation": 150, "n_controls": 400, "knockdown": -2.0, "intercept": 2.0, "noise_sd": 0.5}
    return ag.datasets.simulate(genes=genes, perturbations=list("ABCDEF"), dag=EDGES, **sizes, rng=1)


def expected_pairs(adata, pairs, layer=None):
    """Distances and p-values with scanpy's normalisation and scipy's functions."""
    data = adata.copy() if layer is None else AnnData(adata.layers[layer].copy(), adata.obs, adata.var)
    if layer is None:
        sc.pp.normalize_total(data)
        sc.pp.log1p(data)
    frame, labels = data.to_df(), data.obs["perturbation"].astype(str)
    result = []
    for parent, child in pairs:
        control, moved = (frame.loc[(labels == label).to_numpy(), child] for label in ("control", parent))
        result.append([stats.wasserstein_distance(control, moved), stats.mannwhitneyu(control, moved).pvalue])
    return np.array(result)


def test_causalbench_is_scipy_pair_by_pair(screen):
    figures = ag.metrics.causalbench(
        screen, EDGES, perturbation_key="perturbation", genes=list("ABCDEF"), n_omitted=None
    )
    present = expected_pairs(screen, EDGES[["source", "target"]].to_numpy())
    connected = {("A", "B"), ("B", "C"), ("A", "D"), ("A", "C")}  # A → B → C joins A and C
    omitted = [(a, b) for a in "ABCDEF" for b in "ABCDEF" if a != b and (a, b) not in connected]
    absent = expected_pairs(screen, omitted)
    expected = {
        "mean_wasserstein": present[:, 0].mean(),
        "significant_edges": (present[:, 1] < 0.05).mean(),
        "false_omission_rate": (absent[:, 1] < 0.05).mean(),
        "mean_wasserstein_omitted": absent[:, 0].mean(),
        "n_edges": 3,
        "n_edges_tested": 3,
        "n_omitted": 26,
        "n_omitted_tested": 26,
    }
    pd.testing.assert_series_equal(figures, pd.Series(expected, dtype=float), rtol=1e-6)
    assert figures["significant_edges"] == 1
    assert figures["false_omission_rate"] < 0.3


def test_omitting_true_effects_raises_the_false_omission_rate(screen):
    rates = [
        ag.metrics.causalbench(
            screen, EDGES.iloc[:n], perturbation_key="perturbation", genes=list("ABCDEF"), n_omitted=None
        )["false_omission_rate"]
        for n in (1, 2, 3)
    ]
    assert rates[0] > rates[1] > rates[2]


def test_storage_layer_and_labels_make_no_difference(screen):
    options = {"perturbation_key": "perturbation", "genes": list("ABCDEF"), "n_omitted": None}
    figures = ag.metrics.causalbench(screen, EDGES, **options)
    other = screen.copy()
    other.layers["counts"] = sparse.csc_array(other.X.astype(int))
    sc.pp.normalize_total(other)
    sc.pp.log1p(other)
    other.obs["perturbation"] = other.obs["perturbation"].astype(str).astype(object)
    controls = np.flatnonzero(other.obs["perturbation"] == "control")
    other.obs.iloc[controls[:100], other.obs.columns.get_loc("perturbation")] = "safe"
    options["control"] = ["control", "safe"]
    pd.testing.assert_series_equal(figures, ag.metrics.causalbench(other, EDGES, layer="counts", **options))
    by_values = ag.metrics.causalbench(other, EDGES, normalize=False, **options)
    pd.testing.assert_series_equal(figures, by_values, rtol=1e-5)
    other.layers["counts"] = other.layers["counts"].toarray()
    genes = np.random.default_rng(1).permutation(other.var_names)
    shuffled = other[np.random.default_rng(0).permutation(other.n_obs), genes]
    pd.testing.assert_series_equal(figures, ag.metrics.causalbench(shuffled, EDGES, layer="counts", **options))


def test_omitted_pairs_are_drawn_by_rng(screen):
    options = {"perturbation_key": "perturbation", "genes": list("ABCDEF"), "n_omitted": 10}
    drawn = [ag.metrics.causalbench(screen, EDGES, rng=rng, **options) for rng in (1, 1, 2)]
    pd.testing.assert_series_equal(drawn[0], drawn[1])
    assert drawn[0]["mean_wasserstein_omitted"] != drawn[2]["mean_wasserstein_omitted"]
    assert drawn[0][["n_omitted", "n_omitted_tested"]].tolist() == [26, 10]


def test_parents_without_held_out_cells_and_empty_networks(screen):
    part = screen[screen.obs["perturbation"] != "B"]
    figures = ag.metrics.causalbench(part, EDGES, perturbation_key="perturbation", genes=list("ABCDEF"), n_omitted=None)
    assert figures[["n_edges", "n_edges_tested", "n_omitted", "n_omitted_tested"]].tolist() == [3, 2, 26, 22]
    nothing = np.zeros((6, 6))
    figures = ag.metrics.causalbench(
        screen, nothing, perturbation_key="perturbation", genes=list("ABCDEF"), n_omitted=None
    )
    assert figures["n_omitted_tested"] == 30
    assert figures[["mean_wasserstein", "significant_edges"]].isna().all()
    controls = screen[screen.obs["perturbation"] == "control"]
    figures = ag.metrics.causalbench(controls, EDGES, perturbation_key="perturbation")
    assert np.isnan(figures["false_omission_rate"])


def test_genes_without_counts_and_cells_without_counts(screen):
    part = screen.copy()
    counts = part.X.toarray()
    counts[:, part.var_names.get_loc("C")] = 0
    counts[:5] = 0
    part.X = counts
    figures = ag.metrics.causalbench(part, EDGES, perturbation_key="perturbation")
    expected = expected_pairs(part[5:], EDGES[["source", "target"]].to_numpy())
    assert figures["mean_wasserstein"] == pytest.approx(expected[:, 0].mean(), rel=1e-6)
    distance, p = expected[1]
    assert distance == 0
    assert not p < 1  # scipy 1.18 gives NaN for values that are all equal


def test_a_network_learned_on_the_other_cells(screen):
    held_out = ag.metrics.hold_out(screen, perturbation_key="perturbation", fraction=0.4, rng=2)
    train = screen[~held_out].copy()
    ag.tl.argen_dag(train, perturbation_key="perturbation", closure="acyclic")
    figures = ag.metrics.causalbench(screen[held_out], train, perturbation_key="perturbation", n_omitted=None)
    edges = ag.get.edges(train)
    expected = expected_pairs(screen[held_out], edges[["source", "target"]].to_numpy())
    assert figures["mean_wasserstein"] == pytest.approx(expected[:, 0].mean(), rel=1e-6)
    assert figures["mean_wasserstein"] > 2 * figures["mean_wasserstein_omitted"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"perturbation_key": "gene"}, InputError, "perturbation_key='gene' is not an obs column"),
        ({"control": "ctrl"}, DesignError, "control='ctrl'; labels: 'A', 'B'"),
        ({"layer": "raw"}, InputError, "layer='raw' is not in adata.layers. Layers: scaled"),
        ({"layer": "scaled"}, CountsError, r"adata.layers\['scaled'\] .*normalize=False"),
        ({"alpha": 0}, InputError, "alpha=0"),
        ({"genes": ["A", "B"]}, InputError, "network names genes that are not among genes=: C, D"),
        ({"genes": ["A", "B", "C", "D", "Z"]}, InputError, "look at Z"),
        ({"network": pd.DataFrame({"source": ["A"], "target": ["Q"]})}, InputError, "look at Q"),
    ],
)
def test_bad_input_is_named(screen, options, error, message):
    adata = screen.copy()
    adata.layers["scaled"] = adata.X * 0.5
    options = {"perturbation_key": "perturbation", "network": EDGES} | options
    with pytest.raises(error, match=message):
        ag.metrics.causalbench(adata, **options)


def test_bad_networks_and_values_are_named(screen):
    with pytest.raises(MissingResultError, match="network has no network 'argen_dag'"):
        ag.metrics.causalbench(screen, screen, perturbation_key="perturbation")
    adata = screen.copy()
    adata.X = adata.X.toarray()
    adata.X[0, 0] = np.nan
    with pytest.raises(InputError, match=r"adata\.X holds NaN"):
        ag.metrics.causalbench(adata, EDGES, perturbation_key="perturbation", normalize=False)
    adata.var_names = ["A", "A", *adata.var_names[2:]]
    with pytest.raises(InputError, match="look at A"):
        ag.metrics.causalbench(adata, EDGES, perturbation_key="perturbation")
    empty = AnnData(obs=screen.obs, var=screen.var)
    with pytest.raises(InputError, match=r"adata\.X is empty"):
        ag.metrics.causalbench(empty, EDGES, perturbation_key="perturbation")


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.01])
def test_hold_out_takes_the_same_share_of_every_target(screen, fraction):
    held_out = ag.metrics.hold_out(screen, perturbation_key="perturbation", fraction=fraction)
    assert held_out.name == "held_out"
    assert held_out.dtype == bool
    assert held_out.index.equals(screen.obs_names)
    n = screen.obs.groupby("perturbation", observed=True).size()
    expected = (fraction * n).round().clip(lower=1)
    pd.testing.assert_series_equal(
        held_out.groupby(screen.obs["perturbation"], observed=True).sum(),
        expected,
        check_dtype=False,
        check_names=False,
    )


def test_hold_out_is_random_but_seeded(screen):
    first, again, other = (ag.metrics.hold_out(screen, perturbation_key="perturbation", rng=rng) for rng in (0, 0, 1))
    pd.testing.assert_series_equal(first, again)
    assert (first != other).any()
    reordered = screen.copy()
    reordered.obs["perturbation"] = reordered.obs["perturbation"].cat.reorder_categories([*"FEDCBA", "control"])
    pd.testing.assert_series_equal(first, ag.metrics.hold_out(reordered, perturbation_key="perturbation"))


def test_hold_out_of_few_cells_and_missing_labels():
    labels = pd.Categorical(["one", "two", "two", "three", "three", "three", None, None])
    adata = AnnData(np.ones((8, 1)), obs=pd.DataFrame({"t": labels}, index=[f"c{i}" for i in range(8)]))
    held_out = ag.metrics.hold_out(adata, perturbation_key="t", fraction=0.9).to_numpy()
    assert not held_out[0]
    assert [held_out[1:3].sum(), held_out[3:6].sum(), held_out[6:].sum()] == [1, 2, 1]
    for options, message in (
        ({"perturbation_key": "x"}, "perturbation_key='x'"),
        ({"perturbation_key": "t", "fraction": 1}, "fraction=1"),
    ):
        with pytest.raises(InputError, match=message):
            ag.metrics.hold_out(adata, **options)
    with pytest.raises(InputError, match="takes an AnnData, not a list"):
        ag.metrics.hold_out([1, 2])

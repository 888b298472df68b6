"""metrics.evaluate against R's own figures, sklearn, and sums written out by hand."""

import mudata
import numpy as np
import pandas as pd
import pytest
from data_files import fixture
from scipy import sparse, stats
from sklearn.metrics import average_precision_score

import argen as ag
from argen._bridge.mudatas import columns_stay
from argen.errors import ArgenWarning, InputError, MissingResultError

SIM8_GENES = [f"X{number}" for number in range(1, 9)]
STRUCTURE = ["n_edges", "n_true_edges", "true_positives", "precision", "recall", "f1", "shd", "sid"]


def true_sim8():
    return pd.read_csv(fixture("sim8", "true_edges.csv"))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("analysis", ["Full", "Omitted"])
def test_figures_of_the_authors_run(seed, analysis):
    """X7 and X8 are roots, so hiding them adds no edge to the truth."""
    folder = fixture("sim8", f"seed{seed}", analysis)
    edges = pd.read_csv(folder / "edge_structure_all.csv").rename(columns={"p_raw": "p"})
    order = pd.read_csv(folder / "causal_order.csv")["node"]
    expected = pd.read_csv(fixture("sim8", "metrics.csv")).query("rep == @seed and analysis == @analysis")
    figures = ag.metrics.evaluate(edges, true_sim8(), genes=order, order=order)
    for name, column in {"n_edges": "n_est", "true_positives": "tp", "shd": "shd"}.items():
        assert figures[name] == expected[column].item()
    for name in ("precision", "recall"):
        assert figures[name] == pytest.approx(expected[name].item(), rel=1e-12)
    assert 0.8 < figures["order_agreement"] <= 1
    assert figures["n_candidates"] == len(edges)


def test_figures_of_inspre_which_draws_cycles():
    edges = pd.read_csv(fixture("inspre", "sim8_G_long.csv.gz")).set_index(["rep", "analysis", "variant"])
    expected = pd.read_csv(fixture("inspre", "sim8_metrics.csv"))
    known = expected[expected["rep"] <= 5].set_index(["rep", "analysis", "variant"])
    n_cyclic = 0
    for run, row in known.iterrows():
        estimate = edges.loc[run]
        estimate = estimate[estimate["G_z"].abs() > row["thr"]]
        genes = SIM8_GENES[: 6 if run[1] == "Omitted" else 8]
        figures = ag.metrics.evaluate(estimate[["from", "to"]], true_sim8(), genes=genes, sid=False)
        assert figures[["n_edges", "true_positives", "shd"]].tolist() == row[["n_est", "tp", "shd"]].tolist()
        assert figures["recall"] == pytest.approx(row["recall"])
        n_cyclic += bool((estimate["from"] + estimate["to"]).isin(estimate["to"] + estimate["from"]).any())
    assert n_cyclic > 10


@pytest.fixture(scope="module")
def simulated():
    """Estimates for every pair of a known order, right where it counts but for noise; and the truth."""
    rng = np.random.default_rng(4)
    genes = [f"g{number:02d}" for number in range(30)]
    truth = np.triu(rng.uniform(0.2, 0.8, (30, 30)) * rng.choice([-1, 1], (30, 30)), k=1)
    truth[rng.random((30, 30)) > 0.1] = 0.0
    order = np.arange(30)
    order[[3, 9]] = order[[9, 3]]
    early, late = np.triu_indices(30, k=1)
    source, target = order[early], order[late]
    kept = rng.random(source.size) < 0.8
    source, target = source[kept], target[kept]
    se = rng.uniform(0.05, 0.2, source.size)
    coef = 0.9 * truth[source, target] + se * rng.normal(size=source.size)
    p = 2 * stats.norm.sf(np.abs(coef / se))
    names = np.array(genes)
    table = pd.DataFrame({"source": names[source], "target": names[target], "coef": coef, "se": se, "p": p})
    table["selected"] = table["p"] < 0.02
    table.loc[table.index[:5], ["coef", "se", "p"]] = np.nan  # what could not be estimated
    table.loc[table.index[:5], "selected"] = False
    shuffled = table.sample(frac=1, random_state=0)
    return shuffled, pd.DataFrame(truth, index=genes, columns=genes), [genes[at] for at in order]


def test_figures_about_coefficients_by_hand(simulated):
    table, truth, order = simulated
    figures = ag.metrics.evaluate(table, truth, order=order, alpha=0.1, level=0.9)
    errors, true_errors, shrinkage, covered, true_covered, signs, rejected = [], [], [], [], [], [], []
    for row in table.itertuples():
        theta = truth.loc[row.source, row.target]
        if theta and row.selected:
            signs.append(row.coef * theta > 0)
        if np.isnan(row.coef):
            continue
        errors.append(row.coef - theta)
        covered.append(row.coef - 1.6448536 * row.se < theta < row.coef + 1.6448536 * row.se)
        if theta:
            true_errors.append(errors[-1])
            shrinkage.append(errors[-1] if theta > 0 else -errors[-1])
            true_covered.append(covered[-1])
        else:
            rejected.append(row.p < 0.1)
    expected = {
        "bias": np.mean(true_errors),
        "magnitude_bias": np.mean(shrinkage),
        "rmse": np.sqrt(np.mean(np.square(true_errors))),
        "rmse_candidates": np.sqrt(np.mean(np.square(errors))),
        "coverage": np.mean(true_covered),
        "coverage_candidates": np.mean(covered),
        "sign_agreement": np.mean(signs),
        "null_rejection": np.mean(rejected),
        "n_candidates": len(table),
        "n_edges": table["selected"].sum(),
        "n_true_edges": np.count_nonzero(truth),
    }
    pd.testing.assert_series_equal(figures[list(expected)], pd.Series(expected), check_dtype=False)
    assert len(true_errors) < figures["n_true_edges"]
    assert figures["magnitude_bias"] < 0 < figures["bias"] ** 2
    assert figures.dtype == float
    assert figures.notna().all()


def test_auprc_is_that_of_sklearn_over_all_ordered_pairs(simulated):
    table, truth, _ = simulated
    p = pd.Series(table["p"].fillna(2.0).to_numpy(), index=pd.MultiIndex.from_frame(table[["source", "target"]]))
    pairs = pd.MultiIndex.from_product([truth.index, truth.index])
    pairs = pairs[pairs.get_level_values(0) != pairs.get_level_values(1)]
    label = [truth.loc[pair] != 0 for pair in pairs]
    expected = average_precision_score(label, -p.reindex(pairs).fillna(2.0))
    assert ag.metrics.evaluate(table, truth)["auprc"] == pytest.approx(expected, rel=1e-12)
    size = pd.Series(table["coef"].abs().to_numpy(), index=p.index).reindex(pairs).fillna(-1.0)
    by_size = ag.metrics.evaluate(table, truth, rank_by="coef")["auprc"]
    assert by_size == pytest.approx(average_precision_score(label, size), rel=1e-12)
    assert np.isnan(ag.metrics.evaluate(table.drop(columns="p"), truth)["auprc"])


def test_auprc_breaks_ties_of_vanishing_p_values_by_z():
    table = pd.DataFrame({"source": ["A", "A"], "target": ["B", "C"], "p": [0.0, 0.0], "z": [40.0, -50.0]})
    truth = pd.DataFrame({"source": ["A"], "target": ["C"]})
    assert ag.metrics.evaluate(table, truth)["auprc"] == 1
    assert ag.metrics.evaluate(table.drop(columns="z"), truth)["auprc"] == 0.5


@pytest.fixture(scope="module")
def analysed():
    adata = ag.datasets.simulate("paper_fig2", rng=3)
    ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth", closure="acyclic")
    return adata


def test_every_form_of_a_network_gives_the_same_figures(analysed):
    figures = ag.metrics.evaluate(analysed, analysed)
    assert figures["recall"] > 0.8
    candidates = ag.get.edges(analysed, selected=False)
    truth = analysed.uns["simulation"]["tables"]["edges"]
    order = list(analysed.uns["argen_dag"]["tables"]["order"])
    pd.testing.assert_series_equal(figures, ag.metrics.evaluate(candidates, truth, order=order))
    matrix = analysed.varp["argen_dag"]
    labelled = pd.DataFrame(matrix.toarray(), index=analysed.var_names, columns=analysed.var_names)
    shuffled = labelled.loc[SIM8_GENES[::-1], SIM8_GENES[3:] + SIM8_GENES[:3]]
    renamed = ag.get.edges(analysed)[["source", "target", "coef"]].set_axis(["parent", "child", "weight"], axis=1)
    for estimate in (matrix, matrix.toarray(), sparse.csc_array(matrix), labelled, shuffled, renamed):
        for true in (analysed, analysed.varp["truth"], analysed.varp["truth"].toarray(), truth):
            same = [*STRUCTURE, "sign_agreement", "n_true_candidates"]
            other = ag.metrics.evaluate(estimate, true, genes=SIM8_GENES, order=order)
            pd.testing.assert_series_equal(other[same][:-1], figures[same][:-1])
    matrix_only = ag.metrics.evaluate(matrix, analysed)
    assert matrix_only[["order_agreement", "coverage", "auprc", "null_rejection"]].isna().all()
    assert matrix_only["n_candidates"] == matrix_only["n_edges"]


def test_results_and_matrices_are_found_by_key(analysed):
    adata = analysed.copy()
    adata.varp["other"] = adata.varp["truth"].copy()
    figures = ag.metrics.evaluate(adata, adata, key="other")
    assert figures[["precision", "recall", "sign_agreement"]].tolist() == [1, 1, 1]
    assert figures[["shd", "sid", "rmse"]].tolist() == [0, 0, 0]
    swapped = ag.metrics.evaluate(adata, adata, key="other", truth_key="argen_dag")
    assert (
        swapped[["recall", "precision"]].tolist() == ag.metrics.evaluate(adata, adata)[["precision", "recall"]].tolist()
    )
    with pytest.raises(MissingResultError, match=r"estimate has no network 'nope' .*argen_dag.*truth"):
        ag.metrics.evaluate(adata, adata, key="nope")
    with pytest.raises(
        MissingResultError, match=r"'argen_descendants'\] holds a descendant step, not a result of ag.tl.argen_dag"
    ):
        ag.metrics.evaluate(adata, adata, key="argen_descendants")


def test_edges_of_genes_that_are_gone_are_left_out(analysed):
    part = analysed[:, SIM8_GENES[:6]].copy()
    with pytest.warns(ArgenWarning, match="2 of the 8 genes of .* left out: X7, X8"):
        figures = ag.metrics.evaluate(part, part)
    with pytest.warns(ArgenWarning, match="2 of the 8 genes"):
        n_candidates = len(ag.get.edges(part, selected=False))
    assert figures["n_genes"] == 6
    assert figures["n_candidates"] == n_candidates
    assert 0.8 < figures["order_agreement"] <= 1


def test_structure_only_has_no_figures_about_coefficients(analysed):
    truth = analysed.varp["truth"].toarray()
    for estimate in (truth != 0, (truth != 0).astype(int), sparse.csr_array(truth != 0)):
        figures = ag.metrics.evaluate(estimate, analysed)
        assert figures[["precision", "recall", "shd", "sid"]].tolist() == [1, 1, 0, 0]
        assert figures[["sign_agreement", "bias", "rmse", "coverage"]].isna().all()


def test_hidden_genes_of_the_truth_are_marginalised_as_the_simulator_does():
    edges = pd.DataFrame(
        {"source": ["A", "B", "A", "C", "D"], "target": ["B", "C", "C", "D", "E"], "coef": [0.5, 0.4, -0.2, 0.6, 0.3]}
    )
    genes = ["A", "C", "E"]
    hidden = ag.datasets.simulate(
        genes=list("ABCDE"), dag=edges, omit=["B", "D"], cells_per_perturbation=20, n_controls=20
    )
    estimate = hidden.varp["truth"]
    figures = ag.metrics.evaluate(estimate, edges, genes=genes)
    assert figures[["n_edges", "n_true_edges", "shd", "sid"]].tolist() == [1, 1, 0, 0]  # A → C cancels to 0
    edges.loc[2, "coef"] = 0.2
    figures = ag.metrics.evaluate(np.array([[0, 0.4, 0], [0, 0, 0.18], [0, 0, 0]]), edges, genes=genes)
    assert figures[["n_true_edges", "shd"]].tolist() == [2, 0]
    assert figures["rmse"] == pytest.approx(0, abs=1e-12)
    unweighted = ag.metrics.evaluate(estimate, edges[["source", "target"]], genes=genes)
    assert unweighted[["n_true_edges", "true_positives"]].tolist() == [2, 1]


def test_empty_networks():
    truth = np.array([[0, 0.5], [0, 0]])
    figures = ag.metrics.evaluate(np.zeros((2, 2)), truth)
    assert figures[["n_edges", "recall", "f1", "shd"]].tolist() == [0, 0, 0, 1]
    assert figures[["precision", "bias", "coverage", "auprc"]].isna().all()
    figures = ag.metrics.evaluate(truth, np.zeros((2, 2)), order=["0", "1"])
    assert figures[["precision", "shd"]].tolist() == [0, 1]
    assert figures[["recall", "order_agreement"]].isna().all()


def test_four_hundred_genes():
    rng = np.random.default_rng(0)
    truth, estimate = (np.triu(rng.normal(size=(400, 400)) * (rng.random((400, 400)) < 0.01), k=1) for _ in range(2))
    figures = ag.metrics.evaluate(estimate, truth)
    assert figures["sid"] > 1000


CHAIN = pd.DataFrame({"source": ["A", "B"], "target": ["B", "C"], "coef": [0.5, 0.5]})


@pytest.mark.parametrize(
    ("estimate", "options", "message"),
    [
        (pd.DataFrame(np.zeros((2, 2)), list("AB"), list("AB")), {}, "names genes .* not among those compared: C"),
        (pd.DataFrame({"source": ["A"], "target": ["Z"]}), {"genes": ["A", "B", "C"]}, "estimate names genes .*: Z"),
        (pd.DataFrame({"src": ["A"], "target": ["B"]}), {}, r"no column 'source' \(nor parent, from\); .* src, target"),
        (pd.DataFrame({"source": ["A"], "to_": ["B"]}), {}, "no column 'target'"),
        (pd.DataFrame({"source": ["A", "A"], "target": ["B", "B"]}), {}, "more than once: A → B"),
        (pd.DataFrame({"source": ["A"], "target": ["A"]}), {}, "genes on themselves: A"),
        (pd.DataFrame({"source": ["A"], "target": [None]}), {}, "without a source or a target"),
        (CHAIN.assign(se=["a", "b"]), {}, "column 'se' holds values that are not numbers"),
        (CHAIN.assign(selected=["no", "yes"]), {}, "neither True nor False"),
        (
            pd.DataFrame({"source": ["A", "B", "C"], "target": ["B", "C", "A"]}),
            {},
            "estimate is not acyclic: .* → .*sid",
        ),
        (CHAIN, {"order": ["A", "B"]}, "order .* missing, unknown or repeated: C"),
        (CHAIN, {"order": ["A", "B", "C", "C"]}, "repeated: C"),
        (CHAIN, {"rank_by": "strength"}, "rank_by='strength' is not a column"),
        (CHAIN, {"alpha": 5}, "alpha=5"),
        (CHAIN, {"level": "high"}, "level='high'"),
        (np.zeros((2, 2)), {"genes": ["A", "B", "C"]}, r"shape \(2, 2\), expected \(3, 3\)"),
        (np.zeros((2, 3)), {}, r"shape \(2, 3\), expected"),
        (np.full((3, 3), np.nan), {"genes": list("ABC")}, "NaN or infinite"),
        (np.zeros((2, 2)), {"genes": ["A", "A"]}, "names genes more than once: A"),
        (np.eye(3), {"genes": list("ABC")}, "genes on themselves: A, B, C"),
        ("network.csv", {}, "estimate is none of these"),
        ({"A": "B"}, {}, "estimate is none of these"),
        ([[1], [2, 3]], {}, "estimate is none of these"),
    ],
)
def test_bad_input_is_named(estimate, options, message):
    with pytest.raises(InputError, match=message):
        ag.metrics.evaluate(estimate, CHAIN, **options)


@pytest.mark.filterwarnings("ignore:2 of the 8 genes:argen.errors.ArgenWarning")
def test_differing_gene_sets_are_named(analysed):
    labelled = pd.DataFrame(np.zeros((3, 3)), index=["X1", "X2", "Z"], columns=["X1", "X2", "Z"])
    with pytest.raises(InputError, match="only estimate has Z; only truth has X3, X4, X5, X6, X7, X8"):
        ag.metrics.evaluate(labelled, analysed)
    smaller = analysed[:, SIM8_GENES[:6]].copy()
    with pytest.raises(InputError, match=r"only truth has X7, X8\. Give the genes of the estimate as genes="):
        ag.metrics.evaluate(smaller, analysed)
    assert ag.metrics.evaluate(smaller, analysed, genes=SIM8_GENES[:6])["n_genes"] == 6
    with pytest.raises(InputError, match="estimate and genes= are about different genes: only estimate has X6"):
        ag.metrics.evaluate(smaller, analysed, genes=SIM8_GENES[:5])
    with pytest.raises(InputError, match="genes that the truth does not have: A, B, C, X7, X8"):
        ag.metrics.evaluate(CHAIN, smaller, genes=["A", "B", "C", "X7", "X8"])


def test_mudata_is_refused(analysed):
    with columns_stay():
        mdata = mudata.MuData({"rna": analysed.copy()})
    with pytest.raises(InputError, match=r"not a MuData: .* mdata\['rna'\]"):
        ag.metrics.evaluate(mdata, analysed)


def test_cycles_of_the_truth_are_named():
    loop = pd.DataFrame({"source": ["A", "B", "C"], "target": ["B", "C", "B"]})
    with pytest.raises(InputError, match=r"truth is not acyclic: (B → C → B|C → B → C)\."):
        ag.metrics.evaluate(CHAIN, loop)
    with pytest.raises(InputError, match="truth is not acyclic"):
        ag.metrics.evaluate(CHAIN.iloc[:1], loop, genes=["A", "B"])
    assert ag.metrics.evaluate(loop, CHAIN, sid=False)["shd"] == 1

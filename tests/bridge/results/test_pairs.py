"""What is kept of the pairs of a large step, and what is made of it: the same as of a table of all pairs."""

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, toy

import argen as ag
from argen._bridge.results import pairs
from argen._core.descendants.closure import descendant_relation
from argen._core.fdr import adjusted
from argen._core.results import DescendantTests
from argen.errors import ArgenWarning

STEP, ARRAYS = "argen_descendants", ("effect", "log_p", "status")
UNKNOWN = ["se", "count", "expected_count", "mde", "mde_decrease", "mde_increase"]
ROUNDED = ["effect", "z", "p", "padj"]
N = 8


def run(adata, *, large, **options):
    with pytest.MonkeyPatch.context() as patch:
        if large:
            patch.setattr(pairs, "MANY_PAIRS", 0)
        ag.tl.argen_descendants(adata, perturbation_key="perturbation", depth="depth", n_jobs=1, **options)


def both(**options):
    """The same screen with a table of all pairs and with that of a large step; among its counts are few and none."""
    whole = ag.datasets.simulate(
        genes=N, responders=60, n_controls=600, cells_per_perturbation=60, intercept=(-2.0, 1.5), rng=0,
        edge_effect=(0.4, 0.9), knockdown=(-2.0, -1.0),
    )  # fmt: skip
    large = whole.copy()
    run(whole, large=False, **options)
    run(large, large=True, **options)
    return whole, large


@pytest.fixture(scope="module")
def screens():
    found = both(responders="all")
    for adata in found:
        ag.tl.argen_dag(adata, n_jobs=1)
        ag.tl.argen_responders(adata, n_jobs=1)
    return found


def is_kept(table):
    return (table["significant"] | table["descendant"]).to_numpy(bool)


def assert_same_pairs(found, wanted):
    """Rows that are stored are as they were; of the others numbers are rounded to 32 bits or missing."""
    kept, rounded = is_kept(wanted), [name for name in ROUNDED if name in wanted]
    pd.testing.assert_frame_equal(found[kept], wanted[kept], check_exact=True)
    unknown = [name for name in UNKNOWN if name in wanted]
    assert found.loc[~kept, unknown].isna().all(axis=None)
    exact = [name for name in wanted if name not in (*unknown, *rounded)]
    pd.testing.assert_frame_equal(found[exact], wanted[exact], check_exact=True)
    np.testing.assert_allclose(found[rounded], wanted[rounded], rtol=1e-5, atol=1e-6)


OPTIONS = {
    "default": {},
    "paper": {"test": "wald", "closure": True},
    "score": {"test": "score", "closure": False, "alpha": 0.2},
    "negative binomial": {"family": "negative_binomial", "hc": "HC1"},
    "pooled": {"pooled": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_large_step_says_what_a_table_of_all_pairs_says(name):
    whole, large = both(responders=None, **OPTIONS[name])
    wanted, found = (adata.uns[STEP]["tables"] for adata in (whole, large))
    assert not set(ARRAYS) & set(wanted)
    assert sum(found[name].nbytes for name in ARRAYS) == 9 * N**2
    kept = is_kept(wanted["pairs"])
    assert 0 < kept.sum() < len(kept)
    pd.testing.assert_frame_equal(found["pairs"], wanted["pairs"][kept].reset_index(drop=True), check_exact=True)
    for table in set(wanted) - {"pairs", "covariates"}:
        pd.testing.assert_frame_equal(found[table], wanted[table], check_exact=True)
    assert_same_pairs(ag.get.pairs(large), ag.get.pairs(whole))
    pd.testing.assert_frame_equal(ag.get.pairs(large, selected=True), ag.get.pairs(whole, selected=True))
    assert (whole.varp[STEP] != large.varp[STEP]).nnz == 0
    for adata in (whole, large):
        ag.tl.argen_dag(adata, n_jobs=1)
    assert_same_tables(large, whole, "argen_dag")


def assert_same_tables(found, wanted, key):
    found, wanted = (adata.uns[key]["tables"] for adata in (found, wanted))
    assert set(found) == set(wanted)
    for name, table in wanted.items():
        if isinstance(table, pd.DataFrame):
            pd.testing.assert_frame_equal(found[name], table, check_exact=True)
        else:
            np.testing.assert_array_equal(found[name], table)


def test_the_screen_has_what_it_should(screens):
    table = ag.get.pairs(screens[0])
    assert set(table["test"].astype(str)) >= {"wald", "score"}
    assert {"", "few counts", "separated"} <= set(table["flags"].astype(str))


def test_total_effects_of_what_is_kept(screens):
    whole, large = (adata.varp["argen_total_effects"].toarray() for adata in screens)
    kept = large != 0
    np.testing.assert_array_equal(large[kept], whole[kept])
    assert kept.sum() == len(screens[1].uns[STEP]["tables"]["pairs"]) + N


def test_prior_knowledge_makes_the_same_relation(screens):
    table = ag.get.pairs(screens[0])
    free = table[~is_kept(table)]
    backward = set(zip(table["target"][is_kept(table)], table["source"][is_kept(table)], strict=True))
    free = [pair for pair in zip(free["source"], free["target"], strict=True) if pair not in backward]
    prior = pd.DataFrame(free[:2], columns=["source", "target"]).assign(rule=["required", "before"])
    whole, large = (adata.copy() for adata in screens)
    for adata in (whole, large):
        ag.tl.argen_dag(adata, prior=prior, n_jobs=1, key_added="with_prior")
    assert_same_tables(large, whole, "with_prior")
    edges = [ag.get.edges(adata, key="with_prior", selected=False).drop(columns=["mde"]) for adata in (whole, large)]
    pd.testing.assert_frame_equal(edges[1].dropna(axis=1), edges[0][edges[1].dropna(axis=1).columns])


def of_joint(adata):
    ag.tl.argen_joint(adata, n_jobs=1)
    ag.tl.argen_responders(adata, network="argen_joint", key_added="of_joint", n_jobs=1)


TOOLS = {
    "argen_stability": lambda a: ag.tl.argen_stability(a, n_draws=8, responders=True, n_jobs=1),
    "argen_sensitivity": lambda a: ag.tl.argen_sensitivity(a, n_jobs=1),
    "argen_calibration": lambda a: ag.tl.argen_calibration(a, n_jobs=1),
    "argen_joint": lambda a: ag.tl.argen_joint(a, n_jobs=1),
    "of_joint": of_joint,
    "inspre": lambda a: ag.tl.inspre(a, n_jobs=1),
    "argen_naive": lambda a: ag.tl.argen_naive(a, n_jobs=1),
    "argen_check": lambda a: ag.tl.argen_check(a, n_jobs=1),
    "argen_responders": lambda a: None,
}


@pytest.mark.parametrize("key", TOOLS)
def test_tools(screens, key):
    whole, large = (adata.copy() for adata in screens)
    for adata in (whole, large):
        TOOLS[key](adata)
    assert_same_tables(large, whole, key)


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_files_keep_it(screens, tmp_path, kind):
    path = tmp_path / f"large.{kind}"
    getattr(screens[1], f"write_{kind}")(path)
    read = getattr(ad, f"read_{kind}")(path)
    assert [read.uns[STEP]["tables"][name].dtype for name in ARRAYS] == [np.float32, np.float32, np.uint8]
    pd.testing.assert_frame_equal(ag.get.pairs(read), ag.get.pairs(screens[1]), check_exact=True)
    ag.tl.argen_dag(read, n_jobs=1, key_added="again")
    pd.testing.assert_frame_equal(ag.get.edges(read, key="again"), ag.get.edges(screens[1]))


SHOWN = {
    "perturbations": ag.get.perturbations,
    "genes": ag.get.genes,
    "edges": ag.get.edges,
    "candidates": lambda a: ag.get.edges(a, selected=False),
    "with responders": lambda a: ag.get.edges(a, responders=True),
    "evidence": ag.get.evidence,
    "check": ag.get.check,
    "shifts": ag.get.shifts,
    "centrality": ag.get.centrality,
    "responders": ag.get.responders,
    "descendants": lambda a: ag.get.pairs(a, selected=True),
    "descendants and responders": lambda a: ag.get.pairs(a, selected=True, responders=True),
    "expression": lambda a: ag.get.expression(a, genes=a.uns[STEP]["tables"]["genes"]["gene"][:2].tolist()),
}


@pytest.mark.parametrize("name", SHOWN)
def test_tables(screens, name):
    whole, large = (SHOWN[name](adata) for adata in screens)
    pd.testing.assert_frame_equal(large, whole, check_exact=True)


def test_pairs_and_responders(screens):
    whole, large = (ag.get.pairs(adata, responders=True) for adata in screens)
    of_network = (whole["kind"] == "network").to_numpy()
    pd.testing.assert_frame_equal(large[~of_network], whole[~of_network], check_exact=True)
    exact = ["source", "target", "significant", "test", "flags", "verdict", "mde_level"]
    pd.testing.assert_frame_equal(large[exact], whole[exact], check_exact=True)


@pytest.mark.parametrize("end", ["source", "target"])
def test_what_acts_on_a_gene_and_what_it_acts_on(screens, end):
    genes, other = screens[0].uns[STEP]["tables"]["genes"]["gene"], {"source": "target", "target": "source"}[end]
    for gene in genes:
        if end == "target":
            wanted, found = (ag.get.regulators(adata, gene=gene) for adata in screens)
        else:
            wanted, found = (ag.get.regulated(adata, perturbation=gene) for adata in screens)
        # Without standard errors those that are not significant are in the order of their p-values.
        first = len(wanted[wanted["direct"]])
        assert found[other][:first].tolist() == wanted[other][:first].tolist()
        wanted, found = (table.sort_values(other, ignore_index=True) for table in (wanted, found))
        known = found["effect_se"].notna()
        assert known[found["significant"] | found["direct"]].all()
        pd.testing.assert_frame_equal(found[known], wanted[known], check_exact=True)
        pd.testing.assert_frame_equal(found.drop(columns="effect_se"), wanted.drop(columns="effect_se"), rtol=1e-5)


def test_a_subset_of_the_genes(screens):
    gone = screens[0].uns[STEP]["tables"]["genes"]["gene"].tolist()[2]
    tables = []
    readers = (
        ag.get.pairs,
        lambda a: ag.get.pairs(a, selected=True),
        ag.get.perturbations,
        lambda a: ag.pl.argen_volcano(a, table="pairs", show=False).get_title(),
    )
    for adata in screens:
        part = adata[:, adata.var_names != gone].copy()
        tables.append([])
        for reader in readers:
            with pytest.warns(ArgenWarning, match="left out"):
                tables[-1].append(reader(part))
    plt.close("all")
    (wanted, *whole), (found, *large) = tables
    assert_same_pairs(found, wanted)
    assert whole.pop() == large.pop()
    for one, other in zip(large, whole, strict=True):
        pd.testing.assert_frame_equal(one, other)


PLOTS = {
    "volcano": lambda a: ag.pl.argen_volcano(a, table="pairs", responders=True, show=False),
    "heatmap": lambda a: ag.pl.argen_heatmap(a, effects="total", selected=False, show=False),
    "descendants": lambda a: ag.pl.argen_descendants(a, show=False),
    "perturbations": lambda a: ag.pl.argen_perturbations(a, show=False),
    "responders": lambda a: ag.pl.argen_responders(a, show=False),
    "network": lambda a: ag.pl.argen_network(a, show=False),
    "effects": lambda a: ag.pl.argen_effects(a, gene=ag.get.edges(a)["target"][0], show=False),
    "effects of all": lambda a: ag.pl.argen_effects(a, gene="G1", perturbations=["G2", "G3", "G4"], show=False),
    "effects of one on all": lambda a: ag.pl.argen_effects(
        a, gene="G1", perturbations=["G2", "G3", "G4"], reverse=True, show=False
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots(screens, name):
    axes = PLOTS[name](screens[1])
    figure = np.ravel(np.asarray(axes, dtype=object))[0].figure
    figure.canvas.draw()
    assert not any("nan" in text.get_text() for text in figure.findobj(plt.Text))
    plt.close("all")


def test_files_and_report(screens, tmp_path):
    ag.io.write_tables(screens[1], tmp_path / "tables", responders=True)
    assert len(pd.read_csv(tmp_path / "tables" / "pairs.csv")) == N * (N - 1)
    ag.io.write_graphml(screens[1], tmp_path / "network.graphml")
    text = "with standard errors and counts"
    for adata, is_said in zip(screens, (False, True), strict=True):
        ag.report(adata, tmp_path / "report.html")
        assert (text in (tmp_path / "report.html").read_text(encoding="utf-8")) == is_said


def test_the_log_says_what_is_kept(capsys):
    from argen._bridge import log

    adata = toy()
    with pytest.MonkeyPatch.context() as patch, log.shown(log.INFO):
        patch.setattr(pairs, "MANY_PAIRS", 11)
        ag.tl.argen_descendants(adata, **KWARGS)
        assert "of 12 pairs the " in capsys.readouterr().err
        patch.setattr(pairs, "MANY_PAIRS", 12)
        ag.tl.argen_descendants(adata, **KWARGS)
        assert "pairs the " not in capsys.readouterr().err


def test_from_when_on_a_step_is_large():
    assert not pairs.are_many(2236)
    assert pairs.are_many(2237)


@pytest.mark.parametrize("seed", range(5))
def test_no_pair_gets_significant_by_rounding(seed):
    """p-values that differ by less than 32 bits tell, round about the border of the significant ones."""
    rng = np.random.default_rng(seed)
    p, alpha = 40, 0.05
    n = p * (p - 1)
    border = np.log(np.arange(1, n + 1) * alpha / n)
    log_p = border + rng.normal(0.0, 1e-9, n) + rng.choice([0.0, 1e-8, 1e-3], n)
    square = np.zeros((p, p))
    square[~np.eye(p, dtype=bool)] = rng.permutation(log_p)
    unknown = np.ones((p, p))
    nothing = np.zeros((p, p), dtype=bool)
    tests = DescendantTests(unknown, unknown, unknown, square, nothing, nothing.astype(np.uint8), unknown, unknown)
    relation = descendant_relation(tests, closure=False, alpha=alpha)
    stored = pairs.matrices(tests)
    assert (stored["log_p"].astype(float) >= square).all()
    assert (stored["log_p"] <= np.nextafter(square.astype(np.float32), np.float32(1.0))).all()
    rest = ~relation.significant & ~np.eye(p, dtype=bool)
    family = np.where(np.eye(p, dtype=bool), np.nan, stored["log_p"].astype(float))
    assert (adjusted(np.exp(family))[rest] >= relation.padj[rest] * (1 - 1e-12)).all()
    assert not (pairs._adjusted(stored["log_p"])[rest] < alpha).any()


def test_flags_and_tests_in_one_byte():
    status, scored = np.arange(8).repeat(2), np.tile([False, True], 8)
    codes = pairs.packed(status, scored)
    assert codes.dtype == np.uint8
    for found, wanted in zip(pairs.unpacked(codes), (status, scored), strict=True):
        np.testing.assert_array_equal(found, wanted)

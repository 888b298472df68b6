"""Networks within groups of genes, in one call, against a call for each group."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.results.steps import read_step
from argen._core.descendants.prior import no_prior
from argen.errors import ArgenWarning, InputError

GENES = ("A", "B", "C", "D", "E", "F")
GROUPS = {"A": "chr1", "B": "chr1", "C": "chr2", "D": "chr2", "E": "chr2", "F": "chr1"}
NUMBERS = ["coef", "se", "z", "p", "F", "condition"]


def screen(seed=0):
    return toy(seed=seed, genes=GENES, n_per_target=50, n_control=200)


def of(group):
    return [gene for gene in GENES if GROUPS[gene] == group]


@pytest.mark.parametrize(
    "options",
    [
        {"closure": "acyclic", "first_stage": "shrunk"},
        {"closure": True, "first_stage": "ancestors", "covariance": "stacked", "edges_hc": "HC3"},
        {"closure": False, "first_stage": "shared", "family": "negative_binomial", "fdr": "bh"},
    ],
)
def test_a_group_has_the_equations_that_it_has_alone(options):
    adata = screen()
    ag.tl.argen_dag(adata, **KWARGS, groups=GROUPS, **options)
    together = ag.get.edges(adata, selected=False)
    n_pairs = 0
    for group in ("chr1", "chr2"):
        alone = screen()
        ag.tl.argen_dag(alone, **KWARGS, perturbations=of(group), **options)
        apart = ag.get.edges(alone, selected=False).set_index(["source", "target"])
        mine = together[together["source"].map(GROUPS) == group].set_index(["source", "target"])
        assert (mine.index.get_level_values("target").map(GROUPS) == group).all()
        assert sorted(mine.index) == sorted(apart.index)
        assert mine.loc[apart.index, NUMBERS].to_numpy() == pytest.approx(
            apart[NUMBERS].to_numpy(), rel=1e-5, nan_ok=True
        )
        order, own = (list(data.uns["argen_dag"]["tables"]["order"]) for data in (adata, alone))
        assert [gene for gene in order if gene in own] == own
        n_pairs += len(apart)
    assert n_pairs == len(together) > 2


def test_one_family_of_pairs_and_one_of_edges():
    adata = screen(1)
    ag.tl.argen_dag(adata, **KWARGS, groups=GROUPS, fdr="bh")
    edges = ag.get.edges(adata, selected=False)
    assert edges["selected"].tolist() == multipletests(edges["p"], 0.05, "fdr_bh")[0].tolist()
    step = read_step(adata, "argen_descendants")
    group = np.array([GROUPS[gene] for gene in step.screen.genes])
    within = group[:, None] == group
    relation = step.relation_with(no_prior(len(group)), within)
    family = within & ~np.eye(len(group), dtype=bool)
    p = np.exp(step.tests.log_p[family])
    assert relation.padj[family] == pytest.approx(multipletests(p, method="fdr_bh")[1], rel=1e-9)
    assert np.isnan(relation.padj[~family]).all()
    assert not relation.descendant[~within].any()


def test_cells_of_other_groups_are_no_baseline():
    """B acts on C in another group: C's equation within its group is not moved by the cells of B."""
    adata = screen()
    ag.tl.argen_dag(adata, **KWARGS, groups=GROUPS, key_added="with")
    fewer = adata[~adata.obs["gene"].isin(of("chr1"))].copy()
    ag.tl.argen_dag(fewer, **KWARGS, descendants="other", key_added="without")
    one, two = (
        ag.get.edges(data, key=key, selected=False).set_index(["source", "target"]).sort_index()
        for data, key in ((adata, "with"), (fewer, "without"))
    )
    one = one[one.index.get_level_values("source").map(GROUPS) == "chr2"]
    assert one["coef"].to_numpy() == pytest.approx(two["coef"].to_numpy(), rel=1e-5)


def test_groups_by_a_column_of_var_and_files(tmp_path, capfd):
    adata = screen()
    adata.var["chromosome"] = pd.Series(GROUPS).reindex(adata.var_names)
    by_column = adata.copy()
    ag.tl.argen_dag(by_column, **KWARGS, groups="chromosome")
    ag.tl.argen_dag(adata, **KWARGS, groups=pd.Series(GROUPS))
    pd.testing.assert_frame_equal(ag.get.edges(by_column), ag.get.edges(adata))
    assert by_column.uns["argen_dag"]["settings"]["groups"] == "chromosome"
    table = by_column.uns["argen_dag"]["tables"]["groups"]
    assert dict(zip(table["gene"], table["group"], strict=True)) == GROUPS
    for suffix in ("h5ad", "zarr"):
        getattr(by_column, f"write_{suffix}")(tmp_path / f"x.{suffix}")
        again = getattr(ad, f"read_{suffix}")(tmp_path / f"x.{suffix}")
        assert ag.get.edges(again)[NUMBERS].equals(ag.get.edges(by_column)[NUMBERS])
    position = pd.DataFrame({"gene": GENES, "chrom": list(GROUPS.values()), "start": np.arange(6) * 1000})
    ag.tl.argen_evidence(adata, positions=position, groups="chromosome", n_permutations=10)
    assert ag.get.outside_evidence(adata)["same_chromosome"].all()


def test_genes_without_a_group_have_no_edges():
    adata = screen()
    with pytest.warns(ArgenWarning, match=r"^groups: 1 gene in no group, hence without edges: F\.$"):
        ag.tl.argen_dag(adata, **KWARGS, groups={gene: GROUPS[gene] for gene in "ABCDE"})
    edges = ag.get.edges(adata, selected=False)
    assert not (edges[["source", "target"]] == "F").any(axis=None)
    assert len(edges)


def test_genes_alone_in_a_group_are_named():
    with pytest.warns(ArgenWarning, match=r"^groups: 2 genes alone in a group, hence without edges: A, F\.$"):
        ag.tl.argen_dag(screen(), **KWARGS, groups=GROUPS | {"A": "chrX", "B": "chr2", "F": "chrY"})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"groups": "arm"}, r"^groups='arm' is not a column of adata.var"),
        ({"groups": 5}, r"^groups is a int: give a column of adata.var, or a mapping"),
        ({"groups": {}}, r"^groups is a dict"),
        ({"groups": GROUPS | {"FOO": "1"}}, r"^groups names 1 gene that adata.var_names has not: 'FOO'\."),
        ({"groups": dict.fromkeys("ABC", None) | {"D": "x"}}, r"^groups: no two genes of the network are in one group"),
        (
            {"groups": GROUPS, "prior": pd.DataFrame({"source": ["A"], "target": ["C"], "rule": ["required"]})},
            r"^prior requires A → C, whose genes are not in one group",
        ),
    ],
)
def test_groups_that_cannot_be_used(how, message):
    adata = screen()
    before = adata.copy()
    with pytest.raises(InputError, match=message):
        ag.tl.argen_dag(adata, **KWARGS, **how)
    assert_same(adata, before)


@pytest.mark.parametrize("tool", ["argen_sensitivity", "argen_stability", "argen_calibration", "argen_responders"])
def test_what_searches_again_says_that_it_cannot(tool):
    adata = screen()
    ag.tl.argen_dag(adata, **KWARGS, groups=GROUPS)
    with pytest.raises(InputError, match=rf"was searched within groups of genes; {tool} would search among all"):
        getattr(ag.tl, tool)(adata)

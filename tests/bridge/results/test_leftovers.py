"""What concat and other changes of uns leave of a result."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import MissingResultError

LEFT = r"adata\.uns\['{}'\] is what anndata\.concat, or another change of uns, left of {}: .*or del adata\.uns"


def done(seed):
    adata = toy(seed=seed)
    adata.obs_names = [f"{name}-{seed}" for name in adata.obs_names]
    adata = adata[:, sorted(adata.var_names)].copy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


@pytest.fixture(scope="module")
def two():
    return done(0), done(1)


def joined(two, how):
    adata = ad.concat(two, uns_merge=how, merge="same")
    adata.obs["batch"] = adata.obs["batch"].astype("category")
    return adata


READERS = {
    "edges": ag.get.edges,
    "graph": ag.get.graph,
    "evidence": ag.get.evidence,
    "network": lambda adata: ag.pl.argen_network(adata, show=False),
    "volcano": lambda adata: ag.pl.argen_volcano(adata, show=False),
    "graphml": lambda adata: ag.io.write_graphml(adata, "never.graphml"),
    "report": lambda adata: ag.report(adata, "never.html"),
    "compare": lambda adata: ag.get.prior_overlap(adata, prior=pd.DataFrame({"source": ["A"], "target": ["B"]})),
    "stability": ag.tl.argen_stability,
    "sensitivity": ag.tl.argen_sensitivity,
}
OF_STEP = {
    "pairs": ag.get.pairs,
    "genes": ag.get.genes,
    "perturbations": ag.get.perturbations,
    "shifts": ag.get.shifts,
    "check": ag.get.check,
    "descendants": lambda adata: ag.pl.argen_descendants(adata, show=False),
    "argen_check": ag.tl.argen_check,
}


@pytest.mark.parametrize("how", ["same", "unique"])
@pytest.mark.parametrize("name", [*READERS, *OF_STEP])
def test_it_is_named_for_what_it_is(two, how, name):
    adata = joined(two, how)
    before = adata.copy()
    key, words = ("argen_dag", "a network") if name in READERS else ("argen_descendants", "a descendant step")
    with pytest.raises(MissingResultError, match=LEFT.format(key, words)):
        (READERS | OF_STEP)[name](adata)
    assert_same(adata, before)


@pytest.mark.parametrize("how", ["same", "unique"])
@pytest.mark.parametrize("first", [True, False])
def test_a_new_run_replaces_it(two, how, first):
    adata, plain = joined(two, how), joined(two, None)
    for each in (adata, plain):
        if first:
            ag.tl.argen_descendants(each, **KWARGS)
            ag.tl.argen_dag(each)
        else:
            ag.tl.argen_dag(each, **KWARGS)
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(plain))
    pd.testing.assert_frame_equal(ag.get.pairs(adata), ag.get.pairs(plain))


@pytest.mark.parametrize("how", ["first", "only"])
def test_a_whole_entry_of_other_cells_is_stale(two, how):
    one = two[1].copy()
    one.uns.clear()
    adata = joined((two[0], one), how)
    assert len(ag.get.edges(adata)) == len(ag.get.edges(two[0]))
    with pytest.raises(ag.errors.StaleResultError, match="was made from other cells"):
        ag.tl.argen_dag(adata)


@pytest.mark.parametrize("part", ["id", "made_from", "settings", "tables", "versions", "kind", "schema_version"])
def test_an_entry_that_lacks_a_part(two, part):
    adata = two[0].copy()
    del adata.uns["argen_dag"][part]
    words = "a result of argen" if part == "kind" else "a network"
    with pytest.raises(MissingResultError, match=LEFT.format("argen_dag", words)):
        ag.get.edges(adata)
    ag.tl.argen_dag(adata)
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(two[0]))


@pytest.mark.parametrize("table", ["perturbations", "pairs", "genes", "findings", "shifts"])
def test_an_entry_that_lacks_a_table(two, table):
    adata = two[0].copy()
    del adata.uns["argen_descendants"]["tables"][table]
    with pytest.raises(MissingResultError, match=LEFT.format("argen_descendants", "a descendant step")):
        ag.get.pairs(adata)
    ag.tl.argen_dag(adata, **KWARGS)
    pd.testing.assert_frame_equal(ag.get.pairs(adata), ag.get.pairs(two[0]))


def test_a_matrix_without_its_entry(two):
    adata = two[0].copy()
    ag.tl.argen_dag(adata, key_added="mine")
    del adata.uns["mine"]
    with pytest.raises(ag.errors.InputError, match=r"was left of a result that is gone\. .*del adata\.varp\['mine'\]"):
        ag.tl.argen_dag(adata, key_added="mine")
    del adata.varp["mine"]
    ag.tl.argen_dag(adata, key_added="mine")
    assert np.array_equal(adata.varp["mine"].toarray(), adata.varp["argen_dag"].toarray())

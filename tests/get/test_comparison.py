"""Names of genes in the tables of a comparison, and genes that are gone."""

import anndata as ad
import pandas as pd
import pytest
from toy import KWARGS, toy

import argen as ag
from argen.errors import ArgenWarning, InputError

TABLES = (
    "edges",
    "contrasts",
    "levels",
    "total_effects",
    "total_effect_contrasts",
    "total_effect_levels",
    "knockdowns",
)


@pytest.fixture(scope="module")
def done():
    parts = {name: toy(seed=i) for i, name in enumerate(("control", "drug"))}
    adata = ad.concat(parts, label="condition", index_unique="-")
    adata.obs["batch"] = adata.obs["batch"].astype("category")
    adata.var["symbol"] = [f"SYMBOL-{name}" for name in adata.var_names]
    ag.tl.argen_dag(adata, **KWARGS | {"covariates": ["condition", "batch", "mito"]}, robust=False)
    ag.tl.argen_compare(adata, by="condition")
    return adata


@pytest.mark.parametrize("table", TABLES)
def test_names_to_show(done, table):
    plain = ag.get.comparison(done, table=table)
    shown = ag.get.comparison(done, table=table, gene_symbols="symbol")
    for column in ("source", "target", "perturbation"):
        if column in plain:
            assert (shown[column] == "SYMBOL-" + plain[column]).all()
    numbers = plain.select_dtypes("number")
    pd.testing.assert_frame_equal(shown[numbers.columns], numbers)


def test_genes_that_are_gone(done):
    fewer = done[:, [name for name in done.var_names if name != "B"]].copy()
    with pytest.warns(ArgenWarning, match="1 of the 4 genes of adata.uns.'argen_compare'. are not in adata.var_names"):
        table = ag.get.comparison(fewer)
    assert 0 < len(table) == (ag.get.comparison(done)[["source", "target"]] != "B").all(axis=1).sum()


def test_sorted_by_evidence_and_only_known_tables(done):
    assert ag.get.comparison(done)["q_p"].is_monotonic_increasing
    assert ag.get.comparison(done, table="contrasts")["p"].is_monotonic_increasing
    with pytest.raises(InputError, match="table='edge' is not one of 'edges'"):
        ag.get.comparison(done, table="edge")


def test_pictures_by_other_names(done):
    ax = ag.pl.argen_forest(done, edge=("SYMBOL-A", "SYMBOL-B"), gene_symbols="symbol", show=False)
    assert any(text.get_text() == "SYMBOL-A → SYMBOL-B" for text in ax.texts)
    ag.pl.argen_compare(done, gene_symbols="symbol", ego="A", show=False)

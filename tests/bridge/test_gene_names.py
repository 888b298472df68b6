"""Names of genes by var_names and by a column of var."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from argen._bridge.gene_names import gene_names
from argen.errors import InputError

GENES = ["ENSG1", "ENSG2", "ENSG3", "ENSG4", "ENSG5", "ENSG6", "A"]
#        one's own, two genes, ↑, missing, empty, the name of another gene, blanks
SYMBOLS = ["STAT1", "TBCE", "TBCE", np.nan, "", "A", " MYC "]


def named(dtype=object):
    var = pd.DataFrame({"symbol": pd.Series(SYMBOLS, index=GENES, dtype=object).astype(dtype), "n": 1}, index=GENES)
    return AnnData(np.ones((2, len(GENES)), dtype=np.float32), var=var)


@pytest.mark.parametrize("dtype", [object, "category"])
def test_a_name_is_shown_if_it_is_the_genes_own(dtype):
    names = gene_names(named(dtype), "symbol")
    assert [names.show(gene) for gene in GENES] == ["STAT1", "ENSG2", "ENSG3", "ENSG4", "ENSG5", "ENSG6", "MYC"]
    assert [names.gene(name) for name in ("STAT1", "ENSG1", "MYC", "A", "TBCE", "?")] == [
        "ENSG1", "ENSG1", "A", "A", "TBCE", "?",
    ]  # fmt: skip
    assert names.shared == {"TBCE": ("ENSG2", "ENSG3")}


def test_without_a_column():
    names = gene_names(named(), None)
    assert [names.show(gene) for gene in GENES] == GENES
    assert names.gene("STAT1") == "STAT1"


def test_blanks_round_var_names_do_not_count():
    adata = named()
    adata.var_names = [" STAT1", "B ", "B  ", "C", "C ", "D", "E"]
    names = gene_names(adata, None)
    assert [names.gene(name) for name in ("STAT1", "B", "C")] == [" STAT1", "B", "C"]  # B could be either of two


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ENSG1⇄A, ENSG1⇄ENSG2", "STAT1⇄MYC, STAT1⇄ENSG2"),
        ("ENSG1 → A → ENSG1", "STAT1 → MYC → STAT1"),
        ("cells of ENSG1 (A, ENSG11); A.", "cells of STAT1 (MYC, ENSG11); MYC."),
        ("ENSG1 -1.20, A +0.30", "STAT1 -1.20, MYC +0.30"),
        ("", ""),
    ],
)
def test_names_in_texts(text, shown):
    assert gene_names(named(), "symbol").in_text(text) == shown


@pytest.mark.parametrize("column", ["nope", 3])
def test_an_unknown_column_lists_those_that_there_are(column):
    with pytest.raises(InputError, match=r"not a column of adata\.var\. Columns: 'symbol', 'n'; with texts: 'symbol'"):
        gene_names(named(), column)

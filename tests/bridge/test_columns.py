"""Columns of obs: what is wrong with one is said with its name, how often, and the cure."""

import sys

import numpy as np
import pandas as pd
import pytest

from argen._bridge.validate import check_complete, read_column, read_numbers
from argen.errors import DesignError, InputError

OBS = pd.DataFrame({"umis": [1, 2, 3], "lane": ["a", "b", None]})


def test_the_first_table_that_has_a_column_is_used():
    other = pd.DataFrame({"umis": [7, 8, 9], "mito": [0.1, 0.2, 0.3]})
    tables = {"mdata.obs": OBS, "mdata.mod['rna'].obs": other}
    assert read_column(tables, "umis", "depth='umis'").tolist() == [1, 2, 3]
    assert read_column(tables, "mito", "covariate 'mito'").tolist() == [0.1, 0.2, 0.3]
    with pytest.raises(
        InputError, match=r"depth='x' is not an obs column\. Columns in mdata\.obs: umis, lane; in mdata"
    ):
        read_column(tables, "x", "depth='x'")


def test_a_missing_column_lists_those_there_are_after_the_hint(monkeypatch):
    monkeypatch.delitem(sys.modules, "mudata", raising=False)
    with pytest.raises(InputError, match=r"not an obs column\. Look\. Columns in adata\.obs: umis, lane\.$"):
        read_column(OBS, "x", "depth='x'", " Look.")


def test_who_uses_mudata_is_told_where_else_the_column_may_be(monkeypatch):
    monkeypatch.setitem(sys.modules, "mudata", object())
    with pytest.raises(InputError, match=r"If it is one of mdata\.obs, mdata\.push_obs\(\['x'\]\) copies it\.$"):
        read_column(OBS, "x", "depth='x'")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b"], r"depth='d' is not numeric \(type .*\)\. Name a column of numbers"),
        ([1.0, np.nan], r"depth='d' is missing \(NaN\) in 1 cell\. Fill it in or drop the cells"),
        (pd.array([None, 2], dtype="Int64"), r"is missing \(NaN\) in 1 cell"),
        ([np.inf, -1.0], "depth='d' is infinite or below 0 in 2 cells. Correct it or drop"),
    ],
)
def test_values_that_are_no_depths(values, message):
    with pytest.raises(InputError, match=message):
        read_numbers(pd.Series(values), "depth='d'", 0.0)


def test_numbers_of_any_type_are_read():
    for values in ([0, 2], [False, True], pd.array([0, 2], dtype="Int64"), np.float32([0.0, 2.0])):
        assert read_numbers(pd.Series(values), "x", 0.0).dtype == np.float64
    assert read_numbers(pd.Series([-1.0]), "x").tolist() == [-1.0]


def test_the_error_is_the_callers():
    with pytest.raises(DesignError, match="'d' is infinite in 1 cell"):
        read_numbers(pd.Series([np.inf]), "covariate 'd'", error=DesignError)
    with pytest.raises(DesignError, match="'lane' is missing"):
        check_complete(OBS["lane"], "covariate 'lane'", DesignError)

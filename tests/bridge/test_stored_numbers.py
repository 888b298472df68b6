"""Numbers that a file, a table or a conversion left as texts, categories or objects; names of batches stay names."""

import numpy as np
import pandas as pd
import pytest

from argen._bridge.columns import holds_measurements, numbers_in
from argen._bridge.validate import read_numbers
from argen.errors import InputError

N = 400
MITO = np.random.default_rng(0).gamma(4.0, 1.2, N)
UMIS = np.random.default_rng(1).integers(800, 20_000, N)


def texts(values):
    return pd.Series(np.array([str(value) for value in values], dtype=object))


def levels(n, form):
    """`n` names in turn."""
    return pd.Series(np.array([form.format(i % n + 1) for i in range(N)], dtype=object))


MEASURED = {
    "texts after a CSV": texts(MITO),
    "texts with blanks": texts(MITO).map(" {}".format),
    "string": texts(MITO).astype("string"),
    "category of texts, as a file has them": texts(MITO).astype("category"),
    "category of numbers": pd.Series(MITO).astype("category"),
    "objects": pd.Series(MITO).astype(object),
    "rounded": texts(MITO.round(1)),
    "scientific": texts(f"{value / 1e5:.3e}" for value in MITO),
    "UMIs": texts(UMIS),
    "UMIs, category": texts(UMIS).astype("category"),
    "UMIs, R's doubles": texts(UMIS.astype(float)),
}
NAMES = {
    "one, two, three": levels(3, "{}"),
    "the same as category": levels(3, "{}").astype("category"),
    "integers as category": levels(3, "{}").astype(int).astype("category"),
    "R's doubles": levels(3, "{}.0"),
    "donor.lane": levels(8, "2.{}"),
    "60 gem groups": levels(60, "{}"),
    "texts": levels(3, "b{}"),
    "donor_lane, which Python would read": levels(90, "1_{}"),
    "barcodes": levels(N, "ACGT{}"),
    "yes and no": pd.Series([True, False] * (N // 2)).astype("category"),
    "words for numbers that are none": levels(N, "inf"),
    "lists": pd.Series([[1.5]] * N),
    "missing": pd.Series([None] * N, dtype=object),
}


@pytest.mark.parametrize("name", MEASURED)
def test_measurements(name):
    column = MEASURED[name]
    assert holds_measurements(column)
    expected = np.array([float(value) for value in column])
    np.testing.assert_array_equal(numbers_in(column), expected)
    np.testing.assert_array_equal(read_numbers(column, "x"), expected)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_levels(name):
    assert not holds_measurements(NAMES[name])


def test_columns_of_numbers_are_none_of_these():
    for column in (pd.Series(MITO), pd.Series(UMIS), pd.Series(MITO).astype("Float64")):
        assert not holds_measurements(column)


@pytest.mark.parametrize("missing", [None, np.nan, "", "nan", "NA", "<NA>"])
@pytest.mark.parametrize("dtype", [object, "category"])
def test_missing_ones_are_counted_as_in_columns_of_numbers(missing, dtype):
    column = texts(MITO).astype(object)
    column[[3, 5]] = missing
    column = column.astype(dtype)
    assert holds_measurements(column)
    with pytest.raises(InputError, match=r"^depth='d' is missing \(NaN\) in 2 cells\. Fill it in or drop the cells"):
        read_numbers(column, "depth='d'", 0.0)


def test_few_numbers_are_numbers_where_nothing_else_will_do():
    """A depth has to be a number: what is a name among covariates is read here."""
    assert read_numbers(levels(3, "{}"), "x", 0.0)[:4].tolist() == [1.0, 2.0, 3.0, 1.0]
    assert read_numbers(levels(3, "{}").astype("category"), "x")[:2].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("other", ["high", "3,5", "1_000", True])
def test_the_value_that_is_no_number_is_named(other):
    column = texts(MITO).astype(object)
    column[7] = other
    with pytest.raises(InputError, match=rf"is not numeric \(type object, with values such as {other!r}\)"):
        read_numbers(column, "depth='d'")


def test_infinite_texts_are_infinite():
    with pytest.raises(InputError, match="is infinite or below 0 in 2 cells"):
        read_numbers(texts(["inf", "-1", "2"]), "depth='d'", 0.0)

"""Tables as files, read by pandas, pyarrow and the csv module, against the tables themselves."""

import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
from csv_files import read_exact
from toy import toy

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

SEPARATORS = {"csv": ",", "tsv": "\t"}
TABLES = ["edges", "candidates", "nodes", "perturbations", "pairs"]


def tables_of(adata):
    return {
        "edges": ag.get.edges(adata),
        "candidates": ag.get.edges(adata, selected=False),
        "perturbations": ag.get.perturbations(adata),
        "pairs": ag.get.pairs(adata),
    }


def bits(values):
    """Floats as integers, all NaN alike."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isnan(values), np.nan, values).view(np.int64).tolist()


def check(read, table):
    """Numbers are the same to the last bit, truth values stay truth values, the rest is text."""
    assert list(read) == list(table)
    assert len(read) == len(table)
    for name, column in table.items():
        if column.dtype == "boolean":  # with missing values
            pd.testing.assert_series_equal(read[name].astype("boolean"), column, check_names=False)
        elif column.dtype == bool:
            assert read[name].dtype == bool
            assert read[name].tolist() == column.tolist()
        elif column.dtype.kind == "f":
            assert bits(read[name]) == bits(column), name
        elif column.dtype.kind == "i":
            assert read[name].dtype == column.dtype
            assert read[name].tolist() == column.tolist()
        else:
            assert read[name].tolist() == column.astype(str).tolist(), name


def read_text(path, table):
    """As pandas reads it, told which columns are numbers (an empty text would be a missing one, "NA" too)."""
    numbers = {name: [""] for name in table if table[name].dtype.kind in "fib"}
    text = {name: str for name in table if name not in numbers}
    return read_exact(path, sep=SEPARATORS[path.suffix[1:]], dtype=text, keep_default_na=False, na_values=numbers)


@pytest.mark.parametrize("format", ["csv", "tsv"])
@pytest.mark.parametrize("name", ["done", "hostile", "with_gaps"])
def test_pandas_reads_what_was_written(name, format, request, tmp_path):
    adata = request.getfixturevalue(name)
    for title, table in tables_of(adata).items():
        path = ag.io.write_table(table, tmp_path / f"{title}.{format}")
        assert path == tmp_path / f"{title}.{format}"
        check(read_text(path, table), table)


@pytest.mark.parametrize("name", ["done", "hostile", "with_gaps", "empty"])
def test_parquet_keeps_types_as_well(name, request, tmp_path):
    adata = request.getfixturevalue(name)
    for title, table in tables_of(adata).items():
        path = ag.io.write_table(table, tmp_path / f"{title}.parquet")
        check(pd.read_parquet(path), table)
        types = {field.name: field.type for field in pyarrow.parquet.read_schema(path)}
        for column, values in table.items():
            if values.dtype.kind in "fib":
                assert types[column] == pyarrow.from_numpy_dtype(values.dtype)
            elif len(table):
                assert pyarrow.types.is_string(types[column]) or pyarrow.types.is_large_string(types[column])


def test_other_readers_of_csv(with_gaps, tmp_path):
    """Python's own reader sees the names as they are, pyarrow the numbers to the last bit."""
    table = ag.get.edges(with_gaps, selected=False)
    assert np.isinf(table["ci_low_robust"]).any()
    assert table["p_robust"].isna().any()
    path = ag.io.write_table(table, tmp_path / "x.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["coef"]) for row in rows] == table["coef"].tolist()
    assert {row["selected"] for row in rows} == {"True", "False"}
    read = pyarrow.csv.read_csv(path).to_pandas()
    for name in table.columns[table.dtypes == np.float64]:
        assert bits(read[name]) == bits(table[name]), name


def test_lines_end_alike_everywhere(hostile, tmp_path):
    content = ag.io.write_table(ag.get.edges(hostile), tmp_path / "x.csv").read_bytes()
    assert b"\r" not in content
    assert content.count(b"\n") == 1 + len(ag.get.edges(hostile))
    assert "β→é 𝛼" in content.decode("utf-8")


def test_an_index_without_a_name_is_not_written_and_a_named_one_is(tmp_path):
    table = pd.DataFrame({"x": [1.5, 2.5, 3.5]}, index=[5, 3, 8])
    assert ag.io.write_table(table, tmp_path / "x.csv").read_text() == "x\n1.5\n2.5\n3.5\n"
    named = table.rename_axis("gene")
    assert ag.io.write_table(named, tmp_path / "x.tsv").read_text() == "gene\tx\n5\t1.5\n3\t2.5\n8\t3.5\n"
    assert list(pd.read_parquet(ag.io.write_table(named, tmp_path / "x.parquet"))) == ["gene", "x"]
    assert list(pd.read_parquet(ag.io.write_table(table, tmp_path / "x.parquet"))) == ["x"]


@pytest.mark.parametrize("format", ["csv", "tsv", "parquet"])
def test_all_tables_of_a_network(done, tmp_path, format):
    paths = ag.io.write_tables(done, tmp_path / "new", format=format)
    assert paths == [tmp_path / "new" / f"{name}.{format}" for name in TABLES]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)
    read = {path.stem: path for path in paths}
    for name, table in tables_of(done).items():
        check(pd.read_parquet(read[name]) if format == "parquet" else read_text(read[name], table), table)


def test_nodes_are_those_of_the_graph(done, tmp_path):
    path = ag.io.write_tables(done, tmp_path, format="parquet")[2]
    nodes = pd.read_parquet(path).set_index("gene")
    graph = ag.get.graph(done)
    assert list(nodes.index) == list(graph)
    for gene, attributes in graph.nodes(data=True):
        assert {name: nodes.loc[gene, name] for name in attributes} == attributes


def test_a_network_without_edges(empty, tmp_path):
    edges, candidates, nodes, *_ = (pd.read_csv(path) for path in ag.io.write_tables(empty, tmp_path))
    assert len(edges) == 0 < len(candidates)
    assert list(edges) == list(candidates)
    assert len(nodes) == 4


def test_no_gene_left(done, tmp_path):
    part = done[:, ["other0"]].copy()
    with pytest.raises(StaleResultError, match="None of the 4 genes"):
        ag.io.write_tables(part, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_step_that_is_gone_is_said(done, tmp_path):
    adata = done.copy()
    del adata.uns["argen_descendants"]
    with pytest.warns(
        ArgenWarning, match="perturbations and pairs are not written: .* 'argen_dag' was made from is gone"
    ):
        paths = ag.io.write_tables(adata, tmp_path)
    assert [path.stem for path in paths] == TABLES[:3]


def test_pyarrow_missing(done, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)  # pandas 3 holds text in pyarrow, and needs the rest
    for write in (
        lambda: ag.io.write_table(ag.get.edges(done), tmp_path / "x.parquet"),
        lambda: ag.io.write_tables(done, tmp_path / "new", format="parquet"),
    ):
        with pytest.raises(ImportError) as error:
            write()
        assert 'pip install "argen[parquet]"' in error.value.__notes__[0]
    assert not list(tmp_path.iterdir())
    assert ag.io.write_table(ag.get.edges(done), tmp_path / "x.csv").is_file()


def test_all_files_or_none(done, tmp_path, monkeypatch):
    """The last of the tables cannot be written: the others stay what they were."""
    old = {f"{name}.csv": f"old {name}" for name in TABLES}
    for name, text in old.items():
        (tmp_path / name).write_text(text)
    to_csv = pd.DataFrame.to_csv

    def full(table, *arguments, **options):
        if "n_perturbed" in table:
            raise OSError("no space left")
        return to_csv(table, *arguments, **options)

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match="no space left"):
        ag.io.write_tables(done, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == old


def test_errors(done, tmp_path):
    with pytest.raises(InputError, match="table is a AnnData: give a table, such as"):
        ag.io.write_table(done, tmp_path / "x.csv")
    with pytest.raises(InputError, match=r"does not end in \.csv or \.tsv or \.parquet"):
        ag.io.write_table(ag.get.edges(done), tmp_path / "x.xlsx")
    with pytest.raises(InputError, match="format='xlsx' is not one of 'csv', 'tsv', 'parquet'"):
        ag.io.write_tables(done, tmp_path / "new", format="xlsx")
    with pytest.raises(MissingResultError, match=r"'nope'\] is missing"):
        ag.io.write_tables(done, tmp_path / "new", key="nope")
    with pytest.raises(MissingResultError, match=r"'argen_dag'\] is missing"):
        ag.io.write_tables(toy(), tmp_path / "new")
    with pytest.raises(InputError, match=r"folder .* is not there\. Make it first"):
        ag.io.write_tables(done, tmp_path / "no" / "new")
    with pytest.raises(InputError, match="folder=3 is not a path"):
        ag.io.write_tables(done, 3)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"is a file\. Give the name of a folder"):
        ag.io.write_tables(done, tmp_path / "file")


def test_recipe_of_the_documentation(hostile, tmp_path, monkeypatch):
    """Names such as NA, empty texts and missing numbers come back as they were."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "plots" / "export.md").read_text(encoding="utf-8")
    recipe = page.split("## Tables")[1].split("```python\n")[1].split("pd.read_parquet")[0]
    (tmp_path / "tables").mkdir()
    table = ag.get.edges(hostile).replace({"source": {ag.get.edges(hostile)["source"].iloc[0]: "NA"}})
    table["p_robust"] = np.nan
    ag.io.write_table(table, tmp_path / "tables" / "edges.csv")
    monkeypatch.chdir(tmp_path)
    lines = recipe.strip().split("\n")
    scope = {"pd": pd}
    exec("\n".join(lines[:-1]), scope)
    read = eval(lines[-1], scope)
    for name in ("source", "target", "flags"):
        assert read[name].tolist() == table[name].astype(str).tolist()
    assert read["p_robust"].isna().all()

"""Networks that are read: from every file that argen writes, and on every function that takes a network."""

import inspect
from contextlib import nullcontext

import anndata as ad
import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from toy import assert_same, toy

import argen as ag
from argen._bridge.results.entries import is_entry
from argen.errors import ArgenError, ArgenWarning, InputError, StaleResultError

NUMBERS = ["coef", "se", "z", "p"]
TABLE = pd.DataFrame({"source": ["A", "C", "B"], "target": ["B", "B", "A"], "weight": [0.5, -0.25, 1.5]})


@pytest.fixture
def bare():
    return toy(n_control=10, n_per_target=2)


def stored(adata, key="imported"):
    """Edges of an entry by their ends."""
    edges = adata.uns[key]["tables"]["edges"]
    return edges.astype({"source": str, "target": str}).set_index(["source", "target"]).sort_index()


def assert_same_edges(adata, *, selected=True, numbers=NUMBERS):
    """Candidates and numbers of the network that was read are those of the network that was written."""
    ours = stored(adata, "argen_dag")
    ours, read = ours[ours["selected"]] if selected else ours, stored(adata)
    assert read.index.equals(ours.index)
    assert read["selected"].tolist() == ours["selected"].tolist()
    for name in numbers:
        np.testing.assert_array_equal(read[name], ours[name], err_msg=name)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize("selected", [True, False])
def test_tables_that_were_written_are_read_to_the_last_bit(done, tmp_path, ending, selected):
    path = ag.io.write_table(ag.get.edges(done, selected=selected), tmp_path / f"edges.{ending}")
    read = ag.io.read_network(done, path, copy=True)
    assert_same_edges(read, selected=selected)
    assert read.uns["imported"]["settings"]["origin"] == path.name
    assert "imported" not in done.uns


@pytest.mark.parametrize(("write", "name"), [(ag.io.write_graphml, "x.graphml"), (ag.io.write_cyjs, "x.cyjs")])
@pytest.mark.parametrize("selected", [True, False])
def test_graphs_that_were_written_are_read_with_all_genes(done, tmp_path, write, name, selected):
    read = ag.io.read_network(done, write(done, tmp_path / name, selected=selected), copy=True)
    assert_same_edges(read, selected=selected)
    genes = [set(read.uns[key]["tables"]["nodes"]["gene"]) for key in ("imported", "argen_dag")]
    assert genes[0] == genes[1]
    before, after = (ag.get.centrality(read, key=key) for key in ("argen_dag", "imported"))
    pd.testing.assert_frame_equal(
        *(table.drop(columns="order").sort_values("gene", ignore_index=True) for table in (before, after))
    )


def test_a_network_with_names_that_mean_something_in_files_comes_back(hostile, tmp_path):
    for path in (ag.io.write_graphml(hostile, tmp_path / "x.xml"), ag.io.write_cyjs(hostile, tmp_path / "x.json")):
        read = ag.io.read_network(hostile, path, copy=True)
        assert_same_edges(read)


def test_a_graph_of_igraph_is_read_by_its_names(bare, tmp_path):
    """Igraph writes nodes n0, n1 …"""
    graph = igraph.Graph.TupleList(TABLE.itertuples(index=False), directed=True, edge_attrs=["weight"])
    graph.write_graphml(str(tmp_path / "i.graphml"))
    ag.io.read_network(bare, tmp_path / "i.graphml")
    assert stored(bare)["coef"].to_dict() == {("A", "B"): 0.5, ("B", "A"): 1.5, ("C", "B"): -0.25}


def test_separators_compression_and_other_columns(bare, tmp_path):
    table = TABLE.rename(columns={"source": "TF", "target": "Gene", "weight": "importance"}).assign(note="x")
    table.to_csv(tmp_path / "x.txt.gz", sep=";", index=False)
    ag.io.read_network(bare, str(tmp_path / "x.txt.gz"), weight="importance")
    assert stored(bare)["coef"].tolist() == [0.5, 1.5, -0.25]
    ag.io.read_network(bare, table, source="Gene", target="TF")
    assert stored(bare).index.tolist() == [("A", "B"), ("B", "A"), ("B", "C")]
    assert stored(bare)["coef"].isna().all()


def test_matrix_layers_and_order_are_those_of_the_graph(bare):
    """Against networkx; A and B are a cycle, below C."""
    ag.io.read_network(bare, TABLE, genes=["A", "B", "C", "D"])
    matrix = bare.varp["imported"].toarray()
    expected = nx.to_numpy_array(nx.from_pandas_edgelist(TABLE, edge_attr="weight", create_using=nx.DiGraph))
    at = bare.var_names.get_indexer(["A", "B", "C"])
    np.testing.assert_array_equal(matrix[np.ix_(at, at)], expected)
    assert (matrix != 0).sum() == 3
    nodes = bare.uns["imported"]["tables"]["nodes"].set_index("gene")["layer"]
    assert nodes.to_dict() == {"C": 0, "D": 0, "A": 1, "B": 1}


def test_without_weights_the_matrix_holds_truth_values(bare):
    ag.io.read_network(bare, TABLE[["source", "target"]])
    assert bare.varp["imported"].dtype == bool
    assert bare.varp["imported"].sum() == 3
    assert ag.get.edges(bare, key="imported")["coef"].isna().all()


def test_what_a_column_selected_and_a_weight_of_0_say(bare):
    table = TABLE.assign(weight=[0.5, 0.0, -1.0])
    ag.io.read_network(bare, table)
    assert stored(bare)["selected"].to_dict() == {("A", "B"): True, ("B", "A"): True, ("C", "B"): False}
    ag.io.read_network(bare, table.assign(selected=["True", "true", 0]))
    assert stored(bare)["selected"].to_dict() == {("A", "B"): True, ("B", "A"): False, ("C", "B"): True}
    assert bare.varp["imported"].nnz == 2  # one of them is an explicit zero


def test_genes_that_are_not_there_are_counted_and_listed(bare):
    more = pd.DataFrame({"source": ["A", "X"], "target": ["Y", "B"], "weight": [1.0, 2.0]})
    with pytest.warns(
        ArgenWarning, match=r"^2 of 5 edges left out of adata.uns\['imported'\]: adata does not have X, Y"
    ):
        ag.io.read_network(bare, pd.concat([TABLE, more]))
    left_out = bare.uns["imported"]["tables"]["left_out"]
    assert left_out[["source", "target", "coef"]].to_numpy().tolist() == [["A", "Y", 1.0], ["X", "B", 2.0]]
    assert set(left_out["reason"]) == {"not in adata"}
    assert len(stored(bare)) == 3


def test_genes_restrict_without_a_warning(bare):
    stranger = pd.DataFrame({"source": ["A"], "target": ["X"], "weight": [1.0]})
    ag.io.read_network(bare, pd.concat([TABLE, stranger]), genes=["B", "A", "D"])
    assert bare.uns["imported"]["tables"]["left_out"]["reason"].tolist() == ["not in genes="] * 2
    assert sorted(bare.uns["imported"]["tables"]["order"]) == ["A", "B", "D"]


def test_names_of_another_column_are_read_and_remembered(bare):
    bare.var["symbol"] = bare.var_names
    bare.var_names = [f"ENSG{i}" for i in range(bare.n_vars)]
    with pytest.raises(InputError, match=r"None of the 3 edges has both of its genes in adata: .*gene_symbols="):
        ag.io.read_network(bare, TABLE)
    ag.io.read_network(bare, TABLE, gene_symbols="symbol")
    shown = ag.get.edges(bare, key="imported")
    assert sorted(shown["source"]) == ["A", "B", "C"]
    assert all(name.startswith("ENSG") for name in stored(bare).reset_index()["source"])
    bare.var["symbol"] = bare.var["symbol"].astype(object).where(bare.var["symbol"] != "D", "C")
    with pytest.warns(ArgenWarning, match="^1 of 3 edges left out"):
        ag.io.read_network(bare, TABLE, gene_symbols="symbol")
    assert bare.uns["imported"]["tables"]["left_out"]["reason"].tolist() == ["name of several genes"]


def test_autoregulation_is_left_out_and_listed(bare):
    more = pd.concat([TABLE, pd.DataFrame({"source": ["A"], "target": ["A"]})])
    if "weight" in TABLE:
        more = more.assign(weight=more["weight"].fillna(1.0))
    with pytest.warns(ArgenWarning, match=r"1 of 4 edges left out .* listed in its table 'left_out'"):
        ag.io.read_network(bare, more)
    left = bare.uns["imported"]["tables"]["left_out"]
    assert left[["source", "target", "reason"]].to_numpy().tolist() == [["A", "A", "from a gene to itself"]]
    assert len(ag.get.edges(bare, key="imported")) == 3


WRONG = {
    "no table": (5, "network is a int"),
    "no file": ("nowhere.csv", "'nowhere.csv' is not a file"),
    "ending": ("x.docx", "ends in none of .csv"),
    "no source": (
        TABLE.rename(columns={"source": "x"}),
        "no column 'source' or .*or name it by source=",
    ),
    "twice": (pd.concat([TABLE, TABLE[:1]]), "more than once: A → B"),
    "loops alone": (TABLE.assign(target=TABLE["source"]), "from a gene to itself: "),
    "text": (TABLE.assign(weight="x"), "'weight' of the network holds what is not a number"),
    "infinite": (TABLE.assign(weight=np.inf), "weights of the network have to be finite"),
    "missing weight": (TABLE.assign(weight=[1.0, np.nan, 2.0]), "1 edge of the network without a weight.*C → B"),
    "missing end": (TABLE.assign(target=["B", None, "A"]), "1 edge of the network without a target"),
    "p": (TABLE.assign(p=1.5), "p of the network have to be from 0 to 1"),
    "se": (TABLE.assign(se=-1.0), "se of the network have to be 0 or more"),
    "selected": (TABLE.assign(selected="yes"), "holds 'yes'"),
    "empty": (TABLE[:0], "holds no edges"),
    "strangers": (TABLE.assign(source="X", target=["1", "2", "3"]), "None of the 3 edges"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_and_nothing_is_written(bare, name):
    network, words = WRONG[name]
    before = bare.copy()
    with pytest.raises(InputError, match=words):
        ag.io.read_network(bare, network)
    assert_same(before, bare)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"weight": "x"}, "weight='x' is not a column"),
        ({"genes": "A"}, "give several names"),
        ({"genes": ["A", "Z"]}, "names 'Z', which adata does not have"),
        ({"genes": ["D", "C"]}, "both of its genes in genes="),
        ({"key_added": ""}, "key_added"),
        ({"key_added": "mine"}, "holds something that argen did not write"),
        ({"gene_symbols": "x"}, "not a column of adata.var"),
    ],
)
def test_wrong_arguments(bare, arguments, words):
    bare.uns["mine"] = 1
    with pytest.raises(InputError, match=words):
        ag.io.read_network(bare, TABLE, **arguments)
    assert not any(map(is_entry, bare.uns.values()))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.cyjs", "{", "cannot be read as a network"),
        ("x.graphml", "<graphml/>", "cannot be read as a network"),
        ("x.parquet", "x", "cannot be read as a network"),
        ("x.csv.gz", "x", "cannot be read as a network"),
    ],
)
def test_damaged_files(bare, tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=words):
        ag.io.read_network(bare, tmp_path / name)


def test_a_graph_without_directions_is_refused(bare, tmp_path):
    nx.write_graphml(nx.path_graph(["A", "B"]), tmp_path / "x.graphml")
    with pytest.raises(InputError, match="without directions"):
        ag.io.read_network(bare, tmp_path / "x.graphml")


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
@pytest.mark.parametrize("columns", [["source", "target", "weight"], ["source", "target"]])
def test_it_survives_files(bare, tmp_path, ending, columns):
    ag.io.read_network(bare, TABLE[columns], genes=["A", "B", "C", "D"])
    path = tmp_path / f"x.{ending}"
    getattr(bare, f"write_{ending}")(path)
    read = ad.read_h5ad(path) if ending == "h5ad" else ad.read_zarr(path)
    pd.testing.assert_frame_equal(ag.get.edges(read, key="imported"), ag.get.edges(bare, key="imported"))
    assert (read.varp["imported"] != bare.varp["imported"]).nnz == 0
    assert dict(read.uns["imported"]["settings"]) == dict(bare.uns["imported"]["settings"])


NEEDED = {
    "prior_overlap": {"prior": pd.DataFrame({"source": ["A"], "target": ["B"]})},
    "argen_compare": {"by": "batch"},
    "argen_evidence": {
        "pairs": {"known": pd.DataFrame({"source": ["A", "C"], "target": ["B", "A"]})},
        "n_permutations": 5,
    },
    "argen_predict": {"perturbations": {"A": 0.5}, "intervals": False},
    "argen_enrichment": {"gene_sets": {"set": ["A"]}, "min_size": 1, "of": "regulated"},
    "regulators": {"gene": "A"},
    "regulated": {"perturbation": "A"},
    "argen_effects": {"gene": "A"},
    "write_graphml": {"path": "x.graphml"},
    "write_cyjs": {"path": "x.cyjs"},
    "argen_interactive": {"path": "x.html"},
    "write_tables": {"folder": "x"},
    "report": {"path": "x.html"},
}
# What has to be searched, or needs the descendant step of the network.
REFUSING = {
    *("get.evidence", "get.fit", "get.inclusion", "get.perturbations", "get.regulated", "get.regulators"),
    *("get.sign_check", "pl.argen_descendants", "pl.argen_effects", "pl.argen_fit", "pl.argen_perturbations"),
    *("pl.argen_sign_check", "tl.argen_calibration", "tl.argen_overidentification", "tl.argen_responders"),
    *("tl.argen_sensitivity", "tl.argen_stability"),
}


WITHOUT_EFFECTS = {("get.decoupler_net", "bare"), ("tl.argen_predict", "bare")}


def takers():
    """Public functions that take the name of a network, with the arguments that name it."""
    found = []
    for module in ("get", "pl", "tl", "io"):
        for name in getattr(ag, module).__all__:
            parameters = inspect.signature(getattr(getattr(ag, module), name)).parameters
            by_key = "key" in parameters and parameters["key"].default in ("argen_dag", "argen_joint")
            by_name = "network" in parameters and parameters["network"].default in (None, "argen_dag")
            if by_key or by_name:
                found.append((f"{module}.{name}", "key" if by_key else "network"))
    return [*found, ("report", "key")]


@pytest.fixture(scope="module")
def imported(done):
    """A network that argen found, and the same with weights, and without, as read."""
    adata = done.copy()
    ag.io.read_network(adata, ag.get.edges(adata)[["source", "target", "coef"]], key_added="weighted")
    ag.io.read_network(adata, ag.get.edges(adata)[["source", "target"]], key_added="bare")
    return adata


@pytest.mark.parametrize("key", ["weighted", "bare"])
@pytest.mark.parametrize(("name", "argument"), takers())
def test_every_function_works_on_it_or_says_why_not(imported, tmp_path, name, argument, key, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module, _, short = name.rpartition(".")
    function = getattr(getattr(ag, module) if module else ag, short)
    how = dict(NEEDED.get(short, {}))
    how |= {"show": False} if "show" in inspect.signature(function).parameters else {}
    adata = imported.copy()
    if name in REFUSING or (name, key) in WITHOUT_EFFECTS:
        words = "read from elsewhere|'imported'|no effects at all|without a coefficient"
        with pytest.raises(ArgenError, match=rf"'{key}'.*({words})"):
            function(adata, **how, **{argument: key})
        return
    units = pytest.warns(ArgenWarning, match="are taken for changes of log expression")
    with units if name == "tl.argen_predict" else nullcontext():
        result = function(adata, **how, **{argument: key})
    if module == "tl":
        assert adata.uns.keys() > imported.uns.keys()
        return
    assert result is not None
    assert_same(imported, adata)


def test_the_functions_that_take_a_network_are_found():
    assert {"get.edges", "get.perturbations", "pl.argen_network", "tl.argen_stability", "io.write_cyjs"} <= {
        name for name, _ in takers()
    }


@pytest.mark.parametrize("key", ["weighted", "bare"])
def test_every_metric_takes_it(imported, key):
    """As an estimate, beside another, and on cells; the numbers are those of the network that it was read from."""
    how = {"perturbation_key": "gene", "control": "ctrl"}
    figures = ag.metrics.evaluate(imported, imported, key=key, truth_key="argen_dag")
    assert figures[["precision", "recall", "shd", "sid"]].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert ag.metrics.compare(imported, other_key=key)["jaccard"] == 1
    assert set(ag.metrics.compared_edges(imported, other_key=key)["status"]) == {"both"}
    known = ag.get.edges(imported)[["source", "target"]]
    assert ag.metrics.prior_overlap(imported, known, key=key)["n_overlap"] == len(known)
    for measure in (ag.metrics.causalbench, ag.metrics.gene_rnib):
        ours, read = (measure(imported, imported, key=name, **how) for name in ("argen_dag", key))
        names = ["mean_wasserstein", "n_edges"] if measure is ag.metrics.causalbench else ["wasserstein", "regression"]
        for name in names:
            np.testing.assert_allclose(read.loc[name], ours.loc[name], rtol=1e-9)


def test_an_unknown_effect_is_drawn_without_a_sign(imported):
    axes = ag.pl.argen_network(imported, key="bare", show=False)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["effect not known"]
    axes = ag.pl.argen_network(imported, key="weighted", show=False)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "effect not known" not in labels


def test_the_report_says_where_it_is_from(imported, tmp_path):
    page = ag.report(imported, tmp_path / "x.html", key="weighted").read_text(encoding="utf-8")
    assert "was read from elsewhere" in page
    assert "argen_sensitivity" not in page


def test_the_effects_of_a_step_can_be_named(imported):
    """A network that was read has no step, but can be compared with the effects of one."""
    signs = ag.get.sign_check(imported, key="weighted", descendants="argen_descendants")
    own = ag.get.sign_check(imported, key="argen_dag")
    columns = ["source", "target", "coef", "effect", "agrees"]
    pd.testing.assert_frame_equal(
        *(table[columns].sort_values(["source", "target"], ignore_index=True) for table in (signs, own))
    )


def test_a_mudata(bare):
    from mudata import MuData

    from argen._bridge.mudatas import columns_stay

    with columns_stay():
        mdata = MuData({"rna": bare})
    ag.io.read_network(mdata, TABLE)
    assert "imported" in mdata["rna"].uns


def test_genes_that_were_renamed_are_read_again_by_the_function_that_read_them(bare):
    ag.io.read_network(bare, TABLE)
    bare.var_names = [f"new-{name}" for name in bare.var_names]
    with pytest.raises(StaleResultError, match=r"or run ag\.io\.read_network again"):
        ag.get.edges(bare, key="imported")


def test_a_searched_network_is_not_replaced(imported):
    before = imported.copy()
    with pytest.raises(InputError, match=r"key_added='argen_dag' would overwrite the network of ag\.tl\.argen_dag"):
        ag.io.read_network(imported, TABLE, key_added="argen_dag")
    assert_same(before, imported)
    again = imported.copy()
    ag.io.read_network(again, TABLE, key_added="weighted")  # one that was read is
    assert len(ag.get.edges(again, key="weighted")) == len(TABLE)

"""Data that are not in memory give what data in memory give; what cannot be taken is refused before any work."""

import inspect

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from mudata import MuData
from scipy import sparse
from toy import KWARGS, assert_equal, toy

import argen as ag
from argen._bridge import layout, row_sources
from argen._bridge.mudatas import columns_stay
from argen.errors import ArgenError, InputError

NEEDED = {  # arguments without which a function cannot be called, and what it is told otherwise
    "argen_guides": {"labels": "gene", "control": "ctrl"},
    "argen_enrichment": {"gene_sets": {"set": ["A"]}, "min_size": 1, "of": "regulated"},
    "external_dag": {"method": "pc"},
    "argen_compare": {"by": "batch"},
    "argen_forest": {"edge": ("A", "B")},
    "write_graphml": {"path": "x.graphml"},
    "write_cyjs": {"path": "x.cyjs"},
    "argen_interactive": {"path": "x.html"},
    "write_tables": {"folder": "x"},
    "prior_overlap": {"prior": pd.DataFrame({"source": ["A"], "target": ["B"]})},
    "read_network": {"network": pd.DataFrame({"source": ["A"], "target": ["B"]})},
    "report": {"path": "x.html"},
    "expression": {"genes": "A"},
    "argen_effects": {"gene": "A"},
    "regulators": {"gene": "A"},
    "regulated": {"perturbation": "A"},
    "argen_predict": {"perturbations": ["A"]},
    "causalbench": {"perturbation_key": "gene", "control": "ctrl", "network": "self"},
}
# Plots that have the name of a tool in NEEDED, and need no argument themselves.
OTHERS = {("pl", f"argen_{name}") for name in ("guides", "compare", "predict", "enrichment")}
MODULES = {"pp": ag.pp, "tl": ag.tl, "get": ag.get, "pl": ag.pl, "io": ag.io}


def functions(*modules):
    """Public functions of an object, with the arguments that they need."""
    found = []
    for module in modules:
        for name in MODULES[module].__all__:
            function = getattr(MODULES[module], name)
            if next(iter(inspect.signature(function).parameters), "") in ("adata", "data"):
                how = {} if (module, name) in OTHERS else NEEDED.get(name, {})
                found.append(pytest.param(function, how, id=f"{module}.{name}"))
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A screen with results as h5ad and zarr."""
    folder = tmp_path_factory.mktemp("screen")
    adata = toy()
    adata.layers["counts"] = adata.X.copy()
    ag.tl.argen_dag(adata, **KWARGS)
    adata.write_h5ad(folder / "x.h5ad")
    adata.write_zarr(folder / "x.zarr")
    return folder


@pytest.fixture
def backed(files):
    adata = ad.read_h5ad(files / "x.h5ad", backed="r")
    yield adata
    adata.file.close()


@pytest.mark.parametrize(("function", "how"), functions("pp", "tl"))
@pytest.mark.parametrize("copy", [False, True])
def test_a_view_of_a_file_takes_no_results(backed, function, how, copy, capfd):
    view = backed[:400]
    uns, columns = dict(view.uns), list(view.obs)
    with pytest.raises(
        InputError, match=r"^a?data is a view of a file; argen needs it in memory: call a?data\.to_memory"
    ):
        function(view, **how, copy=copy)
    assert view.is_view
    assert view.uns.keys() == uns.keys()
    assert list(view.obs) == columns
    assert capfd.readouterr().err == ""  # no work was begun


def test_a_view_of_a_file_is_taken_from_memory_and_read(backed):
    view = backed[:400]
    assert len(ag.get.pairs(view)) == len(ag.get.pairs(backed)) == 12
    memory = view.to_memory()
    ag.pp.argen_guides(memory, labels="gene", control="ctrl")
    ag.tl.argen_descendants(memory, **KWARGS)
    assert memory.uns["argen_descendants"]["tables"]["cells"]["n"].sum() == 400


@pytest.mark.parametrize(("function", "how"), functions("pp", "tl"))
def test_what_is_on_disk_is_not_copied(backed, function, how):
    with pytest.raises(InputError, match=r"^a?data is on disk, which copy=True cannot copy; .*\.to_memory\(\) first"):
        function(backed, **how, copy=True)


def test_the_modality_of_a_view_of_a_file_is_named(backed):
    with columns_stay():
        mdata = MuData({"rna": backed[:400]})
    with pytest.raises(
        InputError, match=r"^data\.mod\['rna'\] is a view of a file; .* data\.mod\['rna'\]\.to_memory\(\)"
    ):
        ag.pp.argen_guides(mdata, labels="gene", control="ctrl")
    with pytest.raises(InputError, match=r"is a view of a file; .*to_memory\(\)"):
        ag.tl.argen_descendants(mdata, **KWARGS)


def test_layers_of_an_open_file_are_in_memory(backed):
    ag.tl.argen_descendants(backed, **KWARGS, layer="counts")
    assert len(ag.get.pairs(backed)) == 12


@pytest.fixture(params=["x.h5ad", "x.zarr"])
def lazy(request, files):
    return ad.experimental.read_lazy(files / request.param)


@pytest.mark.parametrize(("function", "how"), functions("get", "pl", "io"))
def test_what_is_read_lazily_is_shown_as_what_is_in_memory(lazy, function, how, tmp_path, monkeypatch):
    """Those that need a result that is not there say so of both."""
    monkeypatch.chdir(tmp_path)
    outcomes = []
    for adata in (lazy, lazy.to_memory()):
        try:
            outcomes.append(function(adata, **how, **({"show": False} if function.__module__ == "argen.pl" else {})))
        except (ArgenError, TypeError) as error:
            outcomes.append(str(error))
        plt.close("all")
    first, second = outcomes
    assert type(first) is type(second)
    if isinstance(first, str):
        assert first == second
    elif isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, second)


def test_results_are_written_to_what_is_read_lazily(files):
    """The tables stay lazy, X is not read into memory, and what was there before is kept."""
    adata, memory = ad.experimental.read_lazy(files / "x.zarr"), toy()
    ag.tl.argen_dag(memory, **KWARGS)
    ag.tl.argen_descendants(memory, **KWARGS, depth="depth", key_added="other")
    ag.tl.argen_descendants(adata, **KWARGS, depth="depth", key_added="other")
    assert adata.uns["other"]["id"] == memory.uns["other"]["id"]
    assert not isinstance(adata.obs, pd.DataFrame)
    assert hasattr(adata.X, "dask")
    read = adata.to_memory()
    assert read.uns.keys() == memory.uns.keys()
    assert read.varp.keys() == memory.varp.keys()
    assert set(read.var.columns) == set(memory.var.columns)
    # Texts of a file come back as another type than they had.
    pd.testing.assert_frame_equal(
        ag.get.edges(adata), ag.get.edges(memory), check_dtype=False, check_categorical=False, check_exact=True
    )
    copied = ag.tl.argen_descendants(adata, **KWARGS, key_added="third", copy=True)
    assert "third" in copied.uns
    assert "third" not in adata.uns


def test_a_lazy_modality_is_analysed_in_its_place(files):
    """MuData takes none when it is made; one may be put there afterwards."""
    with columns_stay():
        mdata = MuData({"rna": toy()})
    mdata.mod["rna"] = lazy = ad.experimental.read_lazy(files / "x.zarr")
    memory = ad.read_zarr(files / "x.zarr")
    for adata in (mdata, memory):
        ag.tl.argen_descendants(adata, **KWARGS, depth="depth", responders="all")
        ag.tl.argen_dag(adata)
        ag.tl.argen_responders(adata)
    for key in ("argen_descendants", "argen_dag", "argen_responders"):
        assert lazy.uns[key]["id"] == memory.uns[key]["id"]
    assert hasattr(lazy.X, "dask")
    edges = ag.get.edges(mdata)
    pd.testing.assert_frame_equal(edges, ag.get.edges(memory), check_dtype=False, check_categorical=False)
    with pytest.raises(InputError, match=r"mdata\['rna'\] is read lazily; .* call mdata\['rna'\]\.to_memory\(\) first"):
        ag.tl.argen_descendants(mdata, **KWARGS, key_added="other", copy=True)


def test_an_error_leaves_what_is_read_lazily_as_it_was(lazy):
    before = set(lazy.uns), set(lazy.var.columns), set(lazy.varp)
    with pytest.raises(InputError, match="not among the labels"):
        ag.tl.argen_descendants(lazy, **KWARGS | {"control": "none"}, key_added="other")
    assert (set(lazy.uns), set(lazy.var.columns), set(lazy.varp)) == before


def test_metrics_refuse_what_is_read_lazily(lazy):
    for call in (
        lambda: ag.metrics.causalbench(lazy, lazy, perturbation_key="gene", control="ctrl"),
        lambda: ag.metrics.hold_out(lazy, perturbation_key="gene"),
    ):
        with pytest.raises(InputError, match=r"read lazily; .*to_memory"):
            call()


def stored(adata, place, folder):
    """The screen with its counts in one of many places."""
    from dask import array

    kind, _, layer = place.partition(" in ")
    values = adata.X
    if kind.startswith("h5ad") or kind.startswith("lazy"):
        form = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "dense": lambda x: x.toarray()}[kind.split()[1]]
        adata = adata.copy()
        adata.X = form(values.astype(np.int64 if "int" in kind else np.float32))
        path = folder / "counts.zarr" if "zarr" in kind else folder / "counts.h5ad"
        adata.write_zarr(path) if "zarr" in kind else adata.write_h5ad(path)
        return ad.experimental.read_lazy(path) if kind.startswith("lazy") else ad.read_h5ad(path, backed="r")
    dense = values.toarray()
    chunks = {"dask tiles": (100, 3), "dask rows": (137, 7), "dask columns": (440, 2)}.get(kind, (90, 7))
    found = array.from_array(dense, chunks=chunks)
    if kind == "dask sparse":
        found = found.map_blocks(sparse.csr_matrix)
    adata = adata.copy()
    if layer:
        adata.layers[layer], adata.X = found, None
    else:
        adata.X = found
    return adata


PLACES = [
    "h5ad csr",
    "h5ad csr int",
    "h5ad csc",
    "h5ad dense",
    "lazy csr",
    "lazy csc",
    "lazy csr zarr",
    "lazy dense zarr",
    "dask tiles",
    "dask rows",
    "dask columns",
    "dask sparse",
    "dask rows in counts",
]


@pytest.fixture(scope="module")
def in_memory():
    adata = toy()
    ag.tl.argen_descendants(adata, **KWARGS, responders="all", min_counts=10)
    ag.tl.argen_dag(adata)
    ag.tl.argen_responders(adata)
    return adata


@pytest.mark.parametrize("place", PLACES)
def test_results_are_those_of_counts_in_memory_to_the_bit(place, in_memory, tmp_path, monkeypatch):
    """In pieces of a few rows and blocks of a few genes, or in one; with a depth that is computed from the counts."""
    adata = stored(toy(), place, tmp_path)
    if place.endswith(("csr", "rows")):
        monkeypatch.setattr(row_sources, "_FIRST_ROWS", 50)
        monkeypatch.setattr(layout, "_PIECE", 1e-5)
        monkeypatch.setattr(layout, "_MOST_GENES", 2)
    layer = "counts" if place.endswith("counts") else None
    ag.tl.argen_descendants(adata, **KWARGS, layer=layer, responders="all", min_counts=10)
    ag.tl.argen_dag(adata)
    ag.tl.argen_responders(adata)
    for key in ("argen_descendants", "argen_dag", "argen_responder_effects", "argen_responders"):
        assert adata.uns[key]["made_from"]["data"] == in_memory.uns[key]["made_from"]["data"]
        for name, table in in_memory.uns[key]["tables"].items():
            assert_equal(table, adata.uns[key]["tables"][name], f"{key} {name}")
    if adata.isbacked:
        adata.file.close()


def test_a_report_of_counts_on_disk(backed, tmp_path):
    plt.close("all")
    ag.report(backed, tmp_path / "x.html")
    assert (tmp_path / "x.html").stat().st_size > 10_000

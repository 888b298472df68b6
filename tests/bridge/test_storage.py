"""Data that are not in memory are refused before any work, with the same cure everywhere."""

import inspect

import anndata as ad
import numpy as np
import pytest
from mudata import MuData
from toy import KWARGS, toy

import argen as ag
from argen._bridge.mudatas import columns_stay
from argen.errors import InputError

NEEDED = {  # arguments without which a function cannot be called, and what it is told otherwise
    "argen_guides": {"labels": "gene", "control": "ctrl"},
    "argen_enrichment": {"genes": ["A"]},
    "external_dag": {"method": "pc"},
    "write_graphml": {"path": "x.graphml"},
    "write_cyjs": {"path": "x.cyjs"},
    "argen_interactive": {"path": "x.html"},
    "write_tables": {"folder": "x"},
    "report": {"path": "x.html"},
    "expression": {"genes": "A"},
    "argen_effects": {"gene": "A"},
    "regulators": {"gene": "A"},
    "regulated": {"perturbation": "A"},
    "causalbench": {"perturbation_key": "gene", "control": "ctrl", "network": "self"},
}
MODULES = {"pp": ag.pp, "tl": ag.tl, "get": ag.get, "pl": ag.pl, "io": ag.io}


def functions(*modules):
    """Public functions of an object, with the arguments that they need."""
    found = []
    for module in modules:
        for name in MODULES[module].__all__:
            function = getattr(MODULES[module], name)
            if next(iter(inspect.signature(function).parameters), "") in ("adata", "data"):
                how = {} if (module, name) == ("pl", "argen_guides") else NEEDED.get(name, {})
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


@pytest.fixture
def lazy(files):
    return ad.experimental.read_lazy(files / "x.zarr")


LAZY = r"^a?data is read lazily; argen needs it in memory: call a?data\.to_memory\(\) first\.$"


@pytest.mark.parametrize(("function", "how"), functions(*MODULES))
def test_what_is_read_lazily_is_refused(lazy, function, how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for adata in (lazy, lazy[:400]):
        with pytest.raises(InputError, match=LAZY):
            function(adata, **how)
    assert list(tmp_path.iterdir()) == []


def test_report_and_metrics_refuse_what_is_read_lazily(lazy, tmp_path):
    with pytest.raises(InputError, match=LAZY):
        ag.report(lazy, tmp_path / "x.html")
    for call in (
        lambda: ag.metrics.causalbench(lazy, lazy, perturbation_key="gene", control="ctrl"),
        lambda: ag.metrics.hold_out(lazy, perturbation_key="gene"),
    ):
        with pytest.raises(InputError, match=r"read lazily; .*to_memory"):
            call()
    assert len(ag.get.edges(lazy.to_memory())) == 3


@pytest.mark.parametrize("place", ["X", "counts"])
def test_dask_arrays_are_refused(place, tmp_path):
    from dask import array

    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    values = array.from_array(adata.X.toarray(), chunks=(100, 7))
    if place == "X":
        adata.X = values
    else:
        adata.layers["counts"], adata.uns["argen_descendants"]["settings"]["layer"] = values, "counts"
    where = r"adata\.X" if place == "X" else r"adata\.layers\['counts'\]"
    layer = None if place == "X" else "counts"
    words = rf"^{where} is a dask array \(\w+\); argen needs it in memory: call adata\.to_memory\(\) first"
    for call in (
        lambda: ag.tl.argen_descendants(adata, **KWARGS, layer=layer),
        lambda: ag.pp.argen_qc(adata, min_depth=1, one_perturbation=False, layer=layer),
        lambda: ag.get.expression(adata, genes="A"),
        lambda: ag.pl.argen_effects(adata, gene="B", show=False),
        lambda: ag.report(adata, tmp_path / "x.html"),
        lambda: ag.metrics.causalbench(adata, adata, perturbation_key="gene", control="ctrl", layer=layer),
    ):
        with pytest.raises(InputError, match=words):
            call()
    adata = adata.to_memory()
    ag.tl.argen_descendants(adata, **KWARGS, layer=layer)


def test_dask_arrays_of_guides_are_refused():
    from dask import array

    adata = toy()
    adata.obsm["guides"] = array.from_array(np.ones((adata.n_obs, 2)))
    with pytest.raises(InputError, match=r"adata\.obsm\['guides'\] is a dask array .*adata\.to_memory"):
        ag.pp.argen_guides(adata, guides="guides", guide_target={"a": "A", "NT": "NT"})


def test_the_report_does_not_call_counts_on_disk_stale(backed, tmp_path):
    with pytest.raises(InputError, match=r"adata\.X is a matrix on disk \(\w+\); .*to_memory"):
        ag.report(backed, tmp_path / "x.html")
    assert list(tmp_path.iterdir()) == []

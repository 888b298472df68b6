"""A network is opened once: whoever needs its tables, they are built once."""

import matplotlib.pyplot as plt
import pytest
from toy import KWARGS, toy

import argen as ag
from argen.get import _opened
from argen.get._opened import OpenedNetwork


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_sensitivity(adata, alphas=[0.01])
    ag.tl.argen_stability(adata, n_draws=5)
    return adata


@pytest.fixture
def calls(monkeypatch):
    """How often each was called: what makes the tables, and what reads the entry of the network."""
    counted = dict.fromkeys(("with_edge_mde", "with_pair_mde", "perturbations_of", "read_entry"), 0)

    def counting(name):
        function = getattr(_opened, name)

        def count(*args, **kwargs):
            counted[name] += 1
            return function(*args, **kwargs)

        return count

    for name in counted:
        monkeypatch.setattr(_opened, name, counting(name))
    return counted


USES = {
    "get.edges": lambda adata, folder: ag.get.edges(adata),
    "get.graph": lambda adata, folder: ag.get.graph(adata),
    "get.graph, candidates": lambda adata, folder: ag.get.graph(adata, selected=False),
    "get.centrality": lambda adata, folder: ag.get.centrality(adata),
    "pl.argen_network": lambda adata, folder: ag.pl.argen_network(adata, show=False),
    "pl.argen_degree": lambda adata, folder: ag.pl.argen_degree(adata, show=False),
    "pl.argen_volcano": lambda adata, folder: ag.pl.argen_volcano(adata, show=False),
    "pl.argen_heatmap": lambda adata, folder: ag.pl.argen_heatmap(adata, show=False),
    "pl.argen_interactive": lambda adata, folder: ag.pl.argen_interactive(adata),
    "io.write_graphml": lambda adata, folder: ag.io.write_graphml(adata, folder / "x.graphml"),
    "io.write_cyjs": lambda adata, folder: ag.io.write_cyjs(adata, folder / "x.cyjs"),
    "io.write_tables": lambda adata, folder: ag.io.write_tables(adata, folder / "tables"),
    "report": lambda adata, folder: ag.report(adata, folder / "x.html"),
}


@pytest.mark.parametrize("use", USES)
def test_tables_are_built_once(done, calls, tmp_path, use):
    USES[use](done, tmp_path)
    plt.close("all")
    assert calls["with_edge_mde"] == calls["read_entry"] == 1
    assert calls["with_pair_mde"] == (1 if use in ("io.write_tables", "report") else 0)
    assert calls["perturbations_of"] <= 1


def test_the_tables_are_those_of_get(done):
    opened = OpenedNetwork(done, "argen_dag")
    for table, expected in {
        "edges": ag.get.edges(done),
        "candidates": ag.get.edges(done, selected=False),
        "perturbations": ag.get.perturbations(done),
        "pairs": ag.get.pairs(done),
    }.items():
        assert getattr(opened, table).equals(expected), table
    assert opened.genes["gene"].tolist() == list(ag.get.graph(done))


def test_without_the_step(done):
    adata = done.copy()
    del adata.uns["argen_descendants"]
    opened = OpenedNetwork(adata, "argen_dag")
    assert opened.step is opened.perturbations is opened.pairs is None
    assert list(opened.genes) == ["gene", "order", "layer", "in_degree", "out_degree"]

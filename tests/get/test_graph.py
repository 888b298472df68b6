"""The network as a graph and as a net of decoupler, against the tables that they are made from."""

import io
import json
import math
import warnings

import anndata
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from toy import GENES, KWARGS, toy

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError

OF_TARGETS = {
    "n_cells": "n_cells", "effect": "knockdown_effect", "se": "knockdown_se", "p": "knockdown_p",
    "flags": "knockdown_flags", "z_squared": "z_squared", "weak": "weak", "n_descendants": "n_descendants",
}  # fmt: skip


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


@pytest.fixture(scope="module")
def cyclic():
    adata = toy(n_per_target=30)
    ag.tl.inspre(adata, **KWARGS, lambdas=0.01, min_effect=0.0)
    return adata


def values(row, names):
    """What a row of a table says, under the names of the graph; nothing where there is no number or text."""
    found = {new: row[old] for old, new in names.items()}
    return {name: value for name, value in found.items() if value != "" and not _is_no_number(value)}


def _is_no_number(value):
    return isinstance(value, float) and not math.isfinite(value)


@pytest.mark.parametrize("selected", [True, False])
def test_edges_have_what_the_table_has(done, selected):
    graph, table = ag.get.graph(done, selected=selected), ag.get.edges(done, selected=selected)
    assert isinstance(graph, nx.DiGraph)
    assert graph.number_of_edges() == len(table) > 0
    names = {name: name for name in table if name not in ("source", "target")}
    names |= {"coef": "weight", "selected": "in_network"}
    for row in table.to_dict("records"):
        sign = {"sign": "positive" if row["coef"] > 0 else "negative"}
        assert graph.edges[row["source"], row["target"]] == values(row, names) | sign
    assert selected == all(used for *_, used in graph.edges(data="in_network"))


def test_genes_have_their_place_and_their_knockdown(done):
    graph, edges = ag.get.graph(done), ag.get.edges(done)
    assert list(graph) == done.uns["argen_dag"]["tables"]["nodes"]["gene"].tolist()
    perturbations = ag.get.perturbations(done).set_index("perturbation")
    for gene, attributes in graph.nodes(data=True):
        assert attributes == values(perturbations.loc[gene], OF_TARGETS) | {
            "order": done.var.loc[gene, "argen_order"],
            "layer": done.var.loc[gene, "argen_layer"],
            "in_degree": (edges["target"] == gene).sum(),
            "out_degree": (edges["source"] == gene).sum(),
        }
    assert set(graph) == set(GENES)


def test_degrees_are_those_of_the_network_in_both(done):
    selected, every = ag.get.graph(done), ag.get.graph(done, selected=False)
    assert every.number_of_edges() > selected.number_of_edges()
    assert dict(every.nodes(data=True)) == dict(selected.nodes(data=True))
    assert dict(selected.in_degree()) == dict(selected.nodes(data="in_degree"))
    assert dict(selected.out_degree()) == dict(selected.nodes(data="out_degree"))
    assert nx.is_directed_acyclic_graph(every)


def test_what_the_graph_says_of_itself(done):
    params = done.uns["argen_dag"]["settings"]
    about = ag.get.graph(done).graph
    assert about == {"key": "argen_dag", "argen_version": ag.__version__} | params
    assert about["alpha"] == 0.05


def plain(graph):
    return [graph.graph, *(data for _, data in graph.nodes(data=True)), *(data for *_, data in graph.edges(data=True))]


def types(graph):
    return [{name: type(value) for name, value in entry.items()} for entry in plain(graph)]


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_values_are_pythons_own_and_the_same_from_a_file(done, tmp_path, suffix):
    adata = done.copy()
    ag.tl.inspre(adata)  # its parameters hold an array
    getattr(adata, f"write_{suffix}")(tmp_path / f"x.{suffix}")
    stored = getattr(anndata, f"read_{suffix}")(tmp_path / f"x.{suffix}")
    for key in ("argen_dag", "inspre"):
        graph, again = ag.get.graph(adata, key=key, selected=False), ag.get.graph(stored, key=key, selected=False)
        assert {kind for entry in types(graph) for kind in entry.values()} <= {bool, int, float, str}
        assert types(graph) == types(again)
        assert plain(graph) == plain(again)
        assert [list(entry) for entry in plain(graph)] == [list(entry) for entry in plain(again)]
        assert list(graph.edges) == list(again.edges)
        assert json.loads(json.dumps(plain(graph), allow_nan=False)) == plain(graph)


def test_what_has_no_value_is_left_out():
    adata = toy()
    counts = adata.X.toarray()
    counts[:, adata.var_names.get_loc("B")] = counts[:, adata.var_names.get_loc("A")]
    adata.X = counts
    with pytest.warns(ArgenWarning, match="singular"):
        ag.tl.argen_dag(adata, **KWARGS, closure=True)
    graph, table = ag.get.graph(adata, selected=False), ag.get.edges(adata, selected=False)
    missing = table[table["coef"].isna()]
    assert len(missing) > 0
    for edge in missing.itertuples():
        attributes = graph.edges[edge.source, edge.target]
        assert not {"weight", "sign", "se", "p"} & set(attributes)
        assert attributes["flags"] == edge.flags != ""


def test_an_unbounded_end_is_left_out_and_its_shape_is_not(done):
    adata = done.copy()
    table = adata.uns["argen_dag"]["tables"]["edges"].copy()
    table["ci_high_robust"] = np.inf
    table["robust_set"] = pd.Categorical(["one side unbounded"] * len(table))
    adata.uns["argen_dag"]["tables"]["edges"] = table
    for *_, attributes in ag.get.graph(adata).edges(data=True):
        assert "ci_high_robust" not in attributes
        assert attributes["robust_set"] == "one side unbounded"
        assert math.isfinite(attributes["ci_low_robust"])


def test_knockdowns_of_another_step_are_not_shown(done):
    adata = done.copy()
    ag.tl.argen_descendants(adata, **KWARGS | {"covariates": ["batch"]})
    assert set(ag.get.graph(adata).nodes["A"]) == {"order", "layer", "in_degree", "out_degree"}
    del adata.uns["argen_descendants"]
    assert set(ag.get.graph(adata).nodes["A"]) == {"order", "layer", "in_degree", "out_degree"}


def test_step_of_another_name(done):
    adata = done.copy()
    ag.tl.argen_dag(adata, **KWARGS, descendants="mine", key_added="net")
    del adata.uns["argen_descendants"]
    effect = ag.get.perturbations(adata, key="mine").set_index("perturbation").loc["B", "effect"]
    assert ag.get.graph(adata, key="net").nodes["B"]["knockdown_effect"] == effect


def test_network_of_another_method(cyclic):
    graph = ag.get.graph(cyclic, key="inspre")
    assert not nx.is_directed_acyclic_graph(graph)
    assert graph.number_of_edges() == len(ag.get.edges(cyclic, key="inspre"))
    assert all(not {"se", "p"} & set(data) and "weight" in data for *_, data in graph.edges(data=True))
    assert all("knockdown_effect" in data for _, data in graph.nodes(data=True))


@pytest.mark.parametrize("write", [nx.write_graphml, nx.write_gexf, nx.write_gml, nx.write_edgelist])
def test_graph_goes_through_every_writer(done, write):
    buffer = io.BytesIO()
    write(ag.get.graph(done, selected=False), buffer)
    assert b"weight" in buffer.getvalue()


def test_genes_can_be_coloured_by_what_is_known_about_them(done):
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    for name in ("knockdown_effect", "out_degree", "n_cells"):
        ax = ag.pl.argen_network(done, color=name, show=False)
        assert any(text.get_text().startswith(name) for text in ax.get_legend().get_texts())
    plt.close("all")


class TestDecouplerNet:
    def test_holds_the_edges(self, done):
        net, edges = ag.get.decoupler_net(done), ag.get.edges(done)
        assert list(net.columns) == ["source", "target", "weight"]
        assert net["weight"].tolist() == edges["coef"].tolist()
        assert net[["source", "target"]].equals(edges[["source", "target"]])
        assert ag.get.decoupler_net(done, weight="z")["weight"].tolist() == edges["z"].tolist()
        signs = ag.get.decoupler_net(done, weight="sign")["weight"]
        assert signs.tolist() == [1.0 if coef > 0 else -1.0 for coef in edges["coef"]]

    def test_decoupler_computes_the_regression_with_it(self):
        adata = ag.datasets.simulate("paper_fig2", rng=1, n_cells=3000)
        ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
        net = ag.get.decoupler_net(adata)
        expression = anndata.AnnData(np.log1p(adata.X[:20].toarray()), adata.obs[:20], adata.var)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # decoupler's own, when it is imported
            import decoupler
        decoupler.mt.ulm(expression, net=net, tmin=1)
        scores = expression.obsm["score_ulm"]
        assert set(scores) == set(net["source"])
        for source, weights in net.set_index("target").groupby("source")["weight"]:
            design = sm.add_constant(weights.reindex(adata.var_names).fillna(0).to_numpy())
            for cell in (0, 7):
                fit = sm.OLS(expression.X[cell], design).fit()
                assert scores[source].iloc[cell] == pytest.approx(fit.tvalues[1], rel=1e-6)

    def test_nothing_is_twice_or_missing(self, cyclic):
        net = ag.get.decoupler_net(cyclic, key="inspre")
        assert not net.duplicated(["source", "target"]).any()
        assert np.isfinite(net["weight"]).all()
        both = set(zip(net["source"], net["target"], strict=True))
        assert any((target, source) in both for source, target in both)

    def test_edges_without_a_weight_are_counted(self, done):
        adata = done.copy()
        table = adata.uns["argen_dag"]["tables"]["edges"].copy()
        first = np.flatnonzero(table["selected"])[0]
        table.loc[first, "z"] = np.nan
        adata.uns["argen_dag"]["tables"]["edges"] = table
        named = f"{table['source'][first]} → {table['target'][first]}"
        with pytest.warns(ArgenWarning, match=f"1 edge left out of the net, no z: {named}"):
            net = ag.get.decoupler_net(adata, weight="z")
        assert len(net) == table["selected"].sum() - 1

    def test_errors(self, done, cyclic):
        with pytest.raises(InputError, match="weight='p' is not one of 'coef', 'z', 'sign'"):
            ag.get.decoupler_net(done, weight="p")
        with pytest.raises(InputError, match=r"weight='z': no edge of adata.uns\['inspre'\] has one"):
            ag.get.decoupler_net(cyclic, key="inspre", weight="z")
        with pytest.raises(MissingResultError, match="'nope'"):
            ag.get.decoupler_net(done, key="nope")

    def test_no_edge(self, done):
        adata = done.copy()
        ag.tl.argen_dag(adata, alpha=1e-300, key_added="strict")
        net = ag.get.decoupler_net(adata, key="strict", weight="z")
        assert (len(net), list(net), net["weight"].dtype) == (0, ["source", "target", "weight"], np.float64)

"""Modules, centrality and gene sets of a network, as tools that write into the object."""

import anndata as ad
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.gene_sets import read_gene_sets
from argen._bridge.modules import find_modules, modularity, weighted_graph
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError


@pytest.fixture(scope="module")
def screen():
    """Three cliques of five genes in a chain with a few edges between: what modules should be is known."""
    genes = [f"{block}{i}" for block in "ABC" for i in range(5)]
    graph = [(f"{block}{i}", f"{block}{j}", 0.45) for block in "ABC" for i in range(5) for j in range(i + 1, 5)]
    graph = [edge for edge in graph if int(edge[1][1]) - int(edge[0][1]) <= 2]
    graph += [("A4", "B0", 0.3), ("B4", "C0", 0.3)]
    table = pd.DataFrame(graph, columns=["source", "target", "coef"])
    adata = ag.datasets.simulate(
        genes=genes, dag=table, intercept=1.5, cells_per_perturbation=300, n_controls=2500, rng=4
    )
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    return adata


@pytest.fixture
def done(screen):
    adata = screen.copy()
    ag.tl.argen_modules(adata)
    return adata


def by_module(adata, **how):
    genes = ag.get.modules(adata, table="genes", **how)
    return {frozenset(part["gene"]) for _, part in genes.groupby("module")}


@pytest.mark.parametrize("method", ["louvain", "leiden"])
def test_planted_modules_are_found(screen, method):
    adata = screen.copy()
    ag.tl.argen_modules(adata, method=method)
    assert by_module(adata) == {frozenset(f"{block}{i}" for i in range(5)) for block in "ABC"}
    assert adata.var["argen_module"].cat.categories.tolist() == ["1", "2", "3"]
    settings = adata.uns["argen_modules"]["settings"]
    assert (settings["method"], settings["weight"], settings["key"]) == (method, "z", "argen_dag")
    edges, table = ag.get.edges(adata), ag.get.modules(adata)
    number = adata.var["argen_module"].astype(int)
    within = number[edges["source"]].to_numpy() == number[edges["target"]].to_numpy()
    assert table["n_edges"].sum() == within.sum()
    assert table["n_edges_in"].sum() == table["n_edges_out"].sum() == (~within).sum()
    graph = nx.Graph()
    for edge in edges.itertuples():
        graph.add_edge(edge.source, edge.target, weight=abs(edge.z))
    assert settings["modularity"] == pytest.approx(nx.community.modularity(graph, by_module(adata)))


def test_louvain_is_that_of_networkx_and_the_same_for_a_seed(screen):
    edges = ag.get.edges(screen)
    names = sorted({*edges["source"], *edges["target"]})
    at = pd.Index(names)
    source, target = at.get_indexer(edges["source"]), at.get_indexer(edges["target"])
    graph = weighted_graph(len(names), source, target, edges["z"].abs().to_numpy())
    ours = find_modules(graph, resolution=2.0, seed=5)
    theirs = [nx.community.louvain_communities(graph, resolution=2.0, seed=5 + i) for i in range(8)]
    best = max(modularity(graph, parts, 2.0) for parts in theirs)
    assert modularity(graph, ours, 2.0) >= best - 1e-12
    assert find_modules(graph, resolution=2.0, seed=5) == ours


def test_nothing_to_find(screen):
    adata = screen.copy()
    ag.tl.argen_dag(adata, alpha=1e-300, key_added="strict")
    ag.tl.argen_modules(adata, network="strict", key_added="none")
    assert len(ag.get.modules(adata, key="none")) == len(ag.get.modules(adata, key="none", table="genes")) == 0
    assert adata.var["none"].isna().all()
    ag.tl.argen_centrality(adata, network="strict")
    assert adata.var["argen_hub"].isna().all()
    with pytest.raises(InputError, match=r"of='modules': the network in adata\.uns\['strict'\] has no module"):
        ag.tl.argen_enrichment(adata, gene_sets={"a": ["A1"]}, network="strict", modules="none", min_size=1)
    with pytest.raises(InputError, match=r"of='children': .* has no edge"):
        ag.tl.argen_enrichment(adata, gene_sets={"a": ["A1"]}, network="strict", of="children", min_size=1)


def test_baselines_weigh_effects_and_joint_networks_z(screen):
    adata = screen.copy()
    ag.tl.inspre(adata)
    ag.tl.argen_modules(adata, network="inspre", key_added="of_inspre")
    assert adata.uns["of_inspre"]["settings"]["weight"] == "coef"
    ag.tl.argen_joint(adata, perturbation_key="perturbation", depth="depth")
    ag.tl.argen_modules(adata, network="argen_joint", key_added="of_joint")
    assert adata.uns["of_joint"]["settings"]["weight"] == "z"
    assert "of_joint" in adata.var


def test_centrality_is_that_of_the_getter(done):
    ag.tl.argen_centrality(done, n_hubs=4, attenuation=0.2)
    table = ag.get.centrality(done, attenuation=0.2).set_index("gene")
    for name in ("in_degree", "out_degree", "n_upstream", "n_downstream", "layer", "katz_in", "katz_out"):
        np.testing.assert_array_equal(done.var.loc[table.index, f"argen_{name}"], table[name])
    hub = done.var["argen_hub"].astype(object).fillna("")
    for kind in ("in", "out"):
        hubs = set(done.var_names[hub.str.contains(rf"\b{kind}\b")])
        degree = table[f"{kind}_degree"]
        assert len(hubs) == 4
        assert degree[list(hubs)].min() >= degree.drop(hubs).max()
        first = done.uns["argen_centrality"]["tables"]["genes"].query(f"{kind}_hub == 1")["gene"].item()
        assert degree[first] == degree.max()


def test_genes_outside_of_the_network_have_none(done):
    adata = done.copy()
    more = ad.AnnData(np.ones((adata.n_obs, 1), dtype=np.float32), adata.obs, pd.DataFrame(index=["other"]))
    wider = ad.concat([adata, more], axis=1, merge="same", uns_merge="first")
    ag.tl.argen_centrality(wider)
    ag.tl.argen_modules(wider)
    row = wider.var.loc["other"]
    assert row["argen_in_degree"] == row["argen_layer"] == -1
    assert np.isnan(row["argen_katz_in"])
    assert pd.isna(row["argen_hub"])
    assert pd.isna(row["argen_module"])


def test_genes_that_are_gone_are_told(done):
    left = done[:, [name for name in done.var_names if name != "A0"]].copy()
    with pytest.warns(ArgenWarning, match=r"1 of the 15 genes of adata\.uns\['argen_dag'\] .* left out: A0"):
        ag.tl.argen_modules(left)
    assert "A0" not in set(ag.get.modules(left, table="genes")["gene"])


@pytest.mark.parametrize("form", ["dict", "table", "gmt"])
def test_planted_sets_are_found_in_any_form(done, form, tmp_path):
    genes = {block: [f"{block}{i}" for i in range(5)] for block in "ABC"}
    sets = {f"set {block}": members[:4] for block, members in genes.items()} | {"mixed": ["A0", "B1", "C2", "nowhere"]}
    if form == "table":
        sets = pd.DataFrame(
            [(name, gene) for name, part in sets.items() for gene in part], columns=["source", "target"]
        )
    elif form == "gmt":
        lines = ["\t".join([name, "from a file", *part]) for name, part in sets.items()]
        (tmp_path / "sets.gmt").write_text("\n".join(lines) + "\n\n")
        sets = tmp_path / "sets.gmt"
    ag.tl.argen_enrichment(done, gene_sets=sets)
    table = ag.get.enrichment(done)
    found = table[table["significant"]]
    number = {
        frozenset(part["gene"]): f"module {name}"
        for name, part in ag.get.modules(done, table="genes").groupby("module")
    }
    assert dict(zip(found["term"], found["group"], strict=True)) == {
        f"set {block}": number[frozenset(members)] for block, members in genes.items()
    }
    assert (table["n_background"] == 15).all()
    assert (table.loc[table["term"] == "mixed", "n_term"] == 3).all()
    assert found["genes"].iloc[0].count(",") == 3
    assert len(table) == 3 * 4


def test_nets_of_decoupler_are_read(done):
    net = pd.DataFrame({"source": "T", "target": ["A0", "A1", "A2"], "weight": [1.0, -1.0, 1.0]})
    ag.tl.argen_enrichment(done, gene_sets=net)
    assert ag.get.enrichment(done)["n_term"].unique().tolist() == [3]


@pytest.mark.parametrize("of", ["hubs", "regulated", "children", "parents"])
def test_groups_are_those_of_the_graph(done, of):
    graph = ag.get.graph(done)
    ag.tl.argen_enrichment(done, gene_sets={"A": [f"A{i}" for i in range(5)]}, of=of, n_hubs=3)
    groups = ag.get.enrichment(done, table="groups").set_index("group")["n_group"]
    background = ag.get.enrichment(done, table="groups")["n_background"]
    if of == "hubs":
        assert groups.to_dict() == {"out-hubs": 3, "in-hubs": 3}
    elif of == "regulated":
        assert groups.to_dict() == {"regulated": sum(graph.in_degree(gene) > 0 for gene in graph)}
    else:
        degree = graph.out_degree if of == "children" else graph.in_degree
        assert groups.to_dict() == {gene: n for gene, n in degree if n}
    assert set(background) == ({14} if of in ("children", "parents") else {15})


def test_own_groups_and_background(done):
    genes = [f"A{i}" for i in range(5)] + ["B0", "B1"]
    ag.tl.argen_enrichment(
        done, gene_sets={"A": genes[:5], "two": ["B0", "B1"]}, of={"mine": ["A0", "A1", "C0"]}, background=genes
    )
    table = ag.get.enrichment(done)
    assert table[["group", "n_group", "n_background", "n_overlap"]].iloc[0].tolist() == ["mine", 2, 7, 2]
    assert ag.get.enrichment(done, table="groups")["n_outside"].tolist() == [1]
    left = ag.get.enrichment(done, table="left_out")
    assert left.to_dict("records") == [
        {"term": "two", "n_genes": 2, "n_background": 2, "reason": "few genes in the background"}
    ]


def test_symbols(screen):
    adata = screen.copy()
    adata.var["symbol"] = [f"sym{name}" for name in adata.var_names]
    ag.tl.argen_modules(adata)
    with pytest.raises(InputError, match=r"the sets have 'symA0', 'symA1', the background has .* gene_symbols="):
        ag.tl.argen_enrichment(adata, gene_sets={"A": ["symA0", "symA1"]})
    ag.tl.argen_enrichment(adata, gene_sets={"A": [f"symA{i}" for i in range(5)]}, gene_symbols="symbol")
    assert adata.uns["argen_enrichment"]["tables"]["enrichment"]["genes"].iloc[0].startswith("A")
    assert ag.get.enrichment(adata)["genes"].iloc[0].startswith("symA")  # by the names that were asked for


BAD = [
    ({"gene_sets": 3}, r"gene_sets is a int: give a dict"),
    ({"gene_sets": {"a": "A0"}}, r"gene_sets\['a'\] is 'A0': give a list"),
    ({"gene_sets": {"a": []}}, r"holds no set with a gene"),
    ({"gene_sets": {"a": ["a0", "a1", "a2"]}}, r"None of the gene sets .* upper and lower case"),
    ({"gene_sets": {"a": ["A0"]}}, r"No gene set has 3 to any number of genes .* largest has 1 \(a\)"),
    ({"gene_sets": "nowhere.gmt"}, r"gene_sets='nowhere\.gmt' is not a file"),
    ({"gene_sets": pd.DataFrame({"set": ["a"], "gene": ["A0"]})}, r"no column 'source'; its columns: set, gene"),
    ({"gene_sets": {"a": ["A0"]}, "of": "nodes"}, r"of='nodes'"),
    ({"gene_sets": {"a": ["A0"]}, "of": {"x": ["nix"]}}, r"of\['x'\] names genes that are not in .*: nix"),
    ({"gene_sets": {"a": ["A0"]}, "background": ["nix"]}, r"background names genes .*: nix"),
    ({"gene_sets": {"a": ["A0"]}, "min_size": 0}, r"min_size"),
    ({"gene_sets": {"a": ["A0"]}, "max_size": 2}, r"max_size"),
    ({"gene_sets": {"a": ["A0"]}, "alpha": 2}, r"alpha"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_leaves_the_object_as_it_was(done, arguments, message):
    before = done.copy()
    with pytest.raises(InputError, match=message):
        ag.tl.argen_enrichment(done, **arguments)
    assert_same(before, done)


def test_files_that_are_no_gmt(tmp_path):
    (tmp_path / "x.gmt").write_text("set A0 A1\n")
    with pytest.raises(InputError, match=r"line 1 of .* has no tabulator"):
        read_gene_sets(tmp_path / "x.gmt")
    (tmp_path / "x.gmt").write_text("a\t\tA0\na\t\tA1\n")
    with pytest.raises(InputError, match=r"holds the set 'a' twice \(line 2\)"):
        read_gene_sets(tmp_path / "x.gmt")


def test_arguments_of_modules(screen):
    for arguments, message in (
        ({"method": "k-means"}, "method='k-means'"),
        ({"resolution": 0}, "resolution=0"),
        ({"seed": -1}, "seed"),
        ({"responders": 3}, "responders=3"),
    ):
        with pytest.raises(InputError, match=message):
            ag.tl.argen_modules(screen, **arguments)
    with pytest.raises(MissingResultError, match="nope"):
        ag.tl.argen_modules(screen, network="nope")
    with pytest.raises(InputError, match="argen_dag"):
        ag.tl.argen_modules(screen, key_added="argen_dag")


def test_a_network_that_was_searched_again(done):
    ag.tl.argen_enrichment(done, gene_sets={"A": [f"A{i}" for i in range(5)]})
    ag.tl.argen_dag(done, alpha=0.01)
    with pytest.warns(ArgenWarning, match=r"'argen_modules'\] was made from an older network"):
        ag.get.modules(done)
    with pytest.warns(ArgenWarning, match=r"'argen_enrichment'\] was made from an older network"):
        ag.get.enrichment(done)
    with pytest.raises(StaleResultError, match=r"Run ag\.tl\.argen_modules\(adata, network='argen_dag'\) again"):
        ag.tl.argen_enrichment(done, gene_sets={"A": [f"A{i}" for i in range(5)]})


@pytest.mark.parametrize("store", ["h5ad", "zarr"])
def test_results_survive_files(done, store, tmp_path):
    ag.tl.argen_centrality(done)
    ag.tl.argen_enrichment(done, gene_sets={"A": [f"A{i}" for i in range(5)], "few": ["A0"]})
    getattr(done, f"write_{store}")(tmp_path / "x")
    back = getattr(ad, f"read_{store}")(tmp_path / "x")
    for table in ("enrichment", "groups", "left_out"):
        pd.testing.assert_frame_equal(
            ag.get.enrichment(done, table=table), ag.get.enrichment(back, table=table), check_categorical=False,
            check_dtype=False,
        )  # fmt: skip
    for table in ("modules", "genes"):
        pd.testing.assert_frame_equal(
            ag.get.modules(done, table=table), ag.get.modules(back, table=table), check_dtype=False
        )
    assert back.var["argen_module"].tolist() == done.var["argen_module"].tolist()


def test_responders_join_modules_and_the_background():
    adata = ag.datasets.simulate(genes=40, perturbations=10, cells_per_perturbation=300, n_controls=2000, rng=2)
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    ag.tl.argen_responders(adata)
    ag.tl.argen_modules(adata, responders=True)
    genes = ag.get.modules(adata, table="genes")
    edges = ag.get.edges(adata, responders=True)
    assert set(genes["gene"]) == {*edges["source"], *edges["target"]}
    nodes = set(adata.uns["argen_dag"]["tables"]["nodes"]["gene"])
    assert set(genes.loc[~genes["responder"], "gene"]) <= nodes
    assert not nodes & set(genes.loc[genes["responder"], "gene"])
    sets = {"set": genes["gene"].head(4).tolist()}
    with pytest.raises(InputError, match=r"modules with responders: give responders=True"):
        ag.tl.argen_enrichment(adata, gene_sets=sets)
    ag.tl.argen_enrichment(adata, gene_sets=sets, responders=True)
    n_tested = len(nodes) + len(adata.uns["argen_responders"]["tables"]["genes"])
    assert ag.get.enrichment(adata)["n_background"].unique().tolist() == [n_tested]
    ag.tl.argen_enrichment(adata, gene_sets=sets, of="hubs", responders=True, min_size=1)
    groups = ag.get.enrichment(adata, table="groups").set_index("group")["n_background"]
    assert groups.to_dict() == {"out-hubs": len(nodes), "in-hubs": n_tested}  # no responder regulates anything
    only = [gene for gene in adata.var_names if gene not in nodes]
    ag.tl.argen_enrichment(adata, gene_sets={"no node": only, **sets}, of="parents", responders=True, min_size=1)
    assert set(ag.get.enrichment(adata)["term"]) <= {"set"}  # a set without a node cannot hold parents
    everything = [
        *adata.uns["argen_dag"]["tables"]["nodes"]["gene"],
        *adata.uns["argen_responders"]["tables"]["genes"]["gene"],
    ]
    ag.tl.argen_enrichment(adata, gene_sets=sets, of="children", responders=True, min_size=1)
    by_default = ag.get.enrichment(adata)
    ag.tl.argen_enrichment(adata, gene_sets=sets, of="children", responders=True, min_size=1, background=everything)
    pd.testing.assert_series_equal(ag.get.enrichment(adata)["p"], by_default["p"])
    ag.tl.argen_centrality(adata, responders=True)
    table = adata.uns["argen_centrality"]["tables"]["genes"].set_index("gene")
    assert table["out_degree"].sum() == len(edges)
    graph = ag.get.graph(adata, responders=True)
    assert table["layer"].to_dict() == {gene: graph.nodes[gene]["layer"] for gene in table.index if gene in graph} | {
        gene: 0 for gene in table.index if gene not in graph
    }


def test_stored_modules_stay_beside_other_results():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_modules(adata, key_added="mine")
    assert "mine" in adata.var
    assert "argen_modules" not in adata.uns


def test_what_is_no_anndata_is_told():
    for tool in (ag.tl.argen_modules, ag.tl.argen_centrality):
        with pytest.raises(InputError, match="This takes an AnnData, not a str"):
            tool("x")

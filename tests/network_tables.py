"""Networks with the tables that belong to them, for tests that need no screen."""

import networkx as nx
import numpy as np
import pandas as pd

NAMES = ["MYC", "HLA-DQB1-AS1", "JAK2", "TNFRSF14", "FOS", "PDCD1LG2", "STAT1", "ENSG00000279457.4"]


def finish(graph: nx.DiGraph) -> nx.DiGraph:
    """Add the attributes of genes that ``get.graph`` promises."""
    for layer, genes in enumerate(nx.topological_generations(graph)):
        for gene in genes:
            graph.nodes[gene]["layer"] = layer
    for order, gene in enumerate(nx.topological_sort(graph)):
        graph.nodes[gene]["order"] = order
    return graph


def random_dag(n: int, n_edges: int, seed: int, hubs: int = 0) -> nx.DiGraph:
    """Genes with names of all lengths; `hubs` genes get most of the edges."""
    rng = np.random.default_rng(seed)
    names = [NAMES[i] if i < len(NAMES) else f"{'GENE' * (i % 3)}G{i}" for i in range(n)]
    names = [str(name) for name in rng.permutation(names)]
    share = np.ones(n)
    share[rng.choice(max(n // 2, 1), hubs, replace=False)] = 12
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    while graph.number_of_edges() < n_edges:
        source, target = int(rng.choice(n, p=share / share.sum())), int(rng.integers(n))
        if source < target:
            graph.add_edge(names[source], names[target], weight=float(rng.choice([-1, 1]) * rng.gamma(1.5, 0.2) + 1e-6))
    return finish(graph)


def tables(graph, seed=0):
    """Tables as the `get` functions return them, with weak instruments, unbounded sets and missing values."""
    rng = np.random.default_rng(seed)
    edges = pd.DataFrame([(u, v, w) for u, v, w in graph.edges(data="weight")], columns=["source", "target", "coef"])
    n = len(edges)
    edges["se"] = edges["coef"].abs() / rng.uniform(1.5, 30, n)
    edges["ci_low"], edges["ci_high"] = edges["coef"] - 1.96 * edges["se"], edges["coef"] + 1.96 * edges["se"]
    edges["p"] = 10.0 ** -rng.gamma(2, 6, n)
    edges["F"] = rng.gamma(2, 20, n)
    edges["weak"] = edges["F"] < 10
    edges["p_robust"] = rng.uniform(size=n)
    edges["ci_low_robust"] = np.where(edges["weak"], -np.inf, edges["ci_low"])
    edges["ci_high_robust"] = edges["ci_high"] * 1.1
    edges["robust_set"] = np.where(edges["weak"], "one side unbounded", "interval")
    edges["required"], edges["direction"], edges["flags"] = False, "evidence", ""
    perturbations = pd.DataFrame({"perturbation": list(graph), "effect": rng.normal(-1, 0.4, len(graph))})
    perturbations["ci_low"], perturbations["ci_high"] = perturbations["effect"] - 0.2, perturbations["effect"] + 0.2
    perturbations["p"], perturbations["n_cells"] = 1e-7, rng.integers(20, 300, len(graph))
    perturbations["z_squared"] = rng.gamma(2, 20, len(graph))
    perturbations["weak"], perturbations["flags"] = perturbations["z_squared"] < 10, ""
    return edges, perturbations

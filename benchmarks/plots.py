"""Time of drawing a network, by layout and size.

    python benchmarks/plots.py

Random graphs whose hubs have most of the edges; the picture is made and rendered. The yardstick of a run is a figure
with 400 boxes and 400 words, drawn by matplotlib alone.
"""

import time

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np

from argen.pl._network import draw_network

CASES = ((8, 12), (45, 80), (400, 500), (400, 2000), (5000, 30_000))
LAYOUTS = ("layered", "spring", "module")


def graph_of(n: int, n_edges: int) -> nx.DiGraph:
    """Acyclic graph in which 1 gene in 20 is a hub."""
    rng = np.random.default_rng(0)
    share = np.where(np.arange(n) % 20 == 0, 12.0, 1.0)
    edges = set()
    while len(edges) < n_edges:
        source, target = int(rng.choice(n, p=share / share.sum())), int(rng.integers(n))
        if source < target:
            edges.add((source, target))
    graph = nx.DiGraph()
    graph.add_nodes_from((f"GENE{i}", {"order": i, "layer": 0}) for i in range(n))
    for u, v in sorted(edges):
        graph.add_edge(f"GENE{u}", f"GENE{v}", weight=float(rng.normal(0, 0.3)), se=0.1, z=1.0, p=0.01)
    return graph


def seconds(draw) -> float:
    start = time.perf_counter()
    draw()
    plt.gcf().canvas.draw()
    plt.close("all")
    return time.perf_counter() - start


def yardstick() -> None:
    ax = plt.figure(figsize=(8, 8)).add_subplot()
    for i in range(400):
        x, y = i % 20 / 20, i // 20 / 20
        ax.add_patch(mpl.patches.FancyBboxPatch((x, y), 0.03, 0.02))
        ax.text(x, y, f"GENE{i}", fontsize=5)


def main() -> None:
    draw_network(graph_of(8, 12), layout="spring")  # imports and fonts
    unit = min(seconds(yardstick) for _ in range(3))
    print(f"yardstick {unit:.2f} s")
    print("| genes / edges | " + " | ".join(f"{name} (s, yardsticks)" for name in LAYOUTS) + " |")
    for n, n_edges in CASES:
        graph = graph_of(n, n_edges)
        times = [seconds(lambda: draw_network(graph, layout=layout)) for layout in LAYOUTS]  # noqa: B023
        print(f"| {n:,} / {n_edges:,} | " + " | ".join(f"{t:.1f} ({t / unit:.1f})" for t in times) + " |")


if __name__ == "__main__":
    main()

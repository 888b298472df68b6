"""Frame times of the interactive page while it is zoomed and moved, in headless Chromium.

    python benchmarks/interactive.py              # 8 to 2,000 genes, about a minute
    python benchmarks/interactive.py --genes 400 --edges 2000

Wheel and mouse events come from outside the page, one a frame; the page notes the time of every frame. Without a
graphics card, so that the figures are upper bounds; they depend on the machine and on what else it does.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

CASES = ((8, 12), (45, 80), (400, 400), (400, 2000), (1000, 1000), (1000, 4000), (2000, 6000))
SIZE = {"width": 1280, "height": 800}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
N_EVENTS = 60
NOTE_FRAMES = """() => {
  window.frames_ = []; let last = performance.now();
  const note = (now) => { frames_.push(now - last); last = now; window.noting = requestAnimationFrame(note); };
  window.noting = requestAnimationFrame(note);
}"""
TAKE_FRAMES = "() => { cancelAnimationFrame(window.noting); return frames_.slice(1); }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int)
    parser.add_argument("--edges", type=int)
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per pixel; 2 for a fine screen")
    arguments = parser.parse_args()
    cases = CASES if arguments.genes is None else [(arguments.genes, arguments.edges or 2 * arguments.genes)]
    print(
        "| genes | edges | page made (s) | MB | loaded (s) | zoom: median, 95 %, longest (ms) | move: the same (ms) |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for n_genes, n_edges in cases:
            print(measure(n_genes, n_edges, arguments.scale, Path(folder) / "network.html"), flush=True)


def measure(n_genes: int, n_edges: int, scale: float, file: Path) -> str:
    from playwright.sync_api import sync_playwright

    from argen.pl._interactive import draw_interactive

    start = time.perf_counter()
    file.write_text(draw_interactive(*random_network(n_genes, n_edges)), encoding="utf-8")
    made = time.perf_counter() - start
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, device_scale_factor=scale)
        start = time.perf_counter()
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready=true]")
        loaded = time.perf_counter() - start
        zoom, move = zooming(page), moving(page)
        browser.close()
    megabytes = file.stat().st_size / 1e6
    return (
        f"| {n_genes} | {n_edges} | {made:.1f} | {megabytes:.1f} | {loaded:.1f} | {summary(zoom)} | {summary(move)} |"
    )


def random_network(n_genes: int, n_edges: int, seed: int = 1) -> tuple[nx.DiGraph, pd.DataFrame]:
    """A DAG in which a few genes have many edges, with a table of the columns that matter here."""
    rng = np.random.default_rng(seed)
    share = rng.pareto(1.5, n_genes) + 0.2
    chosen = set()
    while len(chosen) < n_edges:
        u, v = (int(i) for i in rng.choice(n_genes, 2, replace=False, p=share / share.sum()))
        chosen.add((min(u, v), max(u, v)))
    graph = nx.DiGraph()
    graph.add_nodes_from((f"GENE{i}", {"order": i}) for i in range(n_genes))
    ends = [(f"GENE{u}", f"GENE{v}") for u, v in sorted(chosen)]
    coef = rng.choice([-1, 1], n_edges) * rng.gamma(1.5, 0.2, n_edges)
    graph.add_edges_from((u, v, {"weight": float(w)}) for (u, v), w in zip(ends, coef, strict=True))
    for layer, genes in enumerate(nx.topological_generations(graph)):
        for gene in genes:
            graph.nodes[gene]["layer"] = layer
    table = pd.DataFrame(ends, columns=["source", "target"])
    return graph, table.assign(coef=coef, se=0.1, p=rng.uniform(0, 0.05, n_edges), F=50.0, weak=False)


def find_browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("ARGEN_CHROMIUM") or next(filter(None, map(shutil.which, names)), "chromium")


def zooming(page) -> np.ndarray:
    page.mouse.move(480, 400)
    return frames(page, lambda i: page.mouse.wheel(0, -60 if (i // 15) % 2 == 0 else 60))


def moving(page) -> np.ndarray:
    page.mouse.move(30, 100)  # a place without a gene
    page.mouse.down()
    times = frames(page, lambda i: page.mouse.move(30 + 6 * abs(i % 60 - 30), 100 + 3 * abs(i % 40 - 20)))
    page.mouse.up()
    return times


def frames(page, act) -> np.ndarray:
    """Milliseconds between frames while `act` is called again and again."""
    page.wait_for_timeout(1000)
    page.evaluate(NOTE_FRAMES)
    for i in range(N_EVENTS):
        act(i)
        page.wait_for_timeout(16)
    return np.array(page.evaluate(TAKE_FRAMES))


def summary(times: np.ndarray) -> str:
    return f"{np.median(times):.0f}, {np.quantile(times, 0.95):.0f}, {times.max():.0f}"


if __name__ == "__main__":
    main()

"""Draw the figures of the README and of the documentation from the public data."""

import os
import shutil
from io import BytesIO
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

import argen as ag
from argen._bridge.results.entries import new_entry, write_entry

HERE = Path(__file__).resolve().parent


def papalexi() -> ad.AnnData:
    """THP-1 cells (Papalexi et al. 2021) with the network of the quick start."""
    mdata = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(mdata, control="non-targeting")
    adata = mdata["rna"]
    ag.tl.argen_descendants(adata, covariates=["bio_rep", "percent_mito"], depth="total_umi")
    ag.tl.argen_dag(adata)
    return adata


def quickstart(adata: ad.AnnData) -> None:
    """The network of the README, and the guides that it rests on."""
    ax = ag.pl.argen_network(adata, show=False)
    ax.figure.savefig(HERE / "_static" / "papalexi_network.png", dpi=160)

    axes = ag.pl.argen_guides(adata, depth="total_umi", covariates=["bio_rep", "percent_mito"], show=False)
    axes[0].figure.figure.savefig(HERE / "_static" / "papalexi_guides.png", dpi=110)


def effects(adata: ad.AnnData) -> None:
    """A gene under perturbation of its parents, parents under that of a child, and the signs of all edges."""
    for name, gene, reverse in (("effects", "UBE2L6", False), ("effects_reverse", "STAT1", True)):
        ax = ag.pl.argen_effects(adata, gene=gene, reverse=reverse, show=False)
        ax.figure.savefig(HERE / "_static" / f"papalexi_{name}.png", dpi=110)

    figure, axes = plt.subplots(1, 2, figsize=(10.0, 5.6), layout="none")
    figure.subplots_adjust(left=0.085, right=0.98, bottom=0.24, top=0.86, wspace=0.28)
    for ax, reverse in zip(axes, (False, True), strict=True):
        ag.pl.argen_sign_check(adata, reverse=reverse, ax=ax, show=False)
    figure.savefig(HERE / "_static" / "papalexi_sign_check.png", dpi=110)


def overview(adata: ad.AnnData) -> None:
    """Matrix, degrees, volcano, reach and shifts of the network of the quick start."""
    drawn = {
        "heatmap": ag.pl.argen_heatmap(adata, effects="total", show=False),
        "degree": ag.pl.argen_degree(adata, show=False)[0],
        "volcano": ag.pl.argen_volcano(adata, show=False),
        "descendants": ag.pl.argen_descendants(adata, show=False),
        "shifts": ag.pl.argen_shifts(adata, show=False),
    }
    for name, ax in drawn.items():
        ax.figure.savefig(HERE / "_static" / f"papalexi_{name}.png", dpi=110)


def interactive(adata: ad.AnnData) -> None:
    """The interactive page with a gene selected and the pointer on an edge, as a browser shows it.

    Needs playwright and a Chromium (``ARGEN_CHROMIUM``, or one that is on the path).
    """
    from playwright.sync_api import sync_playwright

    browsers = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("ARGEN_CHROMIUM") or next(filter(None, map(shutil.which, browsers)))
    page_text = ag.pl.argen_interactive(adata, title="Interferon cascade in THP-1 cells").html
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1240, "height": 740}, reduced_motion="reduce")
        page.set_content(page_text)
        page.fill("#search", "STAT1")
        page.press("#search", "Enter")
        page.evaluate("fitAll()")
        page.wait_for_timeout(500)
        edge = "EDGES.find((edge) => edge.parent.name === 'IFNGR2' && edge.child === selected)"
        at = page.evaluate(f"elementOf({edge}).renderedSourceEndpoint()")
        frame = page.locator("#view").bounding_box()
        page.mouse.move(frame["x"] + at["x"], frame["y"] + at["y"] + 8)
        page.wait_for_timeout(500)
        page.screenshot(path=HERE / "_static" / "interactive.png")
        browser.close()


def modular(n_modules: int = 6, size: int = 16) -> ad.AnnData:
    """Simulated screen whose genes act on genes of their own module most of the time."""
    rng = np.random.default_rng(1)
    genes = [f"M{k + 1}G{i + 1:02d}" for i in range(size) for k in range(n_modules)]
    edges = []
    for j in range(n_modules, len(genes)):
        own = [i for i in range(j) if i % n_modules == j % n_modules]
        parents = {int(rng.choice(own[: 1 + len(own) // 3]))}
        if rng.random() < 0.25:
            parents.add(int(rng.integers(j)))
        edges += [(genes[i], genes[j], rng.choice([-1, 1], p=[0.3, 0.7]) * rng.uniform(0.3, 0.7)) for i in parents]
    dag = pd.DataFrame(edges, columns=["parent", "child", "coef"])
    adata = ag.datasets.simulate(genes=genes, dag=dag, n_controls=4000, cells_per_perturbation=150, rng=1)
    ag.tl.argen_descendants(adata, perturbation_key="perturbation", depth="depth", closure="acyclic")
    ag.tl.argen_dag(adata)
    return adata


def conditions(adata: ad.AnnData) -> None:
    """The three replicates: their networks in one drawing, and edges over all of them."""
    ag.tl.argen_compare(adata, by="bio_rep")
    ax = ag.pl.argen_compare(adata, level="rep_2", show=False)
    _save(ax.figure, "papalexi_compare")
    ax = ag.pl.argen_forest(adata, edge=[("JAK2", "STAT1"), ("IFNGR2", "NFKBIA"), ("STAT1", "UBE2L6")], show=False)
    ax.figure.savefig(HERE / "_static" / "papalexi_forest.png", dpi=110)


def _save(figure: Figure, name: str) -> None:
    """Write a picture with few colours, which makes a small file."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110)
    Image.open(buffer).convert("RGB").quantize(64).save(HERE / "_static" / f"{name}.png", optimize=True)


def network(adata: ad.AnnData) -> None:
    """Views and layouts of a network."""
    ax = ag.pl.argen_network(adata, between=("IFNGR2", "UBE2L6"), show=False)
    _save(ax.figure, "network_path")
    ax = ag.pl.argen_network(adata, ego="STAT1", layout="spring", show=False)
    _save(ax.figure, "network_ego")
    ax = ag.pl.argen_network(modular(), layout="module", show=False)
    _save(ax.figure, "network_modules")


def modules(adata: ad.AnnData) -> None:
    """Modules with their gene sets, hubs with marked genes, gene sets of all modules."""
    rng = np.random.default_rng(0)
    genes = adata.var_names.to_numpy()
    sets = {f"PATHWAY_OF_MODULE_{k + 1}": [g for g in genes if g.startswith(f"M{k + 1}G")][2:14] for k in range(6)}
    sets |= {f"OTHER_PATHWAY_{i + 1}": rng.choice(genes, 10, replace=False).tolist() for i in range(20)}
    ag.tl.argen_modules(adata, resolution=0.3)
    ag.tl.argen_enrichment(adata, gene_sets=sets)
    _save(ag.pl.argen_modules(adata, show=False).figure, "modules")
    _save(ag.pl.argen_enrichment(adata, n_terms=2, show=False).figure, "enrichment")
    marked = rng.choice(genes, 20, replace=False)
    ax = ag.pl.argen_degree(adata, kind="out_hubs", mark=marked, mark_label="transcription factors", show=False)
    _save(ax.figure, "out_hubs")


def evidence() -> None:
    """Evidence from outside: made-up genes in domains of K562, and a network with edges within domains."""
    folder = HERE.parent / "tests" / "data" / "evidence_k562"
    rng = np.random.default_rng(4)
    names = ["chrom", "start", "end", "name"]
    tads = pd.read_csv(folder / "k5_tads.bed.gz", sep="\t", header=None, names=names)
    some = tads[tads["chrom"].isin(["chr1", "chr2", "chr3"])].groupby("chrom").head(14)
    at = some.iloc[rng.integers(0, len(some), 140)]
    genes = pd.DataFrame({"chrom": at["chrom"], "start": rng.integers(at["start"], at["end"] - 1000)}).assign(
        end=lambda table: table["start"] + 1000, gene=[f"G{i}" for i in range(len(at))], domain=at.index
    )
    gene, domain = genes["gene"].to_numpy(dtype=object), genes["domain"].to_numpy()
    source, target = np.nonzero((rng.random((140, 140)) < 0.25) & ~np.eye(140, dtype=bool))
    same, known = domain[source] == domain[target], rng.random(len(source)) < 0.06
    selected = rng.random(len(source)) < 0.02 + 0.2 * same + 0.06 * known
    adata = ad.AnnData(np.ones((2, 140), dtype=np.float32), var=pd.DataFrame(index=gene))
    edges = pd.DataFrame({"source": gene[source], "target": gene[target], "selected": selected, "flags": ""})
    edges = edges.assign(coef=rng.normal(size=len(edges)))
    nodes = pd.DataFrame({"gene": gene, "layer": 0})
    tables = {"edges": edges, "nodes": nodes, "order": gene}
    write_entry(adata, new_entry("network", "network", {"method": "imported", "descendants": ""}, tables))
    sign = np.sign(edges["coef"]) * np.where(rng.random(len(edges)) < 0.8, 1, -1)
    eigen = pd.read_csv(folder / "k5_eigs.bed.gz", sep="\t", header=None)[[1, 2, 3, 5]]
    ag.tl.argen_evidence(
        adata,
        network="network",
        positions=genes,
        assembly="hg19",
        domains={"TAD": folder / "k5_tads.bed.gz"},
        compartments=eigen.set_axis(["chrom", "start", "end", "value"], axis=1),
        pairs={"regulation": edges.assign(weight=sign).loc[known, ["source", "target", "weight"]]},
    )
    axes = ag.pl.argen_evidence(adata, show=False)
    _save(axes[0].figure, "evidence")


if __name__ == "__main__":
    evidence()
    screen = papalexi()
    quickstart(screen)
    network(screen)
    effects(screen)
    overview(screen)
    conditions(screen)
    interactive(screen)
    modules(modular())

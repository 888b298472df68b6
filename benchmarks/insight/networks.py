"""Networks of argen and of other methods on simulated screens: against the truth, each other, and shuffled networks.

20 genes, 150 cells each, 2,000 controls of the preset ``paper_medium``, which has a hidden cause, batches and counts;
3 screens. SDCD pins packages that argen cannot be installed with and therefore runs in an environment of its own::

    python benchmarks/insight/networks.py screens FOLDER
    python -m venv sdcd && sdcd/bin/pip install torch "setuptools<80" "numpy<1.27" sdcd==0.1.4
    sdcd/bin/python benchmarks/insight/sdcd_of_screens.py FOLDER
    python benchmarks/insight/networks.py tables FOLDER docs/benchmarks

The last one writes ``networks_truth.csv`` (mean over the screens and its standard error), ``networks_pairs.csv`` (every
two networks side by side) and ``networks_held_out.csv`` (geneRNIB's measures on a half of the cells that the networks
have not seen). ``networks.py papalexi docs/benchmarks`` compares the searches on Papalexi's screen.
"""

import sys
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

import argen as ag
from argen._bridge.results.steps import read_step
from argen.baselines._inspre.expression import z_scores
from argen.errors import ArgenWarning

SEEDS = range(3)
DESIGN = {"perturbation_key": "perturbation", "covariates": ["gem_group", "percent_mito"], "depth": "depth"}
KEYS = {
    "argen_dag": "two-stage search",
    "argen_joint": "joint search",
    "argen_naive": "naive regression",
    "inspre": "inspre",
    "gies": "GIES",
    "sdcd": "SDCD",
}
TRUTH = ("n_edges", "precision", "recall", "f1", "shd", "sign_agreement")
PAIRS = ("n_shared", "n_reversed", "jaccard", "p_degrees", "order_agreement", "coef_rank_correlation")


def screen_of(seed: int):
    """A screen, the half of its cells that the networks are found in, and the other half."""
    adata = ag.datasets.simulate("paper_medium", genes=20, cells_per_perturbation=300, n_controls=4000, rng=seed)
    held_out = ag.metrics.hold_out(adata, perturbation_key="perturbation", fraction=0.5, rng=seed).to_numpy()
    return adata[~held_out].copy(), adata[held_out].copy()


def write_screens(folder: Path) -> None:
    """What the other methods see: z-scores of log expression, and the column of the gene that a cell perturbs."""
    folder.mkdir(exist_ok=True)
    for seed in SEEDS:
        adata, _ = screen_of(seed)
        ag.tl.argen_descendants(adata, **DESIGN)
        screen = read_step(adata, "argen_descendants").screen
        perturbation = np.where(screen.group == screen.n_genes, -1, screen.group)
        np.savez(folder / f"screen{seed}.npz", z=z_scores(screen), perturbation=perturbation, genes=list(screen.genes))


def analysed(seed: int, folder: Path):
    """A screen with the networks of all methods, and its held-out half."""
    adata, held_out = screen_of(seed)
    ag.tl.argen_descendants(adata, **DESIGN)
    ag.tl.argen_dag(adata)
    ag.tl.argen_joint(adata)
    ag.tl.argen_naive(adata)
    ag.tl.inspre(adata)
    ag.tl.external_dag(adata, method="gies", key_added="gies")
    genes = list(adata.uns["argen_dag"]["tables"]["order"])
    ag.io.read_network(adata, folder / f"sdcd{seed}.csv", genes=genes, key_added="sdcd")
    return adata, held_out


def write_tables(folder: Path, out: Path) -> None:
    """Means over the screens with their standard errors."""
    of_truth, of_pairs, of_cells = [], [], []
    for seed in SEEDS:
        adata, held_out = analysed(seed, folder)
        for key, name in KEYS.items():
            figures = ag.metrics.evaluate(adata, adata, key=key, sid=False)
            of_truth.append(figures[list(TRUTH)].rename((seed, name)))
            table = ag.metrics.gene_rnib(held_out, adata, key=key, perturbation_key="perturbation", n_shuffled=50)
            of_cells.append(table["value"].rename((seed, name)))
        truth = adata.uns["simulation"]["tables"]["edges"]
        table = ag.metrics.gene_rnib(held_out, truth, perturbation_key="perturbation", n_shuffled=50)
        of_cells += [table["value"].rename((seed, "truth")), table["shuffled"].rename((seed, "truth, shuffled"))]
        for left, right in combinations(KEYS, 2):
            figures = ag.metrics.compare(adata, key=left, other_key=right)
            of_pairs.append(figures[list(PAIRS)].rename((seed, f"{KEYS[left]} and {KEYS[right]}")))
    for name, rows in (("truth", of_truth), ("pairs", of_pairs), ("held_out", of_cells)):
        write(*summary(rows), out, f"networks_{name}")


def papalexi(out: Path) -> None:
    """The two searches on Papalexi's screen, side by side and beside CollecTRI."""
    mdata = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(mdata, control="non-targeting")
    adata = mdata["rna"]
    ag.tl.argen_descendants(adata, covariates=["bio_rep", "percent_mito"], depth="total_umi")
    ag.tl.argen_dag(adata)
    ag.tl.argen_joint(adata)
    known = ag.datasets.collectri()
    ag.io.read_network(adata, known, genes=adata.uns["argen_dag"]["tables"]["order"], key_added="collectri")
    figures = {name: ag.metrics.compare(adata, other_key=name) for name in ("argen_joint", "collectri")}
    write(pd.DataFrame(figures).rename_axis("argen_dag and"), None, out, "networks_papalexi")


def summary(rows: list[pd.Series]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean over the screens, and its standard error, networks in the order of the rows."""
    table = pd.DataFrame(rows)
    table.index = pd.MultiIndex.from_tuples(table.index, names=["seed", "network"])
    groups = table.groupby("network", sort=False)
    return groups.mean(), groups.sem()


def write(table: pd.DataFrame, errors: pd.DataFrame | None, out: Path, name: str) -> None:
    """CSV beside a Markdown table, errors in columns of their own or in brackets."""
    both = table if errors is None else table.join(errors.add_suffix(" se"))
    both.to_csv(out / f"{name}.csv", float_format="%.4g")
    lines = ["| " + " | ".join([table.index.name, *table.columns]) + " |", "|---|" + "---:|" * table.shape[1]]
    for row in table.index:
        cells = [f"{value:.3g}" if np.isfinite(value) else "–" for value in table.loc[row]]
        if errors is not None:
            known = zip(cells, errors.loc[row], strict=True)
            cells = [f"{cell} ({error:.2g})" if np.isfinite(error) else cell for cell, error in known]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    (out / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore", ArgenWarning)
    command, *folders = sys.argv[1:]
    {"screens": write_screens, "tables": write_tables, "papalexi": papalexi}[command](*map(Path, folders))

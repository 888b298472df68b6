r"""Study (xiv): both searches on screens in which a common artefact breaks an assumption.

    python benchmarks/paper/artefacts.py --replicates 10 --options '[{"adjust": null}, {}]'
    python benchmarks/paper/artefacts.py --replicates 6 --first-seed 200 --name unaffected \
        --cases clean "two perturbed genes carry 30 % of the UMIs" "fixed reads per cell" \
        "total of a panel, all genes measured" \
        --options '[{"adjust": null}, {"adjust": null, "depth": "unaffected"}]'

15 perturbed genes with 10 edges, 150 further measured genes of which a third follow a perturbed one, 60–100 cells per
perturbation, 600 controls, one hidden confounder. Of the edges that each search selects, given the arguments with which
a user would analyse the screen: realised false discovery rate (0 if nothing is selected), recall, F1, and the slope of
the coefficients of true edges on the true effects; means over networks with their standard errors, per case, search and
further options.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from artefact_screens import (
    CONTROL,
    PERTURBED,
    draft,
    knock_downs,
    multinomial_counts,
    rebatch,
    sequenced,
)
from common import OUT, scores

SEARCHES = ("argen_dag", "argen_joint")
FIGURES = ("fdr", "recall", "f1", "slope", "edges")


def clean(seed: int, **options) -> ad.AnnData:
    """No artefact: every assumption holds; `options` of `artefact_screens.draft`."""
    return sequenced(draft(seed, **options))


def two_heavy_genes(seed: int) -> ad.AnnData:
    """Two perturbed genes carry 30 % of the UMIs of controls, and counts share out a cell's total."""
    screen = draft(seed)
    means = screen.means()[~screen.targeting].mean(axis=0)
    heavy = screen.some_perturbed(2)
    rest = means.sum() - means[heavy].sum()
    # Parents and children of the two keep their level: only the two genes' own logarithm moves.
    lift = np.log(0.15 / 0.70 * rest / means[heavy])
    screen.own[:, heavy] += lift
    screen.own -= screen.theta[heavy].T @ lift
    totals = screen.rng.poisson(screen.capture * means.sum())
    return sequenced(screen, multinomial_counts(screen, totals))


def fixed_reads(seed: int) -> ad.AnnData:
    """A targeted panel sequenced to 1,000 reads in every cell, half of which the perturbed genes share."""
    screen = draft(seed)
    screen.own[:, PERTURBED:] += _log_ratio_of_panel(screen)
    return sequenced(screen, multinomial_counts(screen, np.full(len(screen.label), 1000)))


def _log_ratio_of_panel(screen) -> float:
    """What the log expression of the other genes must change by to carry as much as the perturbed ones."""
    means = screen.means()[~screen.targeting].mean(axis=0)
    return float(np.log(means[:PERTURBED].sum() / means[PERTURBED:].sum()))


def panel_total(seed: int) -> ad.AnnData:
    """Only the 15 perturbed genes are in the matrix, and the depth is their total."""
    adata = sequenced(draft(seed))[:, :PERTURBED].copy()
    adata.obs["depth"] = np.asarray(adata.X.sum(axis=1)).ravel().astype(float)
    return adata


def panel_total_of_all(seed: int) -> ad.AnnData:
    """All genes are in the matrix, but the depth is the total of the 15 perturbed ones."""
    adata = sequenced(draft(seed))
    adata.obs["depth"] = np.asarray(adata.X[:, :PERTURBED].sum(axis=1)).ravel().astype(float)
    return adata


def common_response(seed: int) -> ad.AnnData:
    """Every targeting guide raises the same genes (double-strand breaks, say): two perturbed ones and 10 others."""
    screen = draft(seed)
    raised = np.r_[screen.some_perturbed(2), screen.some_measured(1 / 15)]
    screen.own[np.ix_(screen.targeting, raised)] += 0.4
    return sequenced(screen)


def shared_programme(seed: int) -> ad.AnnData:
    """Six perturbations switch on one unmeasured programme, to which four perturbed and 30 other genes respond."""
    screen = draft(seed)
    switched = np.isin(screen.label, screen.some_perturbed(6))
    responding = np.r_[screen.some_perturbed(4), screen.some_measured(0.2)]
    screen.own[np.ix_(switched, responding)] += 0.5
    return sequenced(screen)


def omitted_batch(seed: int) -> ad.AnnData:
    """Four batches move genes, perturbations are unbalanced over them, and the analysis leaves them out."""
    screen = draft(seed)
    shares = np.vstack([screen.rng.dirichlet(np.full(4, 1.0), PERTURBED), np.full(4, 0.25)])
    rebatch(screen, shares, sd=0.3)
    return sequenced(screen)


def survivors(seed: int) -> ad.AnnData:
    """Cells of six essential perturbations survive in one cell state only: few are left, S_score says of which."""
    screen = draft(seed)
    state = screen.rng.normal(size=len(screen.label))
    screen.own += np.outer(state, screen.rng.normal(0.0, 0.3, screen.own.shape[1]))
    essential = np.isin(screen.label, screen.some_perturbed(6))
    chance = np.where(essential, 1 / (1 + np.exp(-3 * (state - 0.5))), 1.0)
    # A noisy reading of the state, as a score from marker genes would be.
    screen.cells["S_score"] = 0.7 * state + screen.rng.normal(0.0, 0.7, len(state))
    return sequenced(screen.subset(screen.rng.random(len(chance)) < chance))


def active_control_guide(seed: int) -> ad.AnnData:
    """One of the two non-targeting guides moves a third of all genes."""
    screen = draft(seed)
    control = screen.label == CONTROL
    active = control & (screen.rng.random(len(control)) < 0.5)
    screen.cells.loc[control, "guide"] = np.where(active[control], "NTCg2", "NTCg1")
    moved = np.r_[screen.some_perturbed(PERTURBED // 3), screen.some_measured(1 / 3)]
    screen.own[np.ix_(active, moved)] += screen.rng.choice([-1, 1], len(moved)) * 0.6
    return sequenced(screen)


def unguided_controls(seed: int) -> ad.AnnData:
    """A third of the controls carry no guide at all: cells of another state (not selected, other depth)."""
    screen = draft(seed)
    unguided = (screen.label == CONTROL) & (screen.rng.random(len(screen.label)) < 1 / 3)
    screen.cells.loc[unguided, "guide"] = "none"
    screen.own[unguided] += screen.rng.normal(0.0, 0.4, screen.own.shape[1])
    screen.capture[unguided] *= 0.7
    return sequenced(screen)


def neighbours(seed: int) -> ad.AnnData:
    """Two pairs of perturbed genes, and some others, share a promoter region and 70 % of each other's knock-down."""
    screen = draft(seed)
    p, rng = len(screen.genes), screen.rng
    chromosome, start = rng.integers(1, 23, p), rng.integers(10**6, 10**8, p)
    pairs = screen.some_perturbed(4).reshape(2, 2)
    beside = np.column_stack([screen.some_perturbed(5), np.sort(screen.some_measured(1 / 30))])
    for gene, neighbour in np.vstack([pairs, beside]):
        chromosome[neighbour], start[neighbour] = chromosome[gene], start[gene] + rng.integers(300, 3000)
    for gene, neighbour in np.vstack([pairs, pairs[:, ::-1], beside]):
        screen.own[screen.label == gene, neighbour] += 0.7 * screen.strength[gene]
    screen.genes["chromosome"] = [f"chr{c}" for c in chromosome]
    screen.genes["start"] = start
    return sequenced(screen)


def escapers(seed: int) -> ad.AnnData:
    """Half of the cells escape their knock-down, more of one guide than of another."""
    screen = draft(seed)
    guides, code = np.unique(screen.cells["guide"], return_inverse=True)
    escapes = screen.rng.random(len(code)) < screen.rng.uniform(0.2, 0.8, len(guides))[code]
    restored = knock_downs(np.where(escapes, screen.label, CONTROL), screen.strength)
    screen.own[:, :PERTURBED] -= restored
    return sequenced(screen)


def log_depth(seed: int) -> ad.AnnData:
    """The depth column holds log1p of the total counts, not the total."""
    adata = sequenced(draft(seed))
    adata.obs["log1p_total_counts"] = np.log1p(adata.obs["depth"])
    return adata


def heavy_tails(seed: int) -> ad.AnnData:
    """Log-normal noise of standard deviation 1.2 on every count, which no child follows: few cells make up the sums."""
    screen = draft(seed)
    means = screen.capture[:, None] * screen.means()
    noise = screen.rng.normal(-(1.2**2) / 2, 1.2, means.shape)
    return sequenced(screen, screen.rng.poisson(means * np.exp(noise)))


def few_controls(seed: int) -> ad.AnnData:
    """100 control cells."""
    return sequenced(draft(seed, n_controls=100))


def unbalanced_batches(seed: int) -> ad.AnnData:
    """Six batches, perturbations unbalanced over them, controls in four of them; the analysis has them as covariate."""
    screen = draft(seed)
    shares = np.vstack([screen.rng.dirichlet(np.full(6, 0.7), PERTURBED), [0.25, 0.25, 0.25, 0.25, 0, 0]])
    rebatch(screen, shares, sd=0.3)
    return sequenced(screen)


CASES: dict[str, Callable[[int], ad.AnnData]] = {
    "clean": clean,
    "two perturbed genes carry 30 % of the UMIs": two_heavy_genes,
    "fixed reads per cell": fixed_reads,
    "total of a panel": panel_total,
    "total of a panel, all genes measured": panel_total_of_all,
    "every targeting guide raises the same genes": common_response,
    "six perturbations raise one programme": shared_programme,
    "a batch is left out": omitted_batch,
    "survivors": survivors,
    "an active control guide": active_control_guide,
    "controls with unguided cells": unguided_controls,
    "neighbours share the knock-down": neighbours,
    "half the cells escape": escapers,
    "depth on a log scale": log_depth,
    "heavy tails": heavy_tails,
    "100 controls": few_controls,
    "unbalanced batches with controls missing in some": unbalanced_batches,
}


def settings(case: str) -> dict:
    """Arguments of the descendant step with which a user would analyse the case."""
    covariates = [] if case == "a batch is left out" else ["batch"]
    depth = "log1p_total_counts" if case == "depth on a log scale" else "depth"
    return {"perturbation_key": "perturbation", "control": "control", "covariates": covariates, "depth": depth}


def replicate(case: str, seed: int, options: list[dict]) -> list[dict]:
    """Both searches on one screen, with each of the further options."""
    import argen as ag

    warnings.simplefilter("ignore")
    adata = CASES[case](seed)
    truth = adata.varp["truth"].toarray()
    rows = []
    for further in options:
        for search in SEARCHES:
            found = adata.copy()
            getattr(ag.tl, search)(found, **(settings(case) | further), n_jobs=1)
            key = {"case": case, "search": search, "options": json.dumps(further), "seed": seed}
            rows.append(key | judged(found.varp[search].toarray(), truth))
    return rows


def judged(found: np.ndarray, truth: np.ndarray) -> dict:
    """Figures of one network; matrices of coefficients [source, target]."""
    figures = scores(_pairs(found), _pairs(truth))
    figures["fdr"] = 1 - figures["precision"] if figures["edges"] else 0.0
    hit = (found != 0) & (truth != 0)
    figures["slope"] = (found * truth)[hit].sum() / (truth[hit] ** 2).sum() if hit.any() else np.nan
    return figures


def _pairs(matrix: np.ndarray) -> set[tuple[int, int]]:
    return set(map(tuple, np.argwhere(matrix != 0).tolist()))


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over networks and, in brackets, standard errors; several options side by side."""
    groups = runs.groupby(["case", "search", "options"], sort=False)[list(FIGURES)]
    mean, error = groups.mean(), groups.sem()
    table = pd.DataFrame({f: mean[f].map("{:.2f}".format) + error[f].map(" ({:.2f})".format) for f in FIGURES})
    table.insert(0, "networks", groups.size())
    if runs["options"].nunique() == 1:
        return table.droplevel("options").reset_index()
    several = table.unstack("options").reindex(table.droplevel("options").index.unique())
    networks = several.pop("networks").iloc[:, 0]
    several.columns = [f"{figure}, {_words(options)}" for figure, options in several.columns]
    shown = several[[name for name in several if not name.startswith("edges")]]
    shown.insert(0, "networks", networks)
    return shown.reset_index()


def _words(options: str) -> str:
    """Options as a caption."""
    given = json.loads(options)
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "default"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--options", type=json.loads, default=[{}], help="list of further arguments of both searches")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--name", default="artefacts", help="of the files")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.replicates)
    tasks = [(case, seed, given.options) for case in given.cases for seed in seeds]
    with ProcessPoolExecutor(given.jobs) as pool:
        runs = pd.DataFrame([row for rows in pool.map(replicate, *zip(*tasks, strict=True)) for row in rows])
    given.out.mkdir(parents=True, exist_ok=True)
    runs.to_csv(given.out / f"{given.name}.csv", index=False, float_format="%.4g")
    text = summary(runs).to_markdown(index=False)
    (given.out / f"{given.name}.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()

"""Size, power and coverage of ``ag.tl.argen_compare`` in simulated conditions and replicates.

    python benchmarks/insight/compare.py --runs 60 --parts size power replicates
    python benchmarks/insight/compare.py --runs 30 --parts totals

writes the tables ``compare_size``, ``compare_power``, ``compare_replicates`` and ``compare_totals`` into
docs/benchmarks, as csv and as Markdown, in about 25 minutes on two cores. Standard errors are those of the means over
runs. Every run draws a new graph of 12 genes and 16 edges (effects .3 to .8), a hidden confounder, and the conditions
from it; they differ in expression levels, knock-downs, the confounder's effects and the number of cells, as conditions
do, and in θ only where it says so.
"""

import argparse
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

import argen as ag

N_GENES, N_EDGES, EFFECT = 12, 16, (0.3, 0.8)
SCREENS = {  # cells per perturbation and controls of the two conditions, knock-down, intercept, dispersion
    "usual: 100 and 60 cells": ((100, 60), (600, 400), (-2.0, -1.0), (-0.5, 1.5), 0.2),
    "few cells: 40 and 25": ((40, 25), (300, 200), (-2.0, -1.0), (-0.5, 1.5), 0.2),
    "weak knock-downs": ((100, 60), (600, 400), (-0.5, -0.2), (-0.5, 1.5), 0.2),
    "few counts": ((100, 60), (600, 400), (-2.0, -1.0), (-2.5, -0.5), 0.2),
    "many cells: 300 and 300": ((300, 300), (1500, 1500), (-2.0, -1.0), (-0.5, 1.5), 0.2),
}
GENES = [f"G{i + 1:02d}" for i in range(N_GENES)]


def draw_graph(rng):
    """θ [parent, child] of a random DAG."""
    order = rng.permutation(N_GENES)
    pairs = [(order[i], order[j]) for i in range(N_GENES) for j in range(i + 1, N_GENES)]
    theta = np.zeros((N_GENES, N_GENES))
    for at in rng.choice(len(pairs), N_EDGES, replace=False):
        theta[pairs[at]] = rng.uniform(*EFFECT) * rng.choice([-1, 1])
    return theta, order


def simulate(rng, theta, cells, controls, knockdown, intercept, dispersion):
    """A screen; raises levels and noise of its own."""
    while True:
        try:
            return ag.datasets.simulate(
                genes=GENES,
                dag=pd.DataFrame(theta, GENES, GENES),
                knockdown=knockdown,
                intercept=intercept,
                dispersion=dispersion,
                noise_sd=0.3,
                n_confounders=1,
                confounder_effect=(-0.5, 0.5),
                cells_per_perturbation=cells,
                n_controls=controls,
                depth_log_sd=0.3,
                rng=rng,
            )
        except ag.errors.InputError as error:
            if "explode" not in str(error) and "large" not in str(error):
                raise


def join(screens):
    adata = ad.concat(screens, label="condition", index_unique="-")
    adata.obs["condition"] = adata.obs["condition"].astype("category")
    return adata


def search(adata, covariates):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth", covariates=covariates, robust=False)
    return len(adata.uns["argen_dag"]["tables"]["edges"]) > 0


def compare(adata, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ag.tl.argen_compare(adata, **how)
    return adata.uns["argen_compare"]["tables"]


def mean_se(values):
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return np.nan, np.nan
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def size(runs, rng):
    """No θ differs: how often a difference, heterogeneity and a change are found all the same."""
    rows = []
    for name, (cells, controls, knockdown, intercept, dispersion) in SCREENS.items():
        found = {key: [] for key in ("edges .05", "edges .01", "weak .05", "Q .05", "any change", "one only")}
        for _ in range(runs):
            theta, _order = draw_graph(rng)
            sizes = [*zip(cells, controls, strict=True), (cells[0], controls[0])]
            screens = {
                f"c{i}": simulate(rng, theta, *size_, knockdown, intercept, dispersion) for i, size_ in enumerate(sizes)
            }
            adata = join(screens)
            if not search(adata, ["condition"]):
                continue
            three = compare(adata, by="condition")
            two = compare(adata, by="condition", levels=["c0", "c1"])
            edges, levels = two["contrasts"], two["levels"]
            weak = levels.groupby(["source", "target"], observed=True)["weak"].any()
            is_weak = pd.MultiIndex.from_frame(edges[["source", "target"]].astype(str)).map(weak).to_numpy(bool)
            p = edges["p"].to_numpy()
            strong = p[~is_weak & np.isfinite(p)]
            found["edges .05"].append(np.mean(strong < 0.05) if len(strong) else np.nan)
            found["edges .01"].append(np.mean(strong < 0.01) if len(strong) else np.nan)
            some = p[is_weak & np.isfinite(p)]
            found["weak .05"].append(np.mean(some < 0.05) if len(some) else np.nan)
            found["Q .05"].append(np.mean(three["edges"]["q_p"].dropna() < 0.05))
            found["any change"].append(bool((edges["padj"] < 0.05).any()))
            found["one only"].append(_one_only(levels))
        rows.append({"screen": name} | {k: mean_se(v) for k, v in found.items()})
    return pd.DataFrame(rows)


def _one_only(levels):
    """Share of the edges called in either condition alone that are called in one of them only."""
    called = {}
    for level, part in levels.groupby("level", observed=True):
        padj = ag._core.fdr.adjusted(part["p"].to_numpy())
        called[level] = np.nan_to_num(padj, nan=1.0) < 0.05
    one, other = called.values()
    return (one ^ other).sum() / max((one | other).sum(), 1)


def totals(runs, rng):
    """Total effects that are 0 in both conditions: the others differ where knock-downs do."""
    rows = []
    for name, (cells, controls, knockdown, intercept, dispersion) in SCREENS.items():
        found = {key: [] for key in ("total .05", "total .01")}
        for _ in range(runs):
            theta, _order = draw_graph(rng)
            screens = {
                f"c{i}": simulate(rng, theta, *size_, knockdown, intercept, dispersion)
                for i, size_ in enumerate(zip(cells, controls, strict=True))
            }
            adata = join(screens)
            if not search(adata, ["condition"]):
                continue
            table = compare(adata, by="condition")["total_effect_contrasts"]
            reach = np.linalg.matrix_power(np.eye(N_GENES) + (theta != 0), N_GENES) > 0
            ends = (table[end].astype(str).map(GENES.index).to_numpy() for end in ("source", "target"))
            p = table["p"][~reach[tuple(ends)]].dropna()
            for level in (0.05, 0.01):
                found[f"total {level:g}".replace("0.", ".")].append(np.mean(p < level))
        rows.append({"screen": name} | {k: mean_se(v) for k, v in found.items()})
    return pd.DataFrame(rows)


def power(runs, rng):
    """Four edges differ by `change`: two of them are weakened or raised, one is lost, one gained."""
    rows = []
    for name in ("usual: 100 and 60 cells", "many cells: 300 and 300"):
        cells, controls, knockdown, intercept, dispersion = SCREENS[name]
        for change in (0.2, 0.4, 0.6):
            found = {key: [] for key in ("shown", "false", "gained or lost, named so", "candidates")}
            for _ in range(runs):
                theta, order = draw_graph(rng)
                other, truth = changed(rng, theta, order, change)
                screens = [
                    simulate(rng, part, *size_, knockdown, intercept, dispersion)
                    for part, size_ in zip(
                        (theta_before(theta, truth, change), other), zip(cells, controls, strict=True), strict=True
                    )
                ]
                adata = join(dict(zip(("c0", "c1"), screens, strict=True)))
                if not search(adata, ["condition"]):
                    continue
                table = compare(adata, by="condition")["contrasts"]
                ends = list(zip(table["source"].astype(str), table["target"].astype(str), strict=True))
                is_changed = np.array([truth.get(edge) is not None for edge in ends])
                called = table["padj"].to_numpy() < 0.05
                found["candidates"].append(is_changed.sum() / len(truth))
                found["shown"].append(called[is_changed].sum() / max(is_changed.sum(), 1))
                found["false"].append((called & ~is_changed).sum() / max(called.sum(), 1))
                words = table["change"].astype(str).to_numpy()
                told = [
                    w == truth[e]
                    for w, e, c in zip(words, ends, called, strict=True)
                    if c and truth.get(e) in ("gained", "lost")
                ]
                found["gained or lost, named so"].append(np.mean(told) if told else np.nan)
            rows.append({"screen": name, "change": change} | {k: mean_se(v) for k, v in found.items()})
    return pd.DataFrame(rows)


def changed(rng, theta, order, change):
    """θ of the other condition, and what became of the edges that differ."""
    other, truth = theta.copy(), {}
    edges = [tuple(edge) for edge in np.argwhere(theta)]
    chosen = [edges[i] for i in rng.choice(len(edges), 3, replace=False)]
    place = np.argsort(order)
    free = [(s, t) for s in range(N_GENES) for t in range(N_GENES) if place[s] < place[t] and theta[s, t] == 0]
    gained = free[rng.integers(len(free))]
    for edge, word in zip([*chosen, gained], ("stronger", "stronger", "lost", "gained"), strict=True):
        truth[GENES[edge[0]], GENES[edge[1]]] = word
        sign = np.sign(theta[edge]) or rng.choice([-1, 1])
        other[edge] = {"stronger": theta[edge] + sign * change, "lost": 0.0, "gained": sign * change}[word]
    return other, truth


def theta_before(theta, truth, change):
    """θ of the reference: an edge that is lost has the size of the change there."""
    before = theta.copy()
    for (source, target), word in truth.items():
        at = GENES.index(source), GENES.index(target)
        if word == "lost":
            before[at] = np.sign(theta[at]) * change
    return before


def replicates(runs, rng):
    """θ varies between replicates with standard deviation τ, and not between the two conditions."""
    rows = []
    for n_replicates in (3, 5):
        for tau in (0.0, 0.1, 0.2):
            keys = (
                "cover, cells",
                "cover, HK",
                "width HK / cells",
                "cells .05",
                "replicates .05",
                "cells change",
                "replicates change",
            )
            found = {key: [] for key in keys}
            for _ in range(runs):
                theta, _ = draw_graph(rng)
                screens = {}
                for condition in ("a", "b"):
                    for r in range(n_replicates):
                        own = theta + (theta != 0) * tau * rng.standard_normal(theta.shape)
                        screens[f"{condition}{r}"] = simulate(rng, own, 60, 300, (-2.0, -1.0), (-0.5, 1.5), 0.2)
                adata = ad.concat(screens, label="replicate", index_unique="-")
                adata.obs["condition"] = adata.obs["replicate"].astype(str).str[0].astype("category")
                search(adata, ["replicate"])
                first = compare(adata, by="replicate", levels=[f"a{r}" for r in range(n_replicates)])["edges"]
                true = np.array(
                    [
                        theta[GENES.index(s), GENES.index(t)]
                        for s, t in zip(first["source"].astype(str), first["target"].astype(str), strict=True)
                    ]
                )
                real = true != 0
                error = np.abs(first["pooled"] - true)[real]
                found["cover, cells"].append(np.mean(error < 1.96 * first["pooled_se"][real]))
                inside = (first["mean_low"] < true) & (true < first["mean_high"])
                found["cover, HK"].append(np.mean(inside[real]))
                found["width HK / cells"].append(
                    np.median(((first["mean_high"] - first["mean_low"]) / 3.92 / first["pooled_se"])[real])
                )
                for name, how in (("cells", {}), ("replicates", {"replicate": "replicate"})):
                    table = compare(adata, by="condition", **how)["contrasts"]
                    is_real = np.array(
                        [
                            theta[GENES.index(s), GENES.index(t)] != 0
                            for s, t in zip(table["source"].astype(str), table["target"].astype(str), strict=True)
                        ]
                    )
                    found[f"{name} .05"].append(np.mean(table["p"][is_real] < 0.05))
                    found[f"{name} change"].append(bool((table["padj"] < 0.05).any()))
            rows.append({"replicates": n_replicates, "tau": tau} | {k: mean_se(v) for k, v in found.items()})
    return pd.DataFrame(rows)


def write(table, path):
    """CSV with a column of standard errors beside each number, and a table in Markdown."""
    wide, words = {}, {}
    for column in table:
        if isinstance(table[column].iloc[0], tuple):
            wide[column], wide[f"{column}_se"] = zip(*table[column], strict=True)
            words[column] = [f"{m:.3f} ± {s:.3f}" if np.isfinite(m) else "" for m, s in table[column]]
        else:
            wide[column] = words[column] = table[column]
    pd.DataFrame(wide).to_csv(path, index=False, float_format="%.4f")
    lines = ["| " + " | ".join(words) + " |", "|" + "---|" * len(words)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in zip(*words.values(), strict=True)]
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--parts", nargs="+", default=["size", "power", "replicates", "totals"])
    given = parser.parse_args()
    parts = {"size": size, "power": power, "replicates": replicates, "totals": totals}
    for seed, (name, part) in enumerate(parts.items()):
        if name in given.parts:
            write(part(given.runs, np.random.default_rng(seed)), given.folder / f"compare_{name}.csv")


if __name__ == "__main__":
    main()

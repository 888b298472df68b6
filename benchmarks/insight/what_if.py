"""Predictions of pairs of perturbations that were never seen, in simulated screens, and of Norman et al.'s pairs.

    python benchmarks/insight/what_if.py --screens 12 --out docs/benchmarks

writes what_if_doubles.csv (scores of every predictor, means over screens with Monte-Carlo errors), what_if_coverage.csv
(95 % intervals against the truth), what_if_norman.csv and what_if_papalexi.csv. About half an hour on two cores.

A screen: 30 genes with 1 to 2 parents each, all perturbed, 300 controls and 120 cells per single perturbation, 20 pairs
of 120 cells, one hidden confounder, Poisson counts of log-normal means. A perturbation multiplies the level of its gene
on top of what its parents do, alone and in a pair.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

import argen as ag

GENES, CELLS, CONTROLS, PAIRS = 30, 120, 300, 20
DATA = {"perturbation_key": "perturbation", "depth": "depth"}
SEARCHES = ("argen_dag", "argen_joint")


def screen(seed: int) -> tuple[AnnData, pd.DataFrame, list[str]]:
    """Counts with labels, true effects of every label on every gene, and the names of the pairs."""
    rng = np.random.default_rng(seed)
    names = np.array([f"G{i:02d}" for i in range(GENES)])
    theta = np.zeros((GENES, GENES))
    order = rng.permutation(GENES)
    for place, gene in enumerate(order[1:], start=1):
        for parent in rng.choice(order[:place], min(place, int(rng.integers(1, 3))), replace=False):
            theta[parent, gene] = rng.choice([-1, 1]) * rng.uniform(0.3, 0.8)
    reach = np.linalg.inv(np.eye(GENES) - theta)
    tau = rng.uniform(-1.8, -0.8, GENES)
    pairs = [(a, b) for a in range(GENES) for b in range(a + 1, GENES)]
    pairs = [pairs[i] for i in rng.permutation(len(pairs))[:PAIRS]]
    targets = [(), *[(g,) for g in range(GENES)], *pairs]
    labels = ["control", *names, *["+".join(names[list(pair)]) for pair in pairs]]
    sizes = [CONTROLS, *[CELLS] * (GENES + PAIRS)]
    shift = np.zeros((len(targets), GENES))
    for row, target in zip(shift, targets, strict=True):
        row[list(target)] = tau[list(target)]
    of_cell = np.repeat(np.arange(len(targets)), sizes)
    hidden = rng.normal(size=(len(of_cell), 1)) * rng.choice([-1, 1], GENES) * rng.uniform(0, 0.4, GENES)
    own = shift[of_cell] + hidden + rng.normal(0, 0.3, (len(of_cell), GENES))
    depth = np.exp(rng.normal(0, 0.3, len(of_cell)))
    level = rng.uniform(0.3, 2.0, GENES)
    counts = rng.poisson(depth[:, None] * np.exp(level + own @ reach)).astype(np.float32)
    obs = pd.DataFrame({"perturbation": np.array(labels, dtype=object)[of_cell], "depth": depth})
    obs.index = obs.index.astype(str)
    adata = AnnData(counts, obs=obs, var=pd.DataFrame(index=names))
    truth = pd.DataFrame(shift @ reach, labels, names).drop(index="control")
    return adata, truth, labels[1 + GENES :]


def predictions(adata: AnnData, pairs: list[str], search: str) -> dict[str, pd.DataFrame]:
    """Tables of predictions by pair, from the cells of single perturbations alone."""
    singles = adata[~adata.obs["perturbation"].isin(pairs)].copy()
    getattr(ag.tl, search)(singles, **DATA)
    found = {}
    for pair in pairs:
        ag.tl.argen_predict(singles, pair.split("+"), network=search, n_paths=0)
        found[pair] = ag.get.prediction(singles).set_index("gene")
    return found


def without_own(table: pd.DataFrame) -> pd.DataFrame:
    """NaN in the genes that a pair perturbs."""
    table = table.copy()
    for pair in table.index:
        table.loc[pair, pair.split("+")] = np.nan
    return table


def one_screen(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of all predictors of the pairs, and what the intervals cover."""
    adata, truth, pairs = screen(seed)
    truth = without_own(truth.loc[pairs])
    scores, covered = [], []
    # Against the truth, which has no noise: the weights are its own squares (up to 1).
    singles, _ = effects(adata)
    alone = singles.loc[[label for label in singles.index if "+" not in label]]
    tables = {
        "added up": pd.DataFrame({pair: singles.loc[pair.split("+")].sum() for pair in pairs}).T,
        "mean of the perturbations": pd.DataFrame(dict.fromkeys(pairs, alone.mean())).T,
        "no change": truth.fillna(0.0) * 0.0,
        "cells of the pair itself": singles.loc[pairs],
    }
    for search in SEARCHES:
        found = predictions(adata, pairs, search)
        tables[search] = pd.DataFrame({pair: table["effect"] for pair, table in found.items()}).T
        shuffled = np.roll(np.arange(len(pairs)), 1)
        tables[f"{search}, shuffled"] = tables[search].iloc[shuffled].set_axis(pairs, axis=0)
        for pair, table in found.items():
            true = truth.loc[pair].reindex(table.index)
            unreached = table["flags"].str.contains("no path|edges not selected")
            known = true.notna() & (table["se"] > 0) & ~unreached
            inside = (table["ci_low"] <= true) & (true <= table["ci_high"])
            missed = true.notna() & unreached & (true.abs() > 0)
            covered.append((search, pair, int(known.sum()), int((inside & known).sum()), int(missed.sum())))
    mean = alone.mean()
    for name, table in tables.items():
        score = ag.metrics.what_if(table, truth, mean=mean, se=0.0 * truth + 0.1, significant=truth.abs() > 0.1)
        scores.append(score.mean().rename(name))
    return pd.DataFrame(scores), pd.DataFrame(covered, columns=["search", "pair", "n", "inside", "missed"])


def effects(adata: AnnData, **given) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Total effects of all labels and their standard errors."""
    from argen._bridge.prediction.labels import effects_of_labels

    return effects_of_labels(adata, DATA | given)


def norman(out: Path, n_splits: int) -> None:
    """Pairs of which both genes were activated alone, predicted from half of the cells; there is no network."""
    adata = ag.datasets.norman_2019_doubles()
    control = adata[adata.obs["perturbation"] == "non-targeting"]
    frequent = adata.var_names[np.asarray(control.X.mean(axis=0)).ravel() >= 0.25]
    tables = []
    for split in range(n_splits):
        tables.append(
            ag.metrics.what_if_screen(
                adata, perturbation_key="perturbation", control="non-targeting", depth="total_umi", search=None,
                genes=list(frequent), rng=split,
            )
        )  # fmt: skip
    by_split = pd.concat(
        [t.groupby("predictor", sort=False).mean(numeric_only=True) for t in tables], keys=range(n_splits)
    )
    mean = by_split.groupby(level=1, sort=False).mean()
    spread = by_split.groupby(level=1, sort=False).std()
    mean.join(spread, rsuffix="_sd_over_splits").round(3).to_csv(out / "what_if_norman.csv")
    print(len(frequent), "genes;", tables[0]["condition"].unique().tolist())
    print(mean.round(3).to_string())


def papalexi(out: Path, n_splits: int) -> None:
    """Half of the cells of each perturbation predict the other half, by both searches."""
    adata = ag.datasets.papalexi_2021()["rna"]
    data = {"perturbation_key": "target_simple", "control": "non-targeting", "depth": "total_umi"}
    data["covariates"] = ["bio_rep", "percent_mito"]
    splits = []
    for split in range(n_splits):
        for search in SEARCHES:
            table = ag.metrics.what_if_screen(adata, conditions="singles", search=search, rng=split, **data)
            network = table["predictor"].str.startswith("network")
            table["predictor"] = table["predictor"].str.replace("network", search)
            keep = network if search != SEARCHES[0] else table["predictor"].ne("other cells")  # the same as added up
            splits.append(table[keep].groupby("predictor", sort=False).mean(numeric_only=True).assign(split=split))
    grouped = pd.concat(splits).groupby(level=0, sort=False)
    mean = grouped.mean().drop(columns="split")
    spread = grouped.std().drop(columns="split")
    mean.join(spread, rsuffix="_sd_over_splits").round(3).to_csv(out / "what_if_papalexi.csv")
    print(mean.round(3).to_string())


def main() -> None:
    """Run all and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screens", type=int, default=12)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--real", action="store_true", help="the two real screens alone")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    how = parser.parse_args()
    warnings.simplefilter("ignore", ag.errors.ArgenWarning)
    if not how.real:
        simulated(how.out, how.screens)
    norman(how.out, how.splits)
    papalexi(how.out, how.splits)


def simulated(out: Path, n_screens: int) -> None:
    """Pairs that were never seen, and coverage, in simulated screens."""
    parts = []
    for seed in range(n_screens):
        parts.append(one_screen(seed))
        print("screen", seed, flush=True)
    scores = pd.concat([part[0] for part in parts], keys=range(n_screens))
    grouped = scores.groupby(level=1, sort=False)
    table = grouped.mean().join(grouped.std() / np.sqrt(n_screens), rsuffix="_mc_error")
    table.round(4).to_csv(out / "what_if_doubles.csv", index_label="predictor")
    print(grouped.mean().round(3).to_string())
    print((grouped.std() / np.sqrt(n_screens)).round(3).to_string())
    covered = pd.concat([part[1] for part in parts], keys=range(n_screens), names=["screen", None])
    sums = covered.groupby(["search", "screen"])[["n", "inside", "missed"]].sum()
    share = (sums["inside"] / sums["n"]).groupby("search")
    coverage = pd.DataFrame({"coverage": share.mean(), "mc_error": share.std() / np.sqrt(n_screens)})
    coverage[["n", "missed"]] = sums[["n", "missed"]].groupby("search").sum()
    coverage.round(4).to_csv(out / "what_if_coverage.csv")
    print(coverage.round(3).to_string())


if __name__ == "__main__":
    main()

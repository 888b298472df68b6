"""Study (vi): Murphy–Topel against stacked standard errors where assumptions are strained.

    python benchmarks/paper/covariances.py --replicates 500

The paper's design (8 genes, 8,000 cells, hidden confounder U) and six variations, true descendants given. Over all
candidate edges without a true effect: standard deviation of the z-scores (1 is right) and share with p < .05; over the
true edges: power at .05. Every covariance with HC0 and with HC3 (residuals divided by 1 − leverage).
"""

import itertools

import numpy as np
import pandas as pd
from common import arguments, binomial_error, run_all, screen_of, truth_of, write

SIGNS = (1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0)  # parents and children differ on 9 of 12 edges
MILD = {"numeric_covariates": {"L": 0.3}}  # with the paper's slope of 1 the means of X6 explode under variation
SETTINGS = {
    "paper": {},
    "weak knock-down": {**MILD, "knockdown": -0.5},
    "strong U": {**MILD, "depth_mean": 3.0, "confounder_effect": -0.8},
    "U of opposite signs": {**MILD, "depth_mean": 3.0, "confounder_effect": [[0.5 * sign] for sign in SIGNS]},
    "low counts": {**MILD, "depth_mean": 1.0, "intercept": -1.5, "knockdown": -1.5},
    "few cells": {**MILD, "n_cells": 1500},
    "heavy tails": {**MILD, "depth_mean": 3.0, "noise_sd": 1.2, "n_cells": 4000, "confounder_effect": -0.3},
}
COVARIANCES = [(name, hc) for hc in ("HC0", "HC3") for name in ("murphy-topel", "stacked")]


def replicate(setting: str, seed: int) -> list[dict]:
    import argen as ag
    from argen._core.dag.search import search_dag
    from argen._core.descendants.tests import fit_descendants
    from argen._core.graphs.reach import transitive_closure
    from argen._core.results import Relation

    adata = ag.datasets.simulate("paper_fig2", rng=seed, **SETTINGS[setting])
    screen = screen_of(adata, ["L"])
    truth = truth_of(adata, screen.genes)
    tests, descendant = fit_descendants(screen), transitive_closure(truth != 0)
    relation = Relation(np.full(descendant.shape, np.nan), descendant, descendant, np.empty((0, 2), dtype=int), ())
    rows = []
    for covariance, hc in COVARIANCES:
        dag = search_dag(screen, tests, relation, first_stage="ancestors", covariance=covariance, hc=hc, alpha=0.05)
        for source, target, coef, se in zip(dag.source, dag.target, dag.coef, dag.se, strict=True):
            row = {"setting": setting, "covariance": covariance, "hc": hc, "seed": seed}
            rows.append(row | {"edge": f"{source}-{target}", "truth": truth[source, target], "z": coef / se})
    return rows


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per setting and covariance; `mc_error` is one standard error of `null_rejected`, over replicates."""
    rows = []
    for keys, runs_of in runs.dropna(subset=["z"]).groupby(["setting", "hc", "covariance"], sort=False):
        null, edges = runs_of[runs_of["truth"] == 0], runs_of[runs_of["truth"] != 0]
        by_replicate = (null["z"].abs() > 1.96).groupby(null["seed"]).mean()
        rows.append(
            {
                **dict(zip(("setting", "hc", "covariance"), keys, strict=True)),
                "null_sd": null.groupby("edge")["z"].std().mean(),
                "null_sd_lowest": null.groupby("edge")["z"].std().min(),
                "null_sd_highest": null.groupby("edge")["z"].std().max(),
                "null_rejected": by_replicate.mean(),
                "mc_error": by_replicate.sem(),
                "power": (edges["z"].abs() > 1.96).mean(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    options = arguments(__doc__, 500)
    runs = run_all(replicate, itertools.product(SETTINGS, range(options.replicates)), options.jobs)
    table = summarise(runs)
    write(table, options.out, "covariances", errors_of(table, options.replicates))


def errors_of(table: pd.DataFrame, replicates: int) -> dict[str, pd.Series]:
    """Upper bounds, as if the edges of a replicate were one; `null_rejected` has `mc_error`."""
    return {
        "null_sd": table["null_sd"] / np.sqrt(2 * replicates),
        "power": binomial_error(table["power"], replicates),
    }


if __name__ == "__main__":
    main()

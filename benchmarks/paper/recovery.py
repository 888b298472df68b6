"""Study (ii): recovery of order, structure and coefficients under hidden confounding.

    python benchmarks/paper/recovery.py --replicates 10

Random networks of p ∈ {8, 20, 50} genes with 1–3 parents, N cells, and two hidden factors that act on every gene with
loadings drawn from ± the one given; descendants by the paper's test and level. Reports the share of true ancestor
pairs that the causal order puts right, precision, recall and F1 of the edges, and the median absolute error of the
coefficients of the true edges that were candidates.
"""

import itertools

import numpy as np
from common import arguments, run_all, scores, truth_of, write

GENES, CELLS, LOADINGS = (8, 20, 50), (100, 300), (0.0, 0.5, 1.0)


def replicate(p: int, per_perturbation: int, loading: float, closure: object, seed: int) -> list[dict]:
    import warnings

    import argen as ag

    warnings.simplefilter("ignore")
    adata = ag.datasets.simulate(
        rng=seed,
        genes=p,
        n_parents=(1, 3),
        edge_effect=0.5,
        intercept=(-0.5, 1.5),
        knockdown=-2.0,
        n_controls=5000,
        cells_per_perturbation=per_perturbation,
        n_confounders=2,
        confounder_effect=(-loading, loading) if loading else 0.0,
        batch_covariates={"batch": 4},
        noise_sd=0.5,
    )
    paper = {"closure": closure, "descendants_alpha": 0.05, "test": "wald"}
    ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["batch"], depth="depth", **paper, n_jobs=1)
    edges = ag.get.edges(adata, selected=False)
    order = adata.uns["argen_dag"]["tables"]["order"]
    truth = truth_of(adata, order)
    at = {gene: i for i, gene in enumerate(order)}
    found = {(at[s], at[t]) for s, t in zip(edges["source"], edges["target"], strict=True)}
    selected = edges[edges["selected"]]
    chosen = {(at[s], at[t]) for s, t in zip(selected["source"], selected["target"], strict=True)}
    true = set(map(tuple, np.argwhere(truth)))
    reach = np.linalg.inv(np.eye(p) - (truth != 0)) > 0.5
    ancestors = np.argwhere(reach & ~np.eye(p, dtype=bool))
    estimates = {(at[s], at[t]): c for s, t, c in zip(edges["source"], edges["target"], edges["coef"], strict=True)}
    errors = [abs(estimates[e] - truth[e]) for e in found & true]
    return [
        {
            "genes": p,
            "cells_per_perturbation": per_perturbation,
            "loading": loading,
            "closure": str(closure),
            "order": float(np.mean(ancestors[:, 0] < ancestors[:, 1])),
            **scores(chosen, true),
            "median_error": float(np.median(errors)) if errors else np.nan,
        }
    ]


def main() -> None:
    options = arguments(__doc__, 10)
    grid = itertools.product(GENES, CELLS, LOADINGS, (True, "acyclic"), range(options.replicates))
    runs = run_all(replicate, grid, options.jobs)
    groups = runs.groupby(["genes", "cells_per_perturbation", "loading", "closure"], sort=False)
    errors = groups.sem().reset_index()
    figures = ("order", "precision", "recall", "f1", "median_error")
    write(groups.mean().reset_index(), options.out, "recovery", {name: errors[name] for name in figures})


if __name__ == "__main__":
    main()

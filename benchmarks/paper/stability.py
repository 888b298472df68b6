"""Study (vii): whether the stability of an edge says how often an experiment like this one finds it.

    python benchmarks/paper/stability.py --replicates 40

One network of 15 genes with up to two parents each and a hidden cause, 60 cells per perturbation and 600 controls,
screened anew in every replicate. `fresh` is the share of replicates whose network holds the edge, `stability` and
`bootstrap_frequency` are means over replicates of what 100 draws of each say; averages over the true edges and over all
other ordered pairs.
"""

import warnings

import numpy as np
import pandas as pd
from common import arguments, run_all, truth_of, write

GENES = 15
SCREEN = {
    "intercept": 0.7,
    "knockdown": -1.0,
    "noise_sd": 0.3,
    "dispersion": 0.2,
    "n_confounders": 1,
    "confounder_effect": 0.3,
    "cells_per_perturbation": 60,
    "n_controls": 600,
}


def one(replicate: int) -> list[dict]:
    import argen as ag

    warnings.simplefilter("ignore")
    first = ag.datasets.simulate(genes=GENES, n_parents=(0, 2), edge_effect=(0.2, 0.8), rng=3)
    network = pd.DataFrame(first.varp["truth"].toarray(), first.var_names, first.var_names)
    adata = ag.datasets.simulate(dag=network, **SCREEN, rng=replicate)
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth", n_jobs=1, robust=False)
    ag.tl.argen_stability(adata, n_draws=100, rng=replicate, n_jobs=1)
    names = sorted(adata.var_names)
    truth = truth_of(adata, names) != 0
    place = {gene: i for i, gene in enumerate(names)}
    matrices = {name: np.zeros((GENES, GENES)) for name in ("fresh", "stability", "bootstrap_frequency")}
    table = ag.get.stability(adata, selected=False)
    at = table["source"].map(place), table["target"].map(place)
    matrices["fresh"][at] = table["selected"]
    for name in ("stability", "bootstrap_frequency"):
        matrices[name][at] = table[name]
    others = ~truth & ~np.eye(GENES, dtype=bool)
    return [
        {"edges": kind, **{name: matrix[mask].mean() for name, matrix in matrices.items()}}
        for kind, mask in (("true", truth), ("all other pairs", others))
    ]


def main() -> None:
    options = arguments(__doc__, replicates=40)
    runs = run_all(one, [(r,) for r in range(options.replicates)], options.jobs)
    groups = runs.groupby("edges", sort=False)
    table = groups.mean()
    for name in list(table):
        table[f"{name} se"] = groups[name].std() / np.sqrt(options.replicates)
    table = table.map(lambda value: f"{value:.4f}")
    write(pd.DataFrame(table.reset_index()), options.out, "stability")


if __name__ == "__main__":
    main()

"""Study (vi): size and coverage of the tests of an edge when knock-downs are weak and a cause is hidden.

    python benchmarks/paper/weak_instruments.py --replicates 1000

Five genes in a known order, 0 → 1 → 2 with effects of .5, genes 3 and 4 without parents; every earlier gene is a
candidate parent of every later one. A hidden factor acts on all genes (on gene 3 with the opposite sign), counts have a
mean of 2, 1,500 control cells. The knock-down of gene 1, or of all genes, or of all but gene 1 varies. `null` edges are
those from gene 1 to 3 and 4, `coverage` is that of the edge 1 → 2 by the robust 95 % set, `unbounded` the share of
these sets that are not an interval.
"""

import itertools

import numpy as np
import pandas as pd
from common import arguments, binomial_error, run_all, write

CONTROLS, P, MEAN = 1500, 5, 2.0
EFFECTS = {(0, 1): 0.5, (1, 2): 0.5}
NULL, TRUE = [(1, 3), (1, 4)], (1, 2)
SHARES = ("Murphy-Topel", "stacked", "robust", "coverage", "unbounded")
KNOCK_DOWNS = {
    "gene 1: -1.5": {},
    "gene 1: -0.4": {1: -0.4},
    "gene 1: -0.1": {1: -0.1},
    "gene 1: 0": {1: 0.0},
    "all: -0.4": dict.fromkeys(range(P), -0.4),
    "all: -0.1": dict.fromkeys(range(P), -0.1),
    "others: 0": {0: 0.0, 2: 0.0, 3: 0.0, 4: 0.0},
}
# Cells per perturbation, loading of the hidden factor, log-sd of expression.
SETTINGS = [(150, 0.4, 0.3), (400, 0.4, 0.3), (150, 0.8, 0.3), (150, 0.4, 1.3)]


def make_screen(rng: np.random.Generator, knock_downs: dict[int, float], cells: int, loading: float, log_sd: float):
    """Counts of one replicate as the core takes them."""
    from scipy import sparse

    from argen._core.screen import CONTROL, Covariates, build_screen

    perturbation = np.concatenate([np.repeat(np.arange(P), cells), np.full(CONTROLS, CONTROL)])
    n = len(perturbation)
    depth, hidden = rng.gamma(10.0, 0.1, n), rng.normal(size=n)
    eta = np.zeros((n, P))
    for k in range(P):
        eta[:, k] = (-loading if k == 3 else loading) * hidden + rng.normal(0.0, log_sd, n)
        eta[:, k] += knock_downs.get(k, -1.5) * (perturbation == k)
        eta[:, k] += sum(effect * eta[:, parent] for (parent, child), effect in EFFECTS.items() if child == k)
    counts = rng.poisson(depth[:, None] * MEAN * np.exp(eta)).astype(float)
    nothing = np.zeros((n, 0))
    names = [f"g{k}" for k in range(P)]
    return build_screen(
        sparse.csc_array(counts), perturbation, depth, Covariates(np.zeros(n, dtype=np.int64), nothing, nothing), names
    )


def one(name: str, cells: int, loading: float, log_sd: float, lo: int, hi: int) -> list[dict]:
    from argen._core.dag.search import search_dag
    from argen._core.descendants.tests import fit_descendants
    from argen._core.results import ConfidenceSet, Relation

    descendant = np.triu(np.ones((P, P), dtype=bool), 1)
    relation = Relation(np.full((P, P), np.nan), descendant, descendant, np.empty((0, 2), dtype=int), ())
    rows = []
    for replicate in range(lo, hi):
        screen = make_screen(np.random.default_rng([replicate, 6]), KNOCK_DOWNS[name], cells, loading, log_sd)
        tests = fit_descendants(screen)
        options = {"first_stage": "ancestors", "alpha": 0.05}
        dag = search_dag(screen, tests, relation, covariance="murphy-topel", robust=True, **options)
        stacked = search_dag(screen, tests, relation, covariance="stacked", **options)
        place = {edge: i for i, edge in enumerate(zip(dag.source.tolist(), dag.target.tolist(), strict=True))}
        null, true = [place[edge] for edge in NULL], place[TRUE]
        found = dag.instruments
        rows.append(
            {
                "knock-downs": name,
                "cells": cells,
                "loading": loading,
                "log-sd": log_sd,
                "median F": found.strength[true],
                "Murphy-Topel": (dag.p[null] < 0.05).mean(),
                "stacked": (stacked.p[null] < 0.05).mean(),
                "robust": (found.p[null] < 0.05).mean(),
                "coverage": found.low[true] <= EFFECTS[TRUE] <= found.high[true],
                "unbounded": found.shape[true] != ConfidenceSet.INTERVAL,
            }
        )
    return rows


def main() -> None:
    options = arguments(__doc__, replicates=1000)
    edges = np.linspace(0, options.replicates, 5).astype(int)
    parts = list(itertools.pairwise(edges.tolist()))
    cases = [(name, *setting, lo, hi) for setting in SETTINGS for name in KNOCK_DOWNS for lo, hi in parts]
    runs = run_all(one, cases, options.jobs)
    keys = ["cells", "loading", "log-sd", "knock-downs"]
    table = runs.groupby(keys, sort=False).mean(numeric_only=True)
    table["median F"] = runs.groupby(keys, sort=False)["median F"].median()
    table = pd.DataFrame(table.reset_index()).astype({"cells": str})
    write(table, options.out, "weak_instruments", errors_of(table, options.replicates))


def errors_of(table: pd.DataFrame, replicates: int) -> dict[str, pd.Series]:
    """Of rates over the two null edges of a screen an upper bound, as if the two were one."""
    return {share: binomial_error(table[share], replicates) for share in SHARES}


if __name__ == "__main__":
    main()

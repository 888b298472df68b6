"""Study (i): the standard errors of the two-stage estimate.

    python benchmarks/paper/standard_errors.py --replicates 400

The paper's design (8 genes, 8,000 cells, hidden confounder) under Poisson, gamma–Poisson and log-normal expression,
true descendants given. For every candidate edge, true or null: coverage of the 95 % interval and standard deviation of
the z-score, by Murphy–Topel and naive standard errors.
"""

import numpy as np
import pandas as pd
from common import arguments, binomial_error, run_all, screen_of, truth_of, with_true_relation, write

EXPRESSION = {
    "Poisson": {"noise_sd": 0.0},
    "gamma-Poisson (φ = 0.1)": {"noise_sd": 0.0, "dispersion": 0.1},
    "gamma-Poisson (φ = 0.5)": {"noise_sd": 0.0, "dispersion": 0.5},
    "log-normal (sd 0.5, the paper)": {"noise_sd": 0.5},
    "log-normal (sd 0.8)": {"noise_sd": 0.8},
}


def replicate(name: str, seed: int) -> list[dict]:
    import argen as ag

    adata = ag.datasets.simulate("paper_fig2", rng=seed, **EXPRESSION[name])
    screen = screen_of(adata, ["L"])
    truth = truth_of(adata, screen.genes)
    rows = []
    for covariance in ("murphy-topel", "naive"):
        dag = with_true_relation(screen, truth, covariance=covariance)
        error = (dag.coef - truth[dag.source, dag.target]) / dag.se
        for s, t, e in zip(dag.source, dag.target, error, strict=True):
            rows.append(
                {
                    "expression": name,
                    "covariance": covariance,
                    "edge": f"{screen.genes[s]}→{screen.genes[t]}",
                    "kind": "true edge" if truth[s, t] else "null",
                    "error": e,
                }
            )
    return rows


def main() -> None:
    options = arguments(__doc__, 400)
    cases = [(name, seed) for name in EXPRESSION for seed in range(options.replicates)]
    runs = run_all(replicate, cases, options.jobs)
    runs["covered"] = runs["error"].abs() < 1.959964
    keys = ["expression", "covariance", "kind"]
    table = runs.groupby(keys, sort=False).agg(
        coverage=("covered", "mean"), sd_of_z=("error", "std"), mean_of_z=("error", "mean"), n=("error", "size")
    )
    worst = runs.groupby([*keys, "edge"], sort=False)["covered"].mean().groupby(keys, sort=False).agg(["min", "max"])
    table = table.join(worst.rename(columns={"min": "lowest_edge", "max": "highest_edge"})).reset_index()
    # Edges of one replicate are correlated: the replicate is the unit.
    table["mc_error_per_edge"] = np.sqrt(0.95 * 0.05 / options.replicates)
    write(pd.DataFrame(table), options.out, "standard_errors", errors_of(table, options.replicates))


def errors_of(table: pd.DataFrame, replicates: int) -> dict[str, pd.Series]:
    """Of the coverage of several edges an upper bound, as if the edges of a replicate were one."""
    return {"coverage": binomial_error(table["coverage"], replicates)}


if __name__ == "__main__":
    main()

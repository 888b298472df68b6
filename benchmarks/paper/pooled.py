"""Study (vii): when the pooled descendant step gains power, and when it must not be used.

    python benchmarks/paper/pooled.py --replicates 8000

20 perturbations of 60 cells in eight batches (unbalanced, differently for each of them), 100 to 3,000 controls,
gamma–Poisson counts (φ = .25, mean 1). "power": a knock-down of a third (log fold change −.4). "null": no effect.
"null, other batches": no effect at the mean over batches, but batch effects of perturbed cells are the reverse of the
controls'. Share of pairs with p < .05 under Wald with HC3.
"""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
from common import arguments, run_all, write

PERTURBATIONS, CELLS, BATCHES = 20, 60, 8
NAMES = {False: "pairwise", True: "pooled"}
CASES = {"power": (-0.4, 1.0), "null": (0.0, 1.0), "null, other batches": (0.0, -1.0)}


def setting(controls: int, case: str, replicates: int) -> list[dict]:
    from scipy import sparse

    from argen._core.counts import GeneCounts
    from argen._core.descendants.tests import fit_descendants
    from argen._core.screen import CONTROL, Covariates, build_screen

    effect, batch_sign = CASES[case]
    rng = np.random.default_rng([controls, list(CASES).index(case)])
    perturbation = np.concatenate([np.repeat(np.arange(PERTURBATIONS), CELLS), np.full(controls, CONTROL)])
    n, perturbed = len(perturbation), perturbation != CONTROL
    chances = rng.dirichlet(np.full(BATCHES, 2.0), PERTURBATIONS)
    batch = np.where(perturbed, 0, rng.integers(0, BATCHES, n))
    for j in range(PERTURBATIONS):
        batch[perturbation == j] = rng.choice(BATCHES, CELLS, p=chances[j])
    batch_effect = np.linspace(-0.6, 0.6, BATCHES)
    covariates = Covariates(batch, np.zeros((n, 0)), np.zeros((n, 0)))
    names = [f"g{j:02d}" for j in range(PERTURBATIONS)]
    screen = build_screen(sparse.csc_array((n, PERTURBATIONS)), perturbation, np.ones(n), covariates, names)
    rate = np.exp(batch_effect[batch] * np.where(perturbed, batch_sign, 1.0) + effect * perturbed)
    rejected = {False: [], True: []}
    for _ in range(max(replicates // PERTURBATIONS**2, 1)):
        counts = rng.poisson(rate[:, None] * rng.gamma(4.0, 0.25, (n, PERTURBATIONS)))[screen.cell]
        drawn = replace(screen, counts=GeneCounts.of_matrix(sparse.csc_array(counts)))
        for pooled in rejected:
            tests = fit_descendants(drawn, test="wald", hc="HC3", pooled=pooled)
            rejected[pooled].append((tests.p < 0.05).mean())
    row = {"case": case, "controls": controls}
    for pooled, name in NAMES.items():
        of_draws = np.array(rejected[pooled])
        row |= {name: of_draws.mean(), f"{name} se": of_draws.std(ddof=1) / np.sqrt(len(of_draws))}
    return [row]


def main() -> None:
    options = arguments(__doc__, 8000)
    grid = itertools.product((100, 300, 1000, 3000), CASES)
    table = run_all(setting, [(*case, options.replicates) for case in grid], options.jobs)
    table = pd.DataFrame(table).sort_values("case", key=lambda c: c.map(list(CASES).index), kind="stable")
    errors = {name: table[f"{name} se"] for name in NAMES.values()}
    write(table.drop(columns=[f"{name} se" for name in errors]), options.out, "pooled", errors)


if __name__ == "__main__":
    main()

"""Study (v): size and power of the tests of the descendant step with sparse, over-dispersed counts.

    python benchmarks/paper/size_and_power.py --replicates 20000

3,000 control cells in four batches, groups of 30, 100 or 300 cells that are unbalanced over the batches (55 %, 25 %,
15 %, 5 %), mean counts of .02 to 5 per cell, gamma–Poisson with dispersion φ = .25 or 1, or lognormal–Poisson with the
same variance but a heavier tail (σ² = log(1 + φ)). Every figure is the share of `replicates` null (or non-null)
groups with p below the level. Power is for a fold change of 2.5 standard errors, down and up.
"""

import argparse
import itertools

import numpy as np
import pandas as pd
from common import arguments, binomial_error, run_all, write

CONTROLS, GROUPS = 3000, 10
BALANCE = (0.55, 0.25, 0.15, 0.05)
LAWS = (("gamma", 0.25), ("gamma", 1.0), ("lognormal", 0.25), ("lognormal", 1.0))
MEANS, CELLS = (0.02, 0.1, 0.5, 5.0), (30, 100, 300)
TESTS = {"auto": ("auto", "HC3"), "score": ("score", "HC3"), "Wald HC3": ("wald", "HC3"), "Wald HC0": ("wald", "HC0")}


def make_screen(rng: np.random.Generator, law: str, phi: float, mean: float, cells: int, genes: int, shift: float):
    """Screen of GROUPS perturbations; the counts of as many genes as asked for, all with the same law."""
    from scipy import sparse

    from argen._core.screen import CONTROL, Covariates, build_screen

    perturbation = np.concatenate([np.repeat(np.arange(GROUPS), cells), np.full(CONTROLS, CONTROL)])
    n = len(perturbation)
    perturbed = perturbation != CONTROL
    batch = np.where(perturbed, rng.choice(4, n, p=BALANCE), rng.integers(0, 4, n))
    depth = rng.lognormal(0.0, 0.3, n)
    none = sparse.csc_array((n, GROUPS))
    covariates = Covariates(batch, np.zeros((n, 0)), np.zeros((n, 0)))
    screen = build_screen(none, perturbation, depth, covariates, [f"g{j:02d}" for j in range(GROUPS)])
    rate = np.exp(0.3 * (batch - 1.5) + np.where(perturbed, shift, 0.0)) * depth
    rate *= mean / rate[~perturbed].mean()
    counts = np.empty((n, genes))
    for j in range(genes):
        noise = rng.gamma(1 / phi, phi, n) if law == "gamma" else rng.lognormal(0, 1, n) ** np.sqrt(np.log1p(phi))
        noise /= 1.0 if law == "gamma" else np.sqrt(1 + phi)
        counts[:, j] = rng.poisson(rate * noise)
    return screen, counts[screen.cell]


def log_p_values(screen, counts: np.ndarray, test: str, hc: str) -> tuple[np.ndarray, np.ndarray]:
    """Log p and expected counts, [perturbation, gene]."""
    from dataclasses import replace

    from scipy import sparse

    from argen._core.counts import GeneCounts
    from argen._core.descendants.tests import fit_descendants

    log_p, expected = [], []
    for lo in range(0, counts.shape[1], GROUPS):  # the core takes as many genes as perturbations
        drawn = GeneCounts.of_matrix(sparse.csc_array(counts[:, lo : lo + GROUPS]))
        tests = fit_descendants(replace(screen, counts=drawn), test=test, hc=hc)
        log_p.append(tests.log_p)
        expected.append(tests.expected)
    return np.concatenate(log_p, axis=1), np.concatenate(expected, axis=1)


def setting(law: str, phi: float, mean: float, cells: int, replicates: int) -> list[dict]:
    genes = replicates // GROUPS // GROUPS * GROUPS
    row = {"law": law, "phi": phi, "mean": mean, "cells": cells}
    se = np.sqrt(1 / (cells * mean) + phi / cells)
    for name, shift in (("null", 0.0), ("down", -2.5 * se), ("up", 2.5 * se)):
        rng = np.random.default_rng([int(phi * 100), int(mean * 100), cells, law == "gamma", int(name == "up")])
        screen, counts = make_screen(
            rng, law, phi, mean, cells, genes if name == "null" else max(genes // 5, 10), shift
        )
        for label, (test, hc) in TESTS.items():
            log_p, expected = log_p_values(screen, counts, test, hc)
            p = np.exp(log_p[np.isfinite(log_p)])
            if name == "null":
                row["expected"] = expected.mean()
                row[f"{label} .05"], row[f"{label} .001"] = (p < 0.05).mean(), (p < 0.001).mean()
            elif label in ("score", "Wald HC3"):
                row[f"power {name} {label}"] = (p < 0.05).mean()
    return [row]


def main() -> None:
    options: argparse.Namespace = arguments(__doc__, 20_000)
    grid = itertools.product(LAWS, MEANS, CELLS)
    table = run_all(setting, [(*law, mean, cells, options.replicates) for law, mean, cells in grid], options.jobs)
    write_tables(table, options.out, options.replicates)


def write_tables(table: pd.DataFrame, out, replicates: int) -> None:
    """Binomial errors; groups share controls, which matters little for nulls and is said beside the power."""
    size, power = [c for c in table if not c.startswith("power")], [c for c in table if c.startswith("power")]
    write(table[size], out, "test_size", {c: binomial_error(table[c], replicates) for c in size[5:]})
    errors = {c: binomial_error(table[c], max(replicates // 5, 100)) for c in power}
    write(table[[*size[:5], *power]], out, "test_power", errors)


if __name__ == "__main__":
    main()

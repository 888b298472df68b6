"""Study (ix): how often guides that agree are said to disagree, and how often an off-target guide is found.

    python benchmarks/paper/overidentification.py --replicates 80

Perturbed gene k with its guides, a second one l below it with four guides of knock-down −1, and 20 children, half of
which have k as a parent (.8); l is a parent of all (.4). Gamma–Poisson counts (φ = .25), a hidden confounder, 3,000
controls; k and l have mean 2 in the controls. Off-target: guide 1 of k changes the log mean of the children by itself
by ±.5. Shares of p < .05: pairs (k, child), edges k → child, and equations of the children, whose candidates are
k and l; "named": share of the pairs with p < .05 under ±.5 in which guide 1 is the one that is named.
"""

import numpy as np
import pandas as pd
from common import arguments, run_all, write
from scipy import sparse

GUIDES = {
    "4 equal (−1.5)": (-1.5, -1.5, -1.5, -1.5),
    "4 unequal (−2, −1.2, −.6, −.2)": (-2.0, -1.2, -0.6, -0.2),
    "2 (−1.5, −.7)": (-1.5, -0.7),
    "4 weak (−.1)": (-0.1, -0.1, -0.1, -0.1),
}
MEANS = (10.0, 2.0, 0.5, 0.1)
CELLS = (50, 150)
OFF_TARGET = (0.0, 0.5, -0.5)
CONTROLS, CHILDREN, OTHER = 3000, 20, (-1.0, -1.0, -1.0, -1.0)
PHI, NOISE, CONFOUNDING = 0.25, 0.3, 0.3


def simulate(rng: np.random.Generator, strengths: tuple[float, ...], cells: int, mean: float, off_target: float):
    """The core's screen of k, l and the children, and the number of the guide of each sorted cell (l's come last)."""
    from argen._core.screen import CONTROL, Covariates, build_screen

    knock_down = np.array([*strengths, *OTHER])
    guide = np.concatenate([np.repeat(np.arange(len(knock_down)), cells), np.full(CONTROLS, -1)])
    of_l = guide >= len(strengths)
    n = len(guide)
    depth, hidden = rng.lognormal(0.0, 0.3, n), CONFOUNDING * rng.normal(size=n)
    own = np.where(guide >= 0, knock_down[guide], 0.0)
    k = own * ~of_l + hidden + NOISE * rng.normal(size=n)
    l = 0.5 * k + own * of_l + hidden + NOISE * rng.normal(size=n)
    effect = np.where(np.arange(CHILDREN) % 2, 0.0, 0.8)
    children = k[:, None] * effect + 0.4 * l[:, None] + hidden[:, None] + NOISE * rng.normal(size=(n, CHILDREN))
    children += off_target * (guide == 0)[:, None]
    log_mean = np.column_stack([k + np.log(2.0), l + np.log(2.0), children + np.log(mean)])
    counts = rng.poisson(depth[:, None] * np.exp(log_mean) * rng.gamma(1 / PHI, PHI, log_mean.shape))
    perturbation = np.select([guide < 0, of_l], [CONTROL, 1], 0)
    covariates = Covariates(np.zeros(n, dtype=np.int64), np.zeros((n, 0)), np.zeros((n, 0)))
    names = ["k", "l", *(f"t{i:02d}" for i in range(CHILDREN))]
    screen = build_screen(sparse.csc_array(counts.astype(float)), perturbation, depth, covariates, names)
    return screen, guide[screen.cell]


def all_tests(screen, guide: np.ndarray, *, hc3: bool):
    """Pairs of k with the children, and the children's equations."""
    from argen._core.diagnostics.guide_split import split_by_guides
    from argen._core.diagnostics.overidentification import pair_tests, saturated_forms
    from argen._core.diagnostics.overidentified_equations import equation_tests
    from argen._core.parallel import worker_pool

    split = split_by_guides(screen, guide, 10)
    reach = np.zeros((screen.n_genes, screen.n_genes), dtype=bool)
    reach[0, 1:] = reach[1, 2:] = True
    equations = [(t, np.array([0, 1])) for t in range(2, screen.n_genes)]
    with worker_pool(1) as map_:
        forms = saturated_forms(split, hc3=hc3, phi=np.zeros(screen.n_genes), map_=map_)
        pairs = pair_tests(split, forms, hc3=hc3, alpha=0.05, map_=map_)
        return pairs, equation_tests(split, forms, equations, reach, hc3=hc3, alpha=0.05, map_=map_)


def replicate(guides: str, cells: int, mean: float, off_target: float, seed: int, hc3: bool = True) -> list[dict]:
    rng = np.random.default_rng([list(GUIDES).index(guides), cells, int(10 * mean), int(2 * off_target) + 1, seed])
    pairs, equations = all_tests(*simulate(rng, GUIDES[guides], cells, mean, off_target), hc3=hc3)
    of_k = (pairs.source == 0) & (pairs.target >= 2)
    setting = {"guides": guides, "cells": cells, "mean": mean, "off_target": off_target, "seed": seed}
    tests = {
        "pair": (pairs.p[of_k], pairs.odd[of_k]),
        "edge": (np.array([e.p[0] for e in equations]), np.array([e.odd[0] for e in equations])),
        "equation": (np.array([e.whole[2] for e in equations]), np.full(len(equations), -1)),
    }
    return [
        {
            **setting,
            "test": name,
            "n": np.isfinite(p).sum(),
            "rejected": (p < 0.05).sum(),
            "named": (odd[p < 0.05] == 0).sum(),
        }
        for name, (p, odd) in tests.items()
    ]


KEYS = ["guides", "cells", "mean"]


def summary(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Size and power per setting, and their standard errors over replicates, whose children share the guides' cells."""
    groups = [*KEYS, "test", "off_target"]
    total = runs.groupby(groups, sort=False)[["n", "rejected", "named"]].sum()
    table = _columns((total["rejected"] / total["n"]).unstack(["test", "off_target"]))
    by_replicate = (runs["rejected"] / runs["n"]).groupby([runs[key] for key in groups], sort=False)
    errors = _columns(by_replicate.sem().unstack(["test", "off_target"]))
    strayed = total[total.index.get_level_values("off_target") != 0].groupby([*KEYS, "test"], sort=False).sum()
    named = (strayed["named"] / strayed["rejected"]).unstack("test")["pair"]
    table["named"] = named.where(~named.index.get_level_values("guides").str.startswith("2"))
    return tuple(
        part.reset_index().sort_values(KEYS, key=_place, ignore_index=True).rename(columns={"mean": "child mean"})
        for part in (table, errors)
    )


def _columns(share: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame({f"size, {test}": share[test, 0.0] for test in ("pair", "edge", "equation")})
    for test in ("pair", "edge"):
        for off, word in ((0.5, "+.5"), (-0.5, "−.5")):
            table[f"power {word}, {test}"] = share[test, off]
    return table


def _place(column: pd.Series) -> pd.Series:
    return column.map(list(GUIDES).index) if column.name == "guides" else -column


def main() -> None:
    options = arguments(__doc__, 80)
    settings = [(g, c, m, o) for g in GUIDES for c in CELLS for m in MEANS for o in OFF_TARGET]
    cases = [(*setting, seed) for setting in settings for seed in range(options.replicates)]
    table, errors = summary(run_all(replicate, cases, options.jobs))
    table["child mean"] = table["child mean"].map("{:g}".format)
    shown = table.astype(object).where(table.notna(), "–")
    write(shown, options.out, "overidentification", {name: errors[name] for name in errors.columns[len(KEYS) :]})


if __name__ == "__main__":
    main()

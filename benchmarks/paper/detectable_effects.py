"""Study (ix): whether the smallest detectable effects are found as often as promised, and the cells that edges need.

    python benchmarks/paper/detectable_effects.py --replicates 200

Gamma–Poisson counts (dispersion .5), 2,000 control cells, power .8. `total effect`: one group of n cells, genes that
are copies of each other; decreases and increases at `mde_decrease` and `mde_increase`, and for comparison at the one
figure (z_{1−a/2} + z_power) · se with the standard error of no effect, tested by argen_descendants at the level a.

`direct effect`: triples a → b → c with effects .6; the extra edge a → c has the effects
`mde_negative` and `mde_positive` of screens in which it is 0, tested by argen_dag at the level a; an edge that is no
candidate counts as missed. `power_of_formula`: at (z_{1−a/2} + z_power) · se of the same screens.

`planned edge`: 20 pairs a → b with as many cells a perturbation as cells_needed says for the level of the pairs, 20 of
1,560 found at .01.
"""

import numpy as np
import pandas as pd
from anndata import AnnData
from common import arguments, run_all, write
from scipy.stats import norm

CONTROLS, PHI, POWER = 2000, 0.5, 0.8
MEANS, CELLS, LEVELS = (0.02, 0.1, 0.3, 1.0, 5.0), (30, 100, 300), (1e-3, 1e-5)
EDGE_LEVEL = 1e-3
EDGE_SETTINGS = ((0.3, -1.5, 300), (1.0, -1.5, 100), (1.0, -1.5, 300), (5.0, -1.5, 100), (5.0, -0.7, 300))
COLUMNS = ["what", "mean_count", "cells", "level", "knockdown", "test", "effect", "power", "power_of_formula"]


def total_effect(mu: float, n: int, replicates: int) -> list[dict]:
    """Power at both smallest effects and at the plain formula, by level."""
    from argen._core.diagnostics.power import PairCounts, quantile_of, score_mde, wald_mde

    expected, se = np.array([n * mu]), np.sqrt((1 / mu + PHI) * np.array([1 / n + 1 / CONTROLS]))
    test = "score" if n * mu < 50 else "wald"
    rows = []
    for level in LEVELS:
        if test == "score":
            sizes = (np.array([float(x)]) for x in (n, CONTROLS, mu, PHI))
            smallest = score_mde(PairCounts(expected, *sizes), level, POWER)
        else:
            smallest = wald_mde(expected, expected, se, quantile_of(level, n - 1.0), POWER)
        formula = (norm.isf(level / 2) + norm.ppf(POWER)) * se
        effects = np.concatenate([-smallest[0], smallest[1], -formula, formula])
        power = _power_of_pairs(mu, np.where(np.isfinite(effects), effects, 0.0), n, level, replicates)
        for i, (name, effect) in enumerate(zip(("decrease", "increase"), effects, strict=False)):
            found = power[i] if np.isfinite(effect) else np.nan
            rows.append(
                {
                    "what": f"total effect, {name}", "mean_count": mu, "cells": n, "level": level, "test": test,
                    "effect": effect, "power": found, "power_of_formula": power[i + 2],
                }
            )  # fmt: skip
    return rows


def _power_of_pairs(mu: float, tau: np.ndarray, n: int, level: float, replicates: int) -> np.ndarray:
    import argen as ag

    rng = np.random.default_rng([int(1000 * mu), n, int(-np.log10(level))])
    groups = [f"T{i}" for i in range(len(tau))]
    labels = np.array(["control"] * CONTROLS + [name for name in groups for _ in range(n)])
    effect = pd.Series(tau, groups).reindex(labels).fillna(0.0).to_numpy()
    mean = np.repeat(mu * np.exp(effect)[:, None], replicates, axis=1)
    counts = rng.poisson(mean * rng.gamma(1 / PHI, PHI, mean.shape))
    genes = [*(f"G{i}" for i in range(replicates)), *groups]
    extra = np.repeat(genes[:replicates], 2)  # two cells a gene, so that it is in the network
    X = np.vstack([
        np.hstack([counts, rng.poisson(mu, (len(labels), len(groups)))]),
        rng.poisson(max(mu, 0.2), (len(extra), len(genes))),
    ])  # fmt: skip
    names = [*labels, *extra]
    obs = pd.DataFrame({"perturbation": names, "depth": 1.0}, index=[f"c{i}" for i in range(len(names))])
    adata = AnnData(X.astype(np.float32), obs=obs, var=pd.DataFrame(index=genes))
    ag.tl.argen_descendants(adata, perturbation_key="perturbation", depth="depth", min_cells=2, n_jobs=1)
    table = adata.uns["argen_descendants"]["tables"]["pairs"]
    table = table[table["target"].astype(str).str.startswith("G")]
    return np.array([(table["p"][table["source"] == name] <= level).mean() for name in groups])


def network_of(
    edges: dict[tuple[str, str], float], copies: int, mu: float, knockdown: float, n: int, seed: int
) -> AnnData:
    """Screen of independent copies of a small network, every gene with the same mean count in control cells."""
    import argen as ag

    table = pd.DataFrame(
        [(f"{a}{i}", f"{b}{i}", effect) for i in range(copies) for (a, b), effect in edges.items()],
        columns=["parent", "child", "coef"],
    )
    genes = sorted({*table["parent"], *table["child"]})
    explained = table.groupby("child")["coef"].sum().reindex(genes).fillna(0.0)
    adata = ag.datasets.simulate(
        genes=genes, dag=table[table["coef"] != 0], intercept=(np.log(mu) * (1.0 - explained)).to_dict(), noise_sd=0.0,
        knockdown=knockdown, dispersion=PHI, n_controls=CONTROLS, cells_per_perturbation=n, depth_log_sd=0.0,
        rng=seed,
    )  # fmt: skip
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth", n_jobs=1)
    return adata


def _edges(adata: AnnData, parent: str, child: str, copies: int) -> pd.DataFrame:
    import argen as ag

    table = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    return table.reindex([(f"{parent}{i}", f"{child}{i}") for i in range(copies)])


def direct_effect(mu: float, knockdown: float, n: int, replicates: int) -> list[dict]:
    """Power of an edge that is as large as the mde of the candidate without an effect."""
    from argen._bridge.diagnostics.power import _edge_counts
    from argen._bridge.results.entries import read_entry
    from argen._core.diagnostics.power import edge_mde

    copies, chain = 25, {("a", "b"): 0.6, ("b", "c"): 0.6}
    mde, formula = [], []
    for seed in range(4):
        adata = network_of(chain, copies, mu, knockdown, n, seed)
        null = _edges(adata, "a", "c", copies).dropna(subset="p").reset_index()
        columns = null["coef"].to_numpy(), null["se"].to_numpy(), np.full(len(null), EDGE_LEVEL), POWER
        step = read_entry(adata, "argen_descendants", "descendants")
        mde.append(np.stack(edge_mde(*columns, _edge_counts(null, step))))
        formula.append(np.stack(edge_mde(*columns)))
    mde, formula = (np.median(np.concatenate(part, axis=1), axis=1) for part in (mde, formula))
    rows = []
    for i, (name, sign) in enumerate((("negative", -1.0), ("positive", 1.0))):
        power = [
            _power_of_edges({**chain, ("a", "c"): sign * size[i]}, mu, knockdown, n, copies, replicates)
            for size in (mde, formula)
        ]
        rows.append(
            {
                "what": f"direct effect, {name}", "mean_count": mu, "cells": n, "level": EDGE_LEVEL, "test": "wald",
                "knockdown": knockdown, "effect": sign * mde[i], "power": power[0], "power_of_formula": power[1],
            }
        )  # fmt: skip
    return rows


def _power_of_edges(
    edges: dict[tuple[str, str], float], mu: float, knockdown: float, n: int, copies: int, replicates: int
) -> float:
    """Share of the copies in which the last edge is found; nothing for effects that nobody would expect."""
    (parent, child), effect = list(edges.items())[-1]
    if not abs(effect) < 3:
        return np.nan
    tables = [
        _edges(network_of(edges, copies, mu, knockdown, n, 100 + seed), parent, child, copies)
        for seed in range(max(replicates // copies, 1))
    ]
    return (pd.concat(tables)["p"] <= EDGE_LEVEL).mean()


def planned_edge(mu: float, effect: float, knockdown: float, replicates: int) -> list[dict]:
    """Power with as many cells as cells_needed says."""
    import argen as ag

    n = ag.metrics.cells_needed(
        effect, mean_count=mu, knockdown=knockdown, dispersion=PHI, n_controls=CONTROLS, level=EDGE_LEVEL, power=POWER,
        pair_level=20 * 0.01 / (40 * 39),
    )  # fmt: skip
    power = _power_of_edges({("a", "b"): effect}, mu, knockdown, n, 20, replicates) if n <= 800 else np.nan
    return [
        {
            "what": "planned edge", "mean_count": mu, "cells": n, "level": EDGE_LEVEL, "test": "wald",
            "knockdown": knockdown, "effect": effect, "power": power,
        }
    ]  # fmt: skip


TASKS = {"total": total_effect, "direct": direct_effect, "planned": planned_edge}


def case(task: str, *values: float) -> list[dict]:
    return TASKS[task](*(value for value in values if value is not None))


def main() -> None:
    options = arguments(__doc__, 200)
    r = options.replicates
    cases = [("total", mu, n, r, None) for mu in MEANS for n in CELLS]
    cases += [("direct", *setting, r) for setting in EDGE_SETTINGS]
    cases += [("planned", mu, e, -1.5, r) for mu in MEANS[1:] for e in (0.5, -0.5)]
    cases += [("planned", mu, 0.25, -1.5, r) for mu in (1.0, 5.0)]
    table = run_all(case, cases, options.jobs).reindex(columns=COLUMNS)
    shown = table.assign(level=table["level"].map("{:g}".format), cells=table["cells"].map("{:g}".format))
    shown = shown.astype(object).where(table.notna(), "–")
    write(shown, options.out, "detectable_effects")
    table.to_csv(options.out / "detectable_effects.csv", index=False, float_format="%.6g")  # numbers, none as a dash


if __name__ == "__main__":
    main()

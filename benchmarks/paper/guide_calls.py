"""Study (viii): how right the guide calls are, by method and strength of the signal.

    python benchmarks/paper/guide_calls.py --replicates 5

Simulated UMI counts with known guides: 60 guides, 10,000 cells with 0, 1 or 2 guides (10, 75 and 15 %), gamma–Poisson
signals (coefficient of variation .58 within a cell, on top of .5 between cells), three ambient UMIs a cell. "batches":
the ambient share is .5, 1 and 2 times as large in three batches; "weak guides": a fifth of the guides has 30 % of the
signal; "empty": 40 % of the cells carry no guide; "uneven ambient": the ambient UMIs of a guide in a cell are
gamma–Poisson with α = 5, of the order that real screens have. F1 over all pairs of cell and guide, mean over the
replicates; "mixture, auto" has dispersion="auto"; "best threshold" is the UMI threshold, the same for all guides, that
is best given the truth.

Real counts (Schraivogel et al. 2020): share of the cells with one guide by crispat's poisson_gauss that get the same
guide and no other, share of cells with one perturbation or a control, and what expression is left of six genes with
strong knock-downs.

Calls that dispersion="auto" adds in two real screens: which share of them is right, by the expression of the targets.
With r₀ the rate of a gene in control cells and r₁ that in cells with 50 UMIs or more of one of its guides, the share is
the weighted least squares slope of r₀ℓ − y on (r₀ − r₁)ℓ; r₁ is taken from cells with one guide, or with two for calls
beside another guide, and is thus relative to calls that nobody doubts.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from common import arguments, run_all, write
from scipy import sparse

CALLS = Path(__file__).parents[2] / "tests" / "data" / "screens" / "schraivogel_2020_crispat_calls.csv.gz"
GUIDES, CELLS, AMBIENT = 60, 10_000, 3.0
SIGNALS = (5, 10, 20, 50, 100)
SETTINGS = {
    "plain": {},
    "batches": {"batch_factors": (0.5, 1.0, 2.0)},
    "weak guides": {"weak": 0.2},
    "empty": {"n_guides": (0.4, 0.5, 0.1)},
    "uneven ambient": {"ambient_dispersion": 5.0},
}
METHODS = ("mixture", "mixture, auto", "mixture, batch", "poisson_gauss", "gaussian", "threshold", "max")
STRONG = ("CPQ", "DSCC1", "FAM83A", "RIPK2", "LRRCC1", "STK3")


def simulate_counts(
    rng: np.random.Generator,
    signal: float,
    *,
    ambient: float = AMBIENT,
    n_guides: tuple[float, float, float] = (0.1, 0.75, 0.15),
    weak: float = 0.0,
    batch_factors: tuple[float, ...] = (1.0,),
    ambient_dispersion: float = 0.0,
    cells: int = CELLS,
    guides: int = GUIDES,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """UMI counts, true guides (both cells × guides) and batch of each cell."""
    abundance = rng.gamma(5.0, 1.0, guides)
    strength = rng.gamma(8.0, 1 / 8, guides)
    strength[rng.random(guides) < weak] *= 0.3
    truth = np.zeros((cells, guides), dtype=bool)
    for cell, n in enumerate(rng.choice(3, cells, p=n_guides)):
        truth[cell, rng.choice(guides, n, replace=False, p=abundance / abundance.sum())] = True
    batch = rng.integers(0, len(batch_factors), cells)
    efficiency = rng.gamma(4.0, 0.25, cells)
    own = truth * strength * signal * rng.gamma(3.0, 1 / 3, (cells, guides))
    share = abundance * strength / (abundance * strength).sum()
    background = ambient * np.asarray(batch_factors)[batch][:, None] * share
    if ambient_dispersion > 0:
        background = background * rng.gamma(1 / ambient_dispersion, ambient_dispersion, (cells, guides))
    return rng.poisson((own + background) * efficiency[:, None]), truth, batch


def call(counts: np.ndarray, batch: np.ndarray, method: str) -> np.ndarray:
    from argen._core.guides import CALLERS, CallOptions, CellGroups

    n_cells, n_guides = counts.shape
    umis = counts.sum(axis=1)
    codes = batch if method == "mixture, batch" else np.zeros(n_cells, dtype=int)
    rows = (np.unique(codes)[:, None] == np.unique(codes)[1:]).astype(float)
    groups = CellGroups(umis + 0.5 * np.median(umis[umis > 0]), codes, rows)
    options = CallOptions(np.arange(n_guides), cells=groups, dispersion="auto" if "auto" in method else "none")
    calls = CALLERS[method.split(",")[0]].call(sparse.csr_array(counts.astype(np.int64)), options)
    return calls.assignment.toarray().astype(bool)


def f1(called: np.ndarray, truth: np.ndarray) -> float:
    return 2.0 * (called & truth).sum() / (called.sum() + truth.sum())


def setting(name: str, signal: float, replicate: int) -> list[dict]:
    rng = np.random.default_rng([2, list(SETTINGS).index(name), int(signal), replicate])
    counts, truth, batch = simulate_counts(rng, signal, **SETTINGS[name])
    methods = [m for m in METHODS if name == "batches" or m != "mixture, batch"]
    found = {m: f1(call(counts, batch, m), truth) for m in methods}
    found["best threshold"] = max(f1(counts >= umis, truth) for umis in range(1, 41))
    return [{"setting": name, "signal": signal, "method": m, "f1": value} for m, value in found.items()]


def read_schraivogel():
    """The screen, and crispat's calls as a sparse matrix in its order."""
    import argen as ag

    mdata = ag.datasets.schraivogel_2020()
    table = pd.read_csv(CALLS)
    guide = mdata["guide"]
    at = guide.obs_names.get_indexer(table["cell"]), guide.var_names.get_indexer(table["gRNA"])
    return mdata, sparse.csr_array((table["poisson_gauss"].to_numpy(), at), shape=guide.shape)


def agreement() -> pd.DataFrame:
    import argen as ag

    mdata, reference = read_schraivogel()
    single = reference.sum(axis=1) == 1
    rna = mdata["rna"]
    depth = rna.obs["total_umi_panel_noHB"].to_numpy(float)
    expression = {gene: np.asarray(rna[:, gene].X.todense()).ravel() for gene in STRONG}
    rows = []
    for partner in (True, False):
        for method in METHODS[:2] + METHODS[3:]:
            dispersion = "auto" if "auto" in method else "none"
            ag.pp.argen_guides(
                mdata, method=method.split(",")[0], dispersion=dispersion, ignore_control_partner=partner
            )
            perturbation = rna.obs["argen_perturbation"].astype(str).to_numpy()
            same = abs(rna.obsm["argen_guides"].astype(int) - reference).sum(axis=1) == 0
            controls = perturbation == "control"
            expected = sum(
                y[controls].sum() / depth[controls].sum() * depth[perturbation == gene].sum()
                for gene, y in expression.items()
            )
            left = sum(y[perturbation == gene].sum() for gene, y in expression.items())
            rows.append(
                {
                    "method": method,
                    "ignore_control_partner": partner,
                    "same as crispat": same[single].mean(),
                    "one perturbation or control": (~np.isin(perturbation, ["multiple", "unassigned"])).mean(),
                    "expression left": left / expected,
                }
            )
    return pd.DataFrame(rows)


def added_calls() -> pd.DataFrame:
    """Calls that dispersion="auto" adds, and those of the Poisson mixture with as few UMIs: the share that is right."""
    import argen as ag

    rows = []
    screens = {
        "Papalexi": (ag.datasets.papalexi_2021(), "total_umi"),
        "Schraivogel": (ag.datasets.schraivogel_2020(), "total_umi_panel_noHB"),
    }
    for name, (mdata, depth) in screens.items():
        called = {}
        for dispersion in ("none", "auto"):
            ag.pp.argen_guides(mdata, control="non-targeting", dispersion=dispersion)
            called[dispersion] = sparse.csr_array(mdata["rna"].obsm["argen_guides"]).toarray() > 0
        umis = mdata["guide"].X.toarray()
        rates = expression_rates(mdata, called["none"], umis, depth)
        added = called["auto"] & ~called["none"]
        few = called["none"] & (umis <= np.quantile(umis[added], 0.9))
        for calls, these in (("added", added), ("as few UMIs, called without", few)):
            n_others = (called["none"] & ~these).sum(axis=1, keepdims=True)
            for beside in (0, 1):
                chosen = these & (n_others == beside)
                right, se, n_used = share_right(chosen, rates[beside], mdata, depth)
                cells = "beside one guide" if beside else "alone"
                row = {"screen": name, "calls": calls, "cells": cells, "n": int(chosen.sum()), "n_used": n_used}
                rows.append(row | {"right": right, "se": se})
    return pd.DataFrame(rows)


def expression_rates(mdata, called: np.ndarray, umis: np.ndarray, depth: str) -> list[dict[str, tuple[float, float]]]:
    """UMIs of every target per UMI of the cell in controls and where it is surely perturbed, with one or two guides."""
    rna, targets = mdata["rna"], mdata["guide"].var["target"].astype(str).to_numpy()
    ell, n = rna.obs[depth].to_numpy(float), called.sum(axis=1)
    controls = (n == 1) & called[:, targets == "non-targeting"].any(axis=1)
    result = []
    for n_guides in (1, 2):
        rates = {}
        for gene in sorted(set(targets) & set(rna.var_names)):
            y = np.asarray(rna[:, gene].X.todense()).ravel()
            sure = (n == n_guides) & (called & (umis >= 50))[:, targets == gene].any(axis=1)
            rates[gene] = (y[controls].sum() / ell[controls].sum(), y[sure].sum() / ell[sure].sum())
        result.append(rates)
    return result


def share_right(these: np.ndarray, rates: dict[str, tuple[float, float]], mdata, depth: str) -> tuple:
    """Share of the calls that are right, its standard error (sandwich), and the calls of measured targets."""
    rna, targets = mdata["rna"], mdata["guide"].var["target"].astype(str).to_numpy()
    ell = rna.obs[depth].to_numpy(float)
    drop, fall, weight = [], [], []
    for gene, (control, perturbed) in rates.items():
        cells = np.flatnonzero(these[:, targets == gene].any(axis=1))
        expected = control * ell[cells]
        drop.append(expected - np.asarray(rna[:, gene].X.todense()).ravel()[cells])
        fall.append((control - perturbed) * ell[cells])
        weight.append(1.0 / (expected * (1.0 + 0.3 * expected)))  # α of the order that genes have
    drop, fall, weight = map(np.concatenate, (drop, fall, weight))
    information = (weight * fall**2).sum()
    share = (weight * fall * drop).sum() / information
    return share, np.sqrt((weight**2 * fall**2 * (drop - share * fall) ** 2).sum()) / information, len(drop)


def main() -> None:
    options = arguments(__doc__, 5)
    cases = [(name, signal, r) for name in SETTINGS for signal in SIGNALS for r in range(options.replicates)]
    runs = run_all(setting, cases, options.jobs)
    table, errors = (
        runs.pivot_table("f1", ["setting", "signal"], "method", sort=False, aggfunc=figure).reset_index()
        for figure in ("mean", "sem")
    )
    methods = [*METHODS, "best threshold"]
    table = table[["setting", "signal", *methods]].rename(columns=str)
    shown = table.astype(object).where(table.notna(), "–")
    write(shown, options.out, "guide_calls", {method: errors[method] for method in methods})
    write(agreement(), options.out, "guide_agreement")
    write(added_calls(), options.out, "guide_added")


if __name__ == "__main__":
    main()

"""Study (viii): how right the guide calls are, by method and strength of the signal.

    python benchmarks/paper/guide_calls.py --replicates 5

Simulated UMI counts with known guides: 60 guides, 10,000 cells with 0, 1 or 2 guides (10, 75 and 15 %), gamma–Poisson
signals (coefficient of variation .58 within a cell, on top of .5 between cells), three ambient UMIs a cell. "batches":
the ambient share is .5, 1 and 2 times as large in three batches; "weak guides": a fifth of the guides has 30 % of the
signal; "empty": 40 % of the cells carry no guide. F1 over all pairs of cell and guide, mean over the replicates;
"best threshold" is the UMI threshold, the same for all guides, that is best given the truth.

Real counts (Schraivogel et al. 2020): share of the cells with one guide by crispat's poisson_gauss that get the same
guide and no other, share of cells with one perturbation or a control, and what expression is left of six genes with
strong knock-downs.
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
}
METHODS = ("mixture", "mixture, batch", "poisson_gauss", "gaussian", "threshold", "max")
STRONG = ("CPQ", "DSCC1", "FAM83A", "RIPK2", "LRRCC1", "STK3")


def simulate_counts(
    rng: np.random.Generator,
    signal: float,
    *,
    ambient: float = AMBIENT,
    n_guides: tuple[float, float, float] = (0.1, 0.75, 0.15),
    weak: float = 0.0,
    batch_factors: tuple[float, ...] = (1.0,),
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
    return rng.poisson((own + background) * efficiency[:, None]), truth, batch


def call(counts: np.ndarray, batch: np.ndarray, method: str) -> np.ndarray:
    from argen._core.guides import CALLERS, CallOptions, CellGroups

    n_cells, n_guides = counts.shape
    umis = counts.sum(axis=1)
    codes = batch if method == "mixture, batch" else np.zeros(n_cells, dtype=int)
    rows = (np.unique(codes)[:, None] == np.unique(codes)[1:]).astype(float)
    groups = CellGroups(umis + 0.5 * np.median(umis[umis > 0]), codes, rows)
    options = CallOptions(np.arange(n_guides), cells=groups)
    calls = CALLERS[method.split(",")[0]].call(sparse.csr_array(counts.astype(np.int64)), options)
    return calls.assignment.toarray().astype(bool)


def f1(called: np.ndarray, truth: np.ndarray) -> float:
    return 2.0 * (called & truth).sum() / (called.sum() + truth.sum())


def setting(name: str, signal: float, replicate: int) -> list[dict]:
    rng = np.random.default_rng([list(SETTINGS).index(name), int(signal), replicate])
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
        for method in METHODS[:1] + METHODS[2:]:
            ag.pp.argen_guides(mdata, method=method, ignore_control_partner=partner)
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


if __name__ == "__main__":
    main()

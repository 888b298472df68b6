"""Study (xvi): what `adjust` does where no artefact is: realistic networks, structures, master regulators.

    python benchmarks/paper/adjusted.py --replicates 4

Networks of `first_stage.py` (all genes perturbed and measured, so that medians have to stand nearly all effects being
real), one gene that regulates 40 % or 80 % of 60 genes ("master regulator"), and screens of one pathway: 8 or 12 of the
perturbed genes act on one that acts on 20 others, so that most perturbations move most genes alike.
F1 and realised false discovery rate of the selected edges of both searches, without and with adjust="auto", and how
many perturbations and genes it took a shift out of; means over networks, standard errors in brackets.
"""

import warnings

import numpy as np
import pandas as pd
from common import arguments, run_all, scores, write
from first_stage import DESIGN, simulate

POINTS = ("chr6like", "50, 2", "50, 3", "100, 2", "chains", "scale-free", "hubs", "no edge")
MASTERS = {"master regulator of 40 %": 0.4, "master regulator of 80 %": 0.8}
PATHWAYS = {"pathway of 8 among 16 perturbations": (8, 3), "pathway of 12 among 21 perturbations": (12, 4)}
GENES = 60


def master(share: float, seed: int):
    """One gene acts on a share of the others, which have one more parent each among themselves."""
    import argen as ag

    rng = np.random.default_rng([seed, 31])
    theta = np.zeros((GENES, GENES))
    for t in range(1, GENES):
        if rng.random() < share:
            theta[0, t] = rng.choice([-1, 1]) * rng.uniform(0.2, 0.5)
        if t > 1:
            theta[rng.integers(1, t), t] = rng.choice([-1, 1]) * rng.uniform(0.2, 0.5)
    return ag.datasets.simulate("k562_like", rng=seed, genes=GENES, dag=theta, n_parents=None, n_controls=5_400)


def pathway(n_above: int, n_outside: int, seed: int):
    """Genes above a hub with 20 targets, four of them perturbed, and perturbations with one target of their own."""
    import argen as ag

    above, outside = [f"P{i}" for i in range(n_above)], [f"O{i}" for i in range(n_outside)]
    edges = [(name, "H", 0.6) for name in above] + [("H", f"T{i}", 0.6) for i in range(20)]
    edges += [(name, f"C{i}", 0.6) for i, name in enumerate(outside)]
    how = {"cells_per_perturbation": 150, "n_controls": 1000, "intercept": 1.0, "knockdown": -1.2, "noise_sd": 0.3}
    perturbed = [*above, "H", *outside, *(f"T{i}" for i in range(4))]
    dag = pd.DataFrame(edges, columns=["parent", "child", "coef"])
    return ag.datasets.simulate(rng=seed, dag=dag, perturbations=perturbed, **how)


def screen_of(point: str, seed: int):
    """A screen and the arguments of its analysis."""
    if point in MASTERS:
        return master(MASTERS[point], seed), DESIGN
    if point in PATHWAYS:
        return pathway(*PATHWAYS[point], seed), {"perturbation_key": "perturbation", "depth": "depth"}
    return simulate(point, seed)


def one(point: str, seed: int) -> list[dict]:
    import argen as ag

    warnings.simplefilter("ignore")
    adata, design = screen_of(point, seed)
    perturbed = np.flatnonzero(adata.var_names.isin(adata.obs["perturbation"]))
    # Edges into genes that nobody perturbs are no edges of the network.
    truth = {pair for pair in _pairs(adata.varp["truth"]) if set(pair) <= set(perturbed.tolist())}
    rows = []
    for adjust in (None, "auto"):
        found = adata.copy()
        ag.tl.argen_descendants(found, **design, adjust=adjust, n_jobs=1)
        shifts = ag.get.shifts(found)["of"].value_counts()
        for search in ("argen_dag", "argen_joint"):
            getattr(ag.tl, search)(found, n_jobs=1)
            score = scores(_pairs(found.varp[search]), truth)
            taken = {"perturbations": shifts.get("perturbation", 0), "genes": shifts.get("gene", 0)}
            fdr = 1.0 - score["precision"] if score["edges"] else 0.0
            how = {"point": point, "seed": seed, "search": search, "adjust": str(adjust)}
            rows.append(how | {"f1": score["f1"], "fdr": fdr} | taken)
    return rows


def _pairs(matrix) -> set[tuple[int, int]]:
    return set(map(tuple, np.argwhere(matrix.toarray() != 0).tolist()))


def main() -> None:
    options = arguments(__doc__, 4)
    tasks = [
        (p, s) for p in (*POINTS, *MASTERS, *PATHWAYS) for s in range(1 if p == "chr6like" else options.replicates)
    ]
    runs = run_all(one, tasks, options.jobs)
    by = runs.groupby(["point", "search", "adjust"], sort=False)[["f1", "fdr", "perturbations", "genes"]]
    mean, error = by.mean(), by.sem().fillna(0.0)
    words = {f: mean[f].map("{:.3f}".format) + error[f].map(" ({:.3f})".format) for f in ("f1", "fdr")}
    table = pd.DataFrame(words).unstack("adjust")
    table.columns = [f"{figure}, adjust={adjust}" for figure, adjust in table.columns]
    taken = mean.xs("auto", level="adjust")
    for what in ("perturbations", "genes"):
        table[f"{what} with a shift taken out"] = taken[what].map("{:.1f}".format)
    table.insert(0, "networks", by.size().xs("auto", level="adjust"))
    order = [*POINTS, *MASTERS, *PATHWAYS]
    table = table.reset_index().sort_values("point", key=lambda x: x.map(order.index), kind="stable")
    write(table, options.out, "adjusted")


if __name__ == "__main__":
    main()

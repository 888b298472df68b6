"""Study (x): what the zeros of M do to recall and false discoveries, by choice of `first_stage`.

    python benchmarks/paper/first_stage.py --replicates 20 --jobs 1

The realistic grid ("k562_like" networks of 50, 100 and 200 genes with 1, 2 or 3 parents on average; 200 genes: half as
many networks), the fixture `chr6like`, and structures that the grid does not have: 60 genes of the same preset in
chains of ten (also with 60 cells per target), a scale-free network, five hubs, feed-forward loops, no edge at all; the
paper's simulation, with all genes and with two of them hidden. Every network is searched with each first stage, from
one descendant step. The truth is the DAG: an edge that stands for a path through other genes is false. FDR is the mean
share of false edges among those selected (0 where none is), at a nominal .05; in brackets standard errors over
networks. `null` is how often candidates that are no edge have p < .05.
"""

import time

import numpy as np
import pandas as pd
from common import arguments, run_all, truth_of
from realistic import DESIGN, N_PARENTS, load

FIRST_STAGES = ("ancestors", "shared", "shrunk")
P = 60  # genes of the structures
STRUCTURES = ("chains", "chains, 60 cells", "scale-free", "hubs", "feed-forward", "no edge")
PAPER = {"paper": (), "paper, two genes hidden": ("X7", "X8")}
POINTS = [
    "chr6like",
    *(f"{genes}, {degree}" for genes in (50, 100, 200) for degree in N_PARENTS),
    *STRUCTURES,
    *PAPER,
]


def replicates_of(point: str, replicates: int) -> int:
    if point == "chr6like":
        return 1
    return -(-replicates // 2) if point.startswith("200") else replicates


def edges_of(structure: str, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs (parent, child), parents first."""
    if structure.startswith("chains"):
        return [(j, j + 1) for j in range(P - 1) if j % 10 != 9]
    if structure == "scale-free":
        edges, degree = [], np.ones(P)
        for j in range(1, P):
            parents = rng.choice(j, min(j, rng.integers(1, 3)), replace=False, p=degree[:j] / degree[:j].sum())
            degree[parents] += 1
            edges += [(int(k), j) for k in parents]
        return edges
    if structure == "hubs":
        of_hubs = [(h, int(j)) for h in range(5) for j in rng.choice(np.arange(5, P), P // 5, replace=False)]
        return of_hubs + [(int(rng.integers(5, j)), j) for j in range(6, P) if rng.random() < 0.4]
    loops = [pair for j in range(0, P, 3) for pair in ((j, j + 1), (j, j + 2), (j + 1, j + 2))]
    return loops + [(int(rng.integers(0, j)), j) for j in range(3, P, 3)]


def simulate(point: str, seed: int):
    """The screen and how it is analysed."""
    import argen as ag

    if point in PAPER:
        return ag.datasets.simulate("paper_fig2", rng=seed, omit=PAPER[point]), DESIGN | {"covariates": ["L"]}
    if point not in STRUCTURES:
        genes, degree = (45, 2) if point == "chr6like" else map(int, point.split(", "))
        return load(genes, degree, seed), DESIGN
    rng = np.random.default_rng([seed, STRUCTURES.index(point)])
    names, how = rng.permutation([f"G{j:02d}" for j in range(P)]), {"genes": P}
    if point == "no edge":
        how |= {"n_edges": 0}
    else:
        table = pd.DataFrame(edges_of(point, rng), columns=["parent", "child"])
        sizes = rng.uniform(0.2, 0.5, len(table)) * rng.choice([-1.0, 1.0], len(table))
        how = {"genes": sorted(names.tolist()), "dag": table.map(lambda j: names[j]).assign(coef=sizes)}
    if "60 cells" in point:
        how |= {"cells_per_perturbation": 60}
    return ag.datasets.simulate("k562_like", rng=seed, n_controls=3_000 + 40 * P, **how), DESIGN


def one(point: str, seed: int) -> list[dict]:
    import warnings

    import argen as ag

    warnings.simplefilter("ignore")
    adata, design = simulate(point, seed)
    ag.tl.argen_descendants(adata, **design, n_jobs=1)
    truth = truth_of(adata, adata.var_names) != 0
    rows = []
    for first_stage in FIRST_STAGES:
        start = time.perf_counter()
        ag.tl.argen_dag(adata, first_stage=first_stage, robust=False, n_jobs=1)
        seconds = time.perf_counter() - start
        edges = ag.get.edges(adata, selected=False).dropna(subset=["p"])
        true = truth[tuple(adata.var_names.get_indexer(edges[end]) for end in ("source", "target"))]
        selected = edges["selected"].to_numpy(dtype=bool)
        hits, n_found, n_true = (selected & true).sum(), selected.sum(), truth.sum()
        rows.append(
            {
                "point": point,
                "seed": seed,
                "first_stage": first_stage,
                "edges": n_found,
                "f1": 2.0 * hits / (n_found + n_true) if n_true else np.nan,
                "recall": hits / n_true if n_true else np.nan,
                "fdr": 1.0 - hits / n_found if n_found else 0.0,
                "null": (edges["p"].to_numpy()[~true] < 0.05).mean() if (~true).any() else np.nan,
                "seconds": seconds,
            }
        )
    return rows


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over networks with their standard errors."""
    by = runs.groupby(["point", "first_stage"], sort=False)
    figures = ["edges", "f1", "recall", "fdr", "null", "seconds"]
    errors = by[figures[1:5]].sem().add_suffix("_se")
    return pd.concat([by.size().rename("networks"), by[figures].mean(), errors], axis=1).reset_index()


def markdown(table: pd.DataFrame) -> str:
    """A row per point, a column per figure and first stage; the last row is the mean over points."""
    values = table.set_index(["point", "first_stage"])
    figures = {"f1": "F1", "recall": "recall", "fdr": "FDR", "null": "null"}
    head = ["genes, parents", "networks", *(f"{title} {name}" for title in figures.values() for name in FIRST_STAGES)]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for point in table["point"].unique():
        cells = [point, str(values.loc[(point, FIRST_STAGES[0]), "networks"])]
        for figure in figures:
            cells += [_cell(values.loc[(point, name)], figure) for name in FIRST_STAGES]
        lines.append("| " + " | ".join(cells) + " |")
    means = pd.DataFrame({name: _mean(part) for name, part in table.groupby("first_stage")}).T
    cells = [_cell(means.loc[name], figure) for figure in figures for name in FIRST_STAGES]
    return "\n".join([*lines, "| mean | | " + " | ".join(cells) + " |"]) + "\n"


def _mean(points: pd.DataFrame) -> pd.Series:
    """Mean over points, which are independent; a point of one network adds nothing to its error."""
    errors = points.filter(like="_se")
    counts = points[[name.removesuffix("_se") for name in errors]].notna().sum().to_numpy()
    means = points.drop(columns=errors.columns).mean(numeric_only=True)
    return pd.concat([means, np.sqrt((errors**2).sum()) / counts])


def _cell(row: pd.Series, figure: str) -> str:
    if np.isnan(row[figure]):
        return "–"
    error = row.get(f"{figure}_se", np.nan)
    return f"{row[figure]:.3f}" + ("" if np.isnan(error) else f" ({error:.3f})")


def main() -> None:
    options = arguments(__doc__, 20)
    cases = [(point, seed) for point in POINTS for seed in range(replicates_of(point, options.replicates))]
    table = summary(run_all(one, cases, options.jobs))
    table.to_csv(options.out / "first_stage.csv", index=False, float_format="%.6g")
    text = markdown(table)
    (options.out / "first_stage.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()

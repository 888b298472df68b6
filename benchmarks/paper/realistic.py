"""Study (iv): a realistic grid, argen against what one would use instead.

    python benchmarks/paper/realistic.py --replicates 2
    python benchmarks/paper/realistic.py --replicates 2 --only argen    # renew the rows of argen alone

Networks of p ∈ {50, 100, 200, 400} genes with 1, 2 or 3 parents on average (preset "k562_like": CRISPRi knock-downs of
1–2 log units, effects of .2–.5, about half of the counts zero, 48 batches, two hidden factors that act on every gene),
and the 45 genes of the fixture `chr6like`, which the authors' R code was run on. One row per method: precision,
recall, F1 and SHD of the edges; how often true nulls among the tested candidates have p < .05 ("null_rejected"; it is
"-" for methods without p-values); seconds and peak memory (GB) of a process of its own, data included.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from common import OUT, truth_of

N_PARENTS = {1: (0, 2), 2: (1, 3), 3: (2, 4)}
GENES = (50, 100, 200, 400)
DESIGN = {"perturbation_key": "perturbation", "covariates": ["gem_group", "percent_mito"], "depth": "depth"}

# What is run: arguments of the descendant step, tool, its arguments.
METHODS = {
    "argen": ({}, "argen_dag", {}),
    'argen, fdr="bh"': ({}, "argen_dag", {"fdr": "bh"}),
    'argen, fdr="bh", alpha=.2': ({}, "argen_dag", {"fdr": "bh", "alpha": 0.2}),
    'argen, covariance="stacked"': ({}, "argen_dag", {"covariance": "stacked"}),
    'argen, covariance="naive"': ({}, "argen_dag", {"covariance": "naive"}),
    "argen, alpha=.05 in the descendant step": ({"alpha": 0.05}, "argen_dag", {}),
    "argen, closure=True": ({"closure": True}, "argen_dag", {}),
    "argen, closure=True, alpha=.05": ({"closure": True, "alpha": 0.05}, "argen_dag", {}),
    "argen, closure=False (p-values not valid)": ({"closure": False, "alpha": 0.05}, "argen_dag", {}),
    "naive": ({}, "argen_naive", {}),
    "INSPRE": ({}, "inspre", {}),
    "INSPRE, acyclic": ({}, "inspre", {"dag": True}),
}


FIGURES = {
    "f1": ("F1", "{:.2f}"),
    "precision": ("Precision", "{:.2f}"),
    "recall": ("Recall", "{:.2f}"),
    "shd": ("SHD", "{:.0f}"),
    "null_rejected": ("Share of true nulls among the tested candidates with p < .05", "{:.2f}"),
    "seconds": ("Seconds", "{:.3g}"),
    "memory": ("Peak memory, GB", "{:.2f}"),
}
SHOWN = {
    "argen": "#0072b2",
    'argen, fdr="bh", alpha=.2': "#56b4e9",
    "naive": "#999999",
    "INSPRE": "#d55e00",
    "INSPRE, acyclic": "#e69f00",
}


def load(genes: int, degree: int, seed: int):
    if genes == 45:
        return load_chr6like()
    import argen as ag

    return ag.datasets.simulate(
        "k562_like",
        rng=seed,
        genes=genes,
        n_parents=N_PARENTS[degree],
        n_controls=min(11_000, 3_000 + 40 * genes),
    )


def load_chr6like():
    import anndata as ad
    from scipy import io, sparse

    folder = Path(__file__).parents[2] / "tests" / "data" / "fixtures" / "chr6like"
    obs = pd.read_csv(folder / "obs.csv.gz")
    names = pd.read_csv(folder / "var.csv")["gene"].tolist()
    edges = pd.read_csv(folder / "truth_edges.csv")
    obs = pd.DataFrame(
        {
            "perturbation": obs["perturbation"].where(obs["perturbation"].isin(names), "control").to_numpy(),
            "gem_group": pd.Categorical(obs["gem_group"].astype(str)),
            "percent_mito": obs["mitopercent"].to_numpy(),
            "depth": obs["depth"].to_numpy(dtype=float),
        },
        index=[f"cell{i}" for i in range(len(obs))],
    )
    adata = ad.AnnData(sparse.csr_matrix(io.mmread(folder / "counts.mtx.gz")), obs, pd.DataFrame(index=names))
    at = {gene: j for j, gene in enumerate(names)}
    ends = [edges.iloc[:, side].map(at) for side in (0, 1)]
    adata.varp["truth"] = sparse.csr_matrix((edges.iloc[:, 2], ends), shape=(len(names), len(names)))
    return adata


def run_one(genes: int, degree: int, seed: int, method: str) -> dict:
    """In a process of its own."""
    import warnings

    import argen as ag

    warnings.simplefilter("ignore")
    ag.tl.argen_dag(
        ag.datasets.simulate("paper_fig2", n_cells=500), perturbation_key="perturbation", covariates=["L"], n_jobs=2
    )
    adata = load(genes, degree, seed)
    step, tool, arguments = METHODS[method]
    start = time.perf_counter()
    ag.tl.argen_descendants(adata, **DESIGN, **step)
    getattr(ag.tl, tool)(adata, key_added="found", **arguments)
    seconds = time.perf_counter() - start
    nodes = list(adata.var_names)
    truth = truth_of(adata, nodes) != 0
    found = adata.varp["found"].toarray() != 0
    hits, n_found, n_true = (found & truth).sum(), found.sum(), truth.sum()
    row = {
        "genes": genes,
        "degree": degree,
        "method": method,
        "edges": int(n_found),
        "precision": hits / max(n_found, 1),
        "recall": hits / n_true,
        "f1": 2.0 * hits / (n_found + n_true),
        "shd": shd(found, truth),
        "null_rejected": null_rejected(ag, adata, truth) if tool != "inspre" else None,
        "seconds": seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "seed": seed,
    }
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()}


def shd(found: np.ndarray, truth: np.ndarray) -> int:
    """Pairs of genes whose edge is missing, superfluous or reversed; a reversed edge counts once."""
    wrong = found != truth
    return int(np.triu(wrong | wrong.T).sum())


def null_rejected(ag, adata, truth: np.ndarray) -> float:
    edges = ag.get.edges(adata, key="found", selected=False).dropna(subset=["p"])
    source, target = (adata.var_names.get_indexer(edges[end]) for end in ("source", "target"))
    return float((edges["p"][~truth[source, target]] < 0.05).mean())


def run_process(case: tuple) -> dict:
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{case}\n{done.stderr}")
    print(done.stdout.strip(), flush=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=2, help="of networks with up to 200 genes; one of 400")
    parser.add_argument("--jobs", type=int, default=1, help="cases at the same time; times are fair with one only")
    parser.add_argument("--genes", type=int, nargs="+", default=[45, *GENES])
    parser.add_argument("--only", default="", help="methods whose name starts so; the other rows are kept")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(run_one(*json.loads(options.case))))
        return
    cases = [
        (genes, degree, seed, method)
        for genes in options.genes
        for degree in ((2,) if genes == 45 else N_PARENTS)
        for seed in range(1 if genes in (45, 400) else options.replicates)
        for method in METHODS
        if method.startswith(options.only)
    ]
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = pd.DataFrame(pool.map(run_process, cases))
    path = options.out / "realistic_runs.csv"
    if path.exists():
        runs = pd.concat([pd.read_csv(path), runs]).drop_duplicates(["genes", "degree", "seed", "method"], keep="last")
    rank = {method: i for i, method in enumerate(METHODS)}
    runs = runs[runs["method"].isin(rank)]
    runs = runs.sort_values(
        ["genes", "degree", "seed", "method"], key=lambda c: c.map(rank) if c.name == "method" else c
    )
    runs.to_csv(path, index=False, float_format="%.6g")
    table = runs.groupby(["genes", "degree", "method"], sort=False).mean().drop(columns="seed").reset_index()
    table.to_csv(options.out / "realistic.csv", index=False, float_format="%.6g")
    (options.out / "realistic.md").write_text(pivots(table, errors_of(runs)))
    draw(table, options.out / "realistic.png")


def errors_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Standard errors over networks, where there are several; of times and memory none is given."""
    groups = runs.groupby(["method", "genes", "degree"], sort=False)
    return groups.sem().drop(columns=["seed", "seconds", "memory"])


def pivots(table: pd.DataFrame, errors: pd.DataFrame) -> str:
    """One Markdown table per figure: a row per method, a column per point of the grid, standard errors in brackets."""
    points = table[["genes", "degree"]].drop_duplicates().apply(tuple, axis=1).tolist()
    methods = [method for method in METHODS if method in set(table["method"])]
    values = table.set_index(["method", "genes", "degree"])
    text = []
    for figure, (title, style) in FIGURES.items():
        names = ["chr6like" if genes == 45 else f"{genes}, {degree}" for genes, degree in points]
        text += [f"**{title}**", "", "| genes, parents | " + " | ".join(names) + " |", "|---" * (len(points) + 1) + "|"]
        for method in methods:
            places = [(method, *point) for point in points]
            cells = [values[figure].get(place, np.nan) for place in places]
            spread = [errors[figure].get(place, np.nan) if figure in errors else np.nan for place in places]
            if not np.isnan(cells).all():
                shown = (_cell(x, error, style) for x, error in zip(cells, spread, strict=True))
                text.append(f"| {method} | " + " | ".join(shown) + " |")
        text.append("")
    return "\n".join(text)


def _cell(value: float, error: float, style: str) -> str:
    if np.isnan(value):
        return "–"
    return style.format(value) + ("" if np.isnan(error) else f" ({style.format(error)})")


def draw(table: pd.DataFrame, path: Path) -> None:
    """F1 and time against the number of genes, a column per density of the network."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    grid = table[table["genes"] != 45]
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharex=True, sharey="row", layout="constrained")
    for column, degree in enumerate(N_PARENTS):
        for (method, colour), marker in zip(SHOWN.items(), "os^Dv", strict=True):
            rows = grid[(grid["degree"] == degree) & (grid["method"] == method)]
            for row, figure_name in enumerate(("f1", "seconds")):
                axes[row, column].plot(rows["genes"], rows[figure_name], marker + "-", color=colour, label=method)
        axes[0, column].set_title(f"{degree} parent{'s' if degree > 1 else ''} per gene")
        axes[1, column].set(xlabel="genes", xscale="log", yscale="log", xticks=GENES, xticklabels=GENES)
        axes[1, column].minorticks_off()
    axes[0, 0].set_ylabel("F1")
    axes[1, 0].set_ylabel("seconds")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(SHOWN), frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()

"""Study (xi): the joint search beside the two-stage default, on the realistic grid and off it.

    python benchmarks/paper/joint.py --replicates 5 --first-seed 100
    python benchmarks/paper/joint.py --replicates 10 --cases chain hubs "no edges"
    python benchmarks/paper/joint.py --replicates 5 --genes 200 --methods joint

Every case is one way to make a network and a screen. Per method: precision, recall and F1 of the selected edges,
realised false discovery rate (0 if nothing is selected), false edges, share of true nulls with p < .05 (all pairs;
ancestors that are not parents), coverage of the 95 % intervals of the true edges that were selected, and seconds.
Means over networks, standard errors in brackets.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from common import OUT, screen_of
from realistic import N_PARENTS, load

K562 = ["gem_group", "percent_mito"]
FIGURES = ("f1", "precision", "recall", "fdr", "false", "null", "null_ancestors", "coverage", "seconds")


def k562(seed: int, genes: int = 50, **options):
    import argen as ag

    defaults = {"n_parents": (1, 3), "n_controls": min(11_000, 3_000 + 40 * genes)}
    return ag.datasets.simulate("k562_like", rng=seed, genes=genes, **(defaults | options))


def with_edges(seed: int, genes: int, pairs: list[tuple[int, int]], low: float = 0.25, high: float = 0.5, **options):
    """Given parent-child pairs, random signs and sizes."""
    rng = np.random.default_rng([seed, 11])
    theta = np.zeros((genes, genes))
    for parent, child in pairs:
        theta[parent, child] = rng.choice([-1, 1]) * rng.uniform(low, high)
    return k562(seed, genes, dag=theta, n_parents=None, **options)


def scale_free(seed: int, genes: int = 60):
    """Two parents per gene, drawn in proportion to their children so far."""
    rng, pairs = np.random.default_rng([seed, 12]), []
    children = np.ones(genes)
    for t in range(1, genes):
        for k in rng.choice(t, size=min(t, 2), replace=False, p=children[:t] / children[:t].sum()):
            pairs.append((int(k), t))
            children[k] += 1
    return with_edges(seed, genes, pairs)


def hubs(seed: int, genes: int = 60, n_hubs: int = 5):
    rng = np.random.default_rng([seed, 13])
    return with_edges(seed, genes, [(int(rng.integers(n_hubs)), t) for t in range(n_hubs, genes)])


def huge_hub(seed: int, genes: int = 60):
    """Gene 0 acts on half of all, and every other gene has one parent more."""
    rng = np.random.default_rng([seed, 14])
    pairs = {(0, int(t)) for t in rng.choice(np.arange(1, genes), genes // 2, replace=False)}
    pairs |= {(int(rng.integers(1, t)), t) for t in range(2, genes)}
    return with_edges(seed, genes, sorted(pairs))


def feed_forward(seed: int, genes: int = 60):
    """Triples a → b → c with a → c, chained."""
    pairs = [(i, i + 1) for i in range(0, genes - 2, 2)] + [(i + 1, i + 2) for i in range(0, genes - 2, 2)]
    return with_edges(seed, genes, pairs + [(i, i + 2) for i in range(0, genes - 2, 2)])


def silent(seed: int, genes: int = 50):
    """Knock-downs of a third of the genes that do nothing."""
    rng = np.random.default_rng([seed, 15])
    return k562(seed, genes, knockdown=np.where(rng.random(genes) < 1 / 3, 0.0, rng.uniform(-2, -1, genes)))


def omitted(seed: int, genes: int = 60):
    rng = np.random.default_rng([seed, 16])
    names = [f"G{i:02d}" for i in range(1, genes + 1)]
    return k562(seed, genes, omit=tuple(sorted(rng.choice(names, genes // 3, replace=False))))


def composed(seed: int, genes: int = 30):
    """Depth is composed: two perturbations' genes carry 30 % of all counts, so their knock-down raises the rest."""
    adata = k562(seed, genes)
    counts = adata.X.tocsc(copy=True).astype(float)
    total = np.asarray(counts.sum(axis=0)).ravel()
    heavy = np.argsort(total)[-2:]
    lost = np.isin(adata.obs["perturbation"].astype(str), adata.var_names[heavy])
    adata.obs["depth"] = adata.obs["depth"].to_numpy() * np.where(lost, 0.75, 1.0)
    return adata


def common_response(seed: int, genes: int = 30):
    """Every targeting guide raises the same two genes by .3."""
    adata = k562(seed, genes)
    rng, targeting = np.random.default_rng([seed, 17]), (adata.obs["perturbation"] != "control").to_numpy()
    counts = adata.X.toarray()
    for gene in (0, 1):
        counts[targeting, gene] += rng.poisson(0.35 * counts[targeting, gene])
    from scipy import sparse

    adata.X = sparse.csr_matrix(counts)
    return adata


def feedback(seed: int, genes: int = 40, n_loops: int = 4):
    """A sparse network with pairs of genes that act on each other: log μ = (intercept + τD + ε)(I − Θ)⁻¹."""
    import anndata as ad
    from scipy import sparse

    rng = np.random.default_rng([seed, 18])
    theta = np.triu(rng.random((genes, genes)) < 2.0 / genes, 1) * rng.uniform(0.25, 0.5, (genes, genes))
    theta *= rng.choice([-1.0, 1.0], theta.shape)
    for a in rng.choice(genes - 1, n_loops, replace=False):
        theta[a, a + 1], theta[a + 1, a] = 0.4, -0.4
    label = np.repeat(np.arange(-1, genes), [4000, *[150] * genes])
    n = len(label)
    own = rng.normal(0.0, 0.4, (n, genes)) + rng.uniform(-0.5, 1.5, genes)
    own[label >= 0, label[label >= 0]] += rng.uniform(-2.0, -1.0, genes)[label[label >= 0]]
    depth = np.exp(rng.normal(0.0, 0.3, n))
    counts = rng.poisson(depth[:, None] * np.exp(np.clip(own @ np.linalg.inv(np.eye(genes) - theta), -6.0, 6.0)))
    names = np.array([*(f"G{i:02d}" for i in range(genes)), "control"])
    obs = pd.DataFrame({"perturbation": names[label], "depth": depth}, index=[f"c{i}" for i in range(n)])
    obs["percent_mito"] = rng.normal(size=n)
    adata = ad.AnnData(sparse.csr_matrix(counts.astype(np.float32)), obs=obs, var=pd.DataFrame(index=names[:-1]))
    adata.varp["truth"] = sparse.csr_matrix(theta)
    return adata


def paper(seed: int, **options):
    import argen as ag

    return ag.datasets.simulate("paper_fig2", rng=seed, **options)


# Name → how to make it, covariates.
CASES = {
    **{
        f"grid {g}, {d}": (lambda s, g=g, d=d: load(g, d, s + 500), K562)
        for g in (50, 100, 200, 400)
        for d in N_PARENTS
    },
    "chain": (lambda s: with_edges(s, 40, [(i, i + 1) for i in range(39)]), K562),
    "scale-free": (scale_free, K562),
    "hubs": (hubs, K562),
    "huge hub": (huge_hub, K562),
    "feed-forward": (feed_forward, K562),
    "five parents": (lambda s: k562(s, 50, n_parents=(5, 5)), K562),
    "effects .6-1.2": (lambda s: k562(s, 30, n_parents=(0, 2), edge_effect=(0.6, 1.2)), K562),
    "no edges": (lambda s: k562(s, 50, n_parents=None, n_edges=0), K562),
    "100 controls": (lambda s: k562(s, 50, n_controls=100), ["percent_mito"]),
    "60 cells": (lambda s: k562(s, 50, cells_per_perturbation=60), K562),
    "confounding": (lambda s: k562(s, 50, confounder_effect=(-1.0, 1.0)), K562),
    "log-sd .8": (lambda s: k562(s, 50, noise_sd=0.8, dispersion=0.5), K562),
    "log-sd 1.3": (lambda s: k562(s, 50, noise_sd=1.3), K562),
    "knock-downs -.4": (lambda s: k562(s, 50, knockdown=-0.4), K562),
    "over-expression": (lambda s: k562(s, 50, knockdown=(1.0, 2.0)), K562),
    "silent knock-outs": (silent, K562),
    "a third omitted": (omitted, K562),
    "composed depth": (composed, K562),
    "common response": (common_response, K562),
    "feedback": (feedback, ["percent_mito"]),
    "paper, Full": (paper, ["L"]),
    "paper, Omitted": (lambda s: paper(s, omit=("X7", "X8")), ["L"]),
    "chr6like": (lambda s: load(45, 2, 0), K562),
}


def judged(truth: np.ndarray, selected: np.ndarray, p: np.ndarray, coef: np.ndarray, se: np.ndarray) -> dict:
    """Figures of one network; matrices [source, target]."""
    edges, off = truth != 0, ~np.eye(len(truth), dtype=bool)
    hits, found, true = (selected & edges).sum(), selected.sum(), edges.sum()
    above = (np.linalg.inv(np.eye(len(truth)) - edges * 1e-3) > 1e-12) & off & ~edges
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        covered = np.abs(coef - truth)[selected & edges] <= 1.96 * se[selected & edges]
        return {
            "f1": 2 * hits / (found + true) if true else np.nan,
            "precision": hits / found if found else np.nan,
            "recall": hits / true if true else np.nan,
            "fdr": (found - hits) / max(found, 1),
            "false": found - hits,
            "null": (p[off & ~edges & np.isfinite(p)] < 0.05).mean(),
            "null_ancestors": (p[above & np.isfinite(p)] < 0.05).mean(),
            "coverage": covered.mean(),
        }


def run_joint(adata, covariates: list[str], options: dict) -> tuple:
    from argen._core.joint.search import search_joint
    from argen._core.joint.sums import group_sums
    from argen._core.joint.table import effect_table

    screen = screen_of(adata, covariates)
    start = time.perf_counter()
    found = search_joint(effect_table(group_sums(screen)), **options)
    seconds = time.perf_counter() - start
    truth = truth_matrix(adata, screen.genes)
    extra = {
        "jaccard": found.agreement.jaccard,
        "expected_false": found.expected_false,
        "misfit": found.misfit,
        "tail": found.tail,
        "loops": int(found.loop.sum()),
        "gated": int((~found.instrument).sum()),
        "wrong_sign": int((found.selected & (truth * found.coef < 0)).sum()),
        "shifts": int((found.row_shift != 0).sum() + (found.column_shift != 0).sum()),
    }
    return judged(truth, found.selected, found.p, found.coef, found.se) | extra | {"seconds": seconds}


def run_oracle(adata, covariates: list[str], options: dict) -> dict:
    """Each pair is tested given the true graph of all others: what no search can exceed by much."""
    from argen._core.descendants.prior import no_prior
    from argen._core.fdr import adjusted
    from argen._core.joint.chains import constraints, start_tau
    from argen._core.joint.consensus import acyclic, fit_table
    from argen._core.joint.noise import common_factors
    from argen._core.joint.sums import group_sums
    from argen._core.joint.table import effect_table
    from argen._core.joint.testing import test_pairs
    from argen._core.normal import log_p_two_sided

    start = time.perf_counter()
    screen = screen_of(adata, covariates)
    truth, table = truth_matrix(adata, screen.genes), effect_table(group_sums(screen))
    limits, unshifted = constraints(table, no_prior(len(truth))), np.zeros(len(truth), dtype=bool)
    support, reach = acyclic(np.abs(truth), truth != 0, limits.required, limits.before)
    fitted = fit_table(
        table, common_factors(table.correlation), support, reach, theta=truth, tau=start_tau(table),
        row_shifted=unshifted, column_shifted=unshifted, ridge=0.35**-2,
    )  # fmt: skip
    pairs = test_pairs(fitted, limits.reported)
    p = np.exp(log_p_two_sided(pairs.z))
    padj = np.full(p.shape, np.nan)
    padj[limits.reported] = adjusted(np.nan_to_num(p[limits.reported], nan=1.0))
    figures = judged(truth, np.nan_to_num(padj, nan=1.0) <= 0.05, p, pairs.coef, pairs.se)
    return figures | {"seconds": time.perf_counter() - start}


def run_two_stage(adata, covariates: list[str], options: dict) -> dict:
    import argen as ag

    start = time.perf_counter()
    ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=covariates, depth="depth", n_jobs=1)
    ag.tl.argen_dag(adata, robust=False, n_jobs=1, **options)
    seconds = time.perf_counter() - start
    genes = sorted(adata.var_names)
    at = {gene: i for i, gene in enumerate(genes)}
    edges = ag.get.edges(adata, selected=False)
    source, target = (edges[end].map(at).to_numpy() for end in ("source", "target"))
    matrices = [np.full((len(genes), len(genes)), np.nan) for _ in range(3)]
    for matrix, name in zip(matrices, ("p", "coef", "se"), strict=True):
        matrix[source, target] = edges[name].to_numpy()
    selected = np.zeros((len(genes), len(genes)), dtype=bool)
    selected[source, target] = edges["selected"].to_numpy(dtype=bool)
    truth = truth_matrix(adata, genes)
    wrong = int((selected & (truth * np.nan_to_num(matrices[1]) < 0)).sum())
    return judged(truth, selected, *matrices) | {"wrong_sign": wrong, "seconds": seconds}


def run_inspre(adata, covariates: list[str], options: dict) -> dict:
    import argen as ag

    start = time.perf_counter()
    ag.tl.inspre(
        adata, perturbation_key="perturbation", covariates=covariates, depth="depth", dag=True, n_jobs=1, **options
    )
    seconds = time.perf_counter() - start
    genes = sorted(adata.var_names)
    at = adata.var_names.get_indexer(genes)
    coef = adata.varp["inspre"].toarray()[np.ix_(at, at)]
    nothing = np.full(coef.shape, np.nan)
    return judged(truth_matrix(adata, genes), coef != 0, nothing, coef, nothing) | {"seconds": seconds}


def truth_matrix(adata, genes) -> np.ndarray:
    at = adata.var_names.get_indexer(list(genes))
    return adata.varp["truth"].toarray()[np.ix_(at, at)]


METHODS = {
    "joint": (run_joint, {}),
    "acyclic INSPRE": (run_inspre, {}),
    "oracle": (run_oracle, {}),
    "two-stage": (run_two_stage, {}),
    "two-stage, ancestors": (run_two_stage, {"first_stage": "ancestors"}),
    "two-stage, shared": (run_two_stage, {"first_stage": "shared"}),
}


def run_one(case: str, seed: int, methods: list[str]) -> list[dict]:
    import argen as ag

    warnings.simplefilter("ignore")
    make, covariates = CASES[case]
    adata = make(seed)
    small = ag.datasets.simulate("paper_fig2", n_cells=500)
    rows = []
    for method in methods:
        run, options = METHODS[method]
        run(small.copy(), ["L"], {})  # compiles
        figures = run(adata.copy(), covariates, options)
        rows.append({"case": case, "seed": seed, "method": method} | {k: float(v) for k, v in figures.items()})
    return rows


def run_process(case: tuple) -> list[dict]:
    command = [sys.executable, __file__, "--one", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{case}\n{done.stderr}")
    print(done.stdout.strip(), flush=True)
    return json.loads(done.stdout.splitlines()[-1])


SHOWN = {
    "f1": "F1",
    "recall": "recall",
    "fdr": "FDR",
    "null": "nulls below .05",
    "coverage": "coverage",
    "seconds": "s",
}


def summary(runs: pd.DataFrame) -> str:
    """Markdown: a row per case, the two searches beside each other, means with standard errors."""
    methods = ["joint", "two-stage"]
    lines = [f"Each cell: {' / '.join(methods)}.", "", "| case | networks | " + " | ".join(SHOWN.values()) + " |"]
    lines.append("|---" * (len(SHOWN) + 2) + "|")
    for case, group in runs.groupby("case", sort=False):
        cells = [" / ".join(_mean(group.loc[group["method"] == m, figure]) for m in methods) for figure in SHOWN]
        lines.append(f"| {case} | {group['seed'].nunique()} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def ceiling(runs: pd.DataFrame) -> str:
    """Markdown: F1 and FDR of every method where all of them ran, a row per case."""
    methods = ["joint", "two-stage", "acyclic INSPRE", "oracle"]
    heads = [f"{figure}, {method}" for figure in ("F1", "FDR") for method in methods]
    lines = ["| case | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for case, group in runs.groupby("case", sort=False):
        if set(methods) <= set(group["method"]):
            cells = [_mean(group.loc[group["method"] == m, figure]) for figure in ("f1", "fdr") for m in methods]
            lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _mean(x: pd.Series) -> str:
    x = x.dropna()
    if x.empty:
        return "–"
    digits = "{:.1f}" if x.name == "seconds" else "{:.3f}"
    spread = f" ({x.std(ddof=1) / np.sqrt(len(x)):.3f})" if len(x) > 1 and x.name != "seconds" else ""
    return digits.format(x.mean()) + spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=5, help="networks per case; of 400 genes two")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first network of each case")
    parser.add_argument("--jobs", type=int, default=1, help="cases at the same time; times are fair with one only")
    parser.add_argument("--genes", type=int, default=100, help="most genes of the grid")
    parser.add_argument("--cases", nargs="+", default=[], help="only these; a name's beginning is enough")
    parser.add_argument("--methods", nargs="+", default=["joint", "two-stage"])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_one(*json.loads(options.one))))
        return
    cases = []
    for case in CASES:
        genes = int(case.split()[1].rstrip(",")) if case.startswith("grid") else 0
        if genes > options.genes or (options.cases and not case.startswith(tuple(options.cases))):
            continue
        replicates = {"chr6like": 1}.get(case, min(options.replicates, 2) if genes == 400 else options.replicates)
        cases += [(case, options.first_seed + i, options.methods) for i in range(replicates)]
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = pd.DataFrame([row for rows in pool.map(run_process, cases) for row in rows])
    path = options.out / "joint_runs.csv"
    if path.exists():
        runs = pd.concat([pd.read_csv(path), runs]).drop_duplicates(["case", "seed", "method"], keep="last")
    runs["rank"] = runs["case"].map({case: i for i, case in enumerate(CASES)})
    runs = runs.sort_values(["rank", "method", "seed"], kind="stable").drop(columns="rank")
    runs.to_csv(path, index=False, float_format="%.6g")
    for name, text in (("joint", summary(runs)), ("joint_ceiling", ceiling(runs))):
        (options.out / f"{name}.md").write_text(text)
        print(text)


if __name__ == "__main__":
    main()

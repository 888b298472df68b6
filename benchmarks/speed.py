"""Time and memory of the main job, beside a loop over glum on a few genes.

    python benchmarks/speed.py                   # 71,000 cells × 400 perturbations, a few minutes
    python benchmarks/speed.py --cells 18000 --perturbations 100

Every case runs in a process of its own, so that its peak memory is its own; compiled kernels are warm. Prints one JSON
object per case and a table at the end. Seconds depend on the machine: compare the ratios.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CASES = (
    "reduced_forms",
    "glum_reduced_forms",
    "descendants",
    "workflow_acyclic",
    "workflow_closure",
    "options",
    "diagnostics",
    "giant_component",
    "compilation",
)
COVARIATES = ["gem_group", "percent_mito"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=71_000)
    parser.add_argument("--perturbations", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(run_case(arguments.case, arguments.file, arguments.jobs)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "screen.h5ad"
        simulate(arguments.cells, arguments.perturbations, file)
        results = [run_in_process(case, file, arguments.jobs) for case in arguments.cases]
    print_table(results)


def simulate(cells: int, perturbations: int, file: Path) -> None:
    """The preset `k562_like`, smaller or larger where asked: 11/71 of the cells are controls."""
    import argen as ag

    controls = cells * 11 // 71
    per_perturbation = (cells - controls) // perturbations
    adata = ag.datasets.simulate(
        "k562_like", genes=perturbations, n_controls=controls, cells_per_perturbation=per_perturbation, rng=1
    )
    print(f"{adata.n_obs} cells x {adata.n_vars} genes, {adata.X.nnz / np.prod(adata.shape):.1%} non-zero", flush=True)
    adata.write_h5ad(file)


def run_in_process(case: str, file: Path, jobs: int) -> dict:
    command = [sys.executable, __file__, "--case", case, "--file", str(file), "--jobs", str(jobs)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(output.strip(), flush=True)
    return json.loads(output.splitlines()[-1])


def run_case(case: str, file: Path, jobs: int) -> dict:
    import warnings

    import anndata

    warnings.simplefilter("ignore")
    adata = anndata.read_h5ad(file)
    warm_up()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    start = time.perf_counter()
    extra = globals()[case](adata, jobs)
    seconds = extra.pop("seconds", time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    memory = {"peak_gb": round(peak, 2), "before_gb": round(base, 2)}
    return {"case": case, "seconds": round(seconds, 2), **memory, **extra}


def warm_up() -> None:
    import argen as ag

    small = ag.datasets.simulate(
        "k562_like", genes=4, n_controls=200, cells_per_perturbation=60, batch_covariates={"gem_group": 2}, rng=0
    )
    ag.tl.argen_dag(small, perturbation_key="perturbation", covariates=COVARIATES, depth="depth", min_cells=5)


def read(adata):
    from argen._bridge.inputs import read_screen
    from argen._bridge.settings import DescendantSettings

    settings = DescendantSettings(
        perturbation_key="perturbation",
        control=("control",),
        covariates=tuple(COVARIATES),
        depth="depth",
    )
    return read_screen(adata, settings)[0]


def reduced_forms(adata, jobs: int) -> dict:
    """One reduced form per gene with all perturbations in it."""
    from argen._core.glm.reduced_form import fit_reduced_form
    from argen._core.parallel import worker_pool

    screen = read(adata)
    everything = np.arange(screen.n_genes)
    start = time.perf_counter()
    with worker_pool(jobs) as map_:
        forms = list(map_(lambda gene: fit_reduced_form(screen, gene, everything), range(screen.n_genes)))
    converged = sum(form.converged for form in forms)
    return {"seconds": time.perf_counter() - start, "fits": len(forms), "converged": converged}


def glum_reduced_forms(adata, jobs: int) -> dict:
    """The same fits by glum with a tabmat design, for three genes."""
    import tabmat
    from glum import GeneralizedLinearRegressor

    from argen._core.glm.reduced_form import fit_reduced_form

    screen = read(adata)
    design = screen.design
    x = tabmat.SplitMatrix(
        [
            tabmat.CategoricalMatrix(np.where(screen.group == screen.n_genes, 0, screen.group + 1), drop_first=True),
            tabmat.CategoricalMatrix(design.stratum_level[screen.stratum]),
            tabmat.DenseMatrix(design.numeric.T),
        ]
    )
    genes = np.linspace(0, screen.n_genes - 1, 3).astype(int)
    start = time.perf_counter()
    coefficients = []
    for gene in genes:
        model = GeneralizedLinearRegressor(family="poisson", alpha=0, fit_intercept=False, gradient_tol=1e-8)
        model.fit(x, screen.counts_of(gene), offset=np.log(design.depth))
        coefficients.append(model.coef_[: screen.n_genes])
    seconds = time.perf_counter() - start
    forms = [fit_reduced_form(screen, gene, np.arange(screen.n_genes)) for gene in genes]
    found = [~form.separated for form in forms]
    largest = max(np.abs(f.effect[k] - c[k]).max() for f, c, k in zip(forms, coefficients, found, strict=True))
    return {"seconds": seconds, "fits": len(genes), "largest_difference": float(f"{largest:.1e}")}


def descendants(adata, jobs: int) -> dict:
    """All pairs, HC0."""
    from argen._core.descendants.tests import fit_descendants
    from argen._core.parallel import worker_pool

    screen = read(adata)
    start = time.perf_counter()
    with worker_pool(jobs) as map_:
        tests = fit_descendants(screen, map_)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "fits": tests.effect.size, "separated": int((tests.status == 1).sum())}


def workflow(adata, jobs: int, closure) -> dict:
    """`tl.argen_descendants` and `tl.argen_dag` from the sparse AnnData."""
    import argen as ag

    ag.tl.argen_descendants(
        adata, perturbation_key="perturbation", covariates=COVARIATES, depth="depth", closure=closure, n_jobs=jobs
    )
    ag.tl.argen_dag(adata, n_jobs=jobs)
    truth = adata.varp["truth"].toarray() != 0
    found = adata.varp["argen_dag"].toarray() != 0
    hits = int((truth & found).sum())
    return {
        "descendant_pairs": int(adata.varp["argen_descendants"].sum()),
        "broken_cycles": len(adata.uns["argen_dag"]["tables"]["cycles"]),
        "candidates": len(adata.uns["argen_dag"]["tables"]["edges"]),
        "edges": int(found.sum()),
        "precision": round(hits / max(found.sum(), 1), 3),
        "recall": round(hits / truth.sum(), 3),
    }


def options(adata, jobs: int) -> dict:
    """Each step with other options, as a multiple of the time it takes with those it is compared with."""
    import argen as ag

    def timed(function, **kwargs) -> float:
        start = time.perf_counter()
        function(adata, n_jobs=jobs, **kwargs)
        return time.perf_counter() - start

    design = {"perturbation_key": "perturbation", "covariates": COVARIATES, "depth": "depth"}
    # The first run of each compiles what the warm-up did not.
    timed(ag.tl.argen_descendants, **design, family="negative_binomial", key_added="negative_binomial")
    ratios, paper = {}, timed(ag.tl.argen_descendants, **design, closure=True, alpha=0.05, test="wald")
    ratios["descendants, auto / paper"] = timed(ag.tl.argen_descendants, **design, closure=True, alpha=0.05) / paper
    poisson = timed(ag.tl.argen_descendants, **design, key_added="poisson")
    negative = timed(ag.tl.argen_descendants, **design, family="negative_binomial", key_added="negative_binomial")
    ratios["descendants, negative binomial / Poisson"] = negative / poisson
    timed(ag.tl.argen_dag, descendants="negative_binomial", key_added="other")
    negative = timed(ag.tl.argen_dag, descendants="negative_binomial", key_added="other")
    ratios["network, negative binomial / Poisson"] = negative / timed(
        ag.tl.argen_dag, descendants="poisson", key_added="other"
    )
    timed(ag.tl.argen_dag, covariance="stacked", key_added="other")
    plain = timed(ag.tl.argen_dag, key_added="other")
    ratios["network (plain closure), stacked / Murphy-Topel"] = (
        timed(ag.tl.argen_dag, covariance="stacked", key_added="other") / plain
    )
    ratios["network (plain closure), HC3 / HC0"] = timed(ag.tl.argen_dag, edges_hc="HC3", key_added="other") / plain
    return {
        "candidates": len(adata.uns["other"]["tables"]["edges"]),
        **{name: round(x, 2) for name, x in ratios.items()},
    }


def diagnostics(adata, jobs: int) -> dict:
    """What each diagnostic takes, as a multiple of the search without it, and seconds for 200 draws."""
    import argen as ag

    def timed(function, **kwargs) -> float:
        start = time.perf_counter()
        function(adata, n_jobs=jobs, **kwargs)
        return time.perf_counter() - start

    ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=COVARIATES, depth="depth", n_jobs=jobs)
    plain = timed(ag.tl.argen_dag, robust=False)
    robust = timed(ag.tl.argen_dag)
    draws = timed(ag.tl.argen_stability, n_draws=200)
    return {
        "candidates": len(adata.uns["argen_dag"]["tables"]["edges"]),
        "search": round(plain, 2),
        "with robust tests": round(robust, 2),
        "stability, 200 draws": round(draws, 2),
        "robust / search": round(robust / plain, 2),
        "draw / search": round(draws / 200 / plain, 3),
    }


def workflow_acyclic(adata, jobs: int) -> dict:
    return workflow(adata, jobs, "acyclic")


def workflow_closure(adata, jobs: int) -> dict:
    return workflow(adata, jobs, closure=True)


def giant_component(adata, jobs: int) -> dict:
    """`tl.argen_descendants` and `tl.argen_dag`, with a relation in which every gene descends from every other.

    The worst case of the plain closure: every placed gene changes the instruments of all genes that are left.
    """
    from scipy import sparse

    import argen as ag

    ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=COVARIATES, depth="depth", n_jobs=jobs)
    pairs = adata.uns["argen_descendants"]["tables"]["pairs"]
    pairs["descendant"] = True
    adata.varp["argen_descendants"] = sparse.csr_matrix(~np.eye(adata.n_vars, dtype=bool))
    ag.tl.argen_dag(adata, n_jobs=jobs)
    return {
        "candidates": len(adata.uns["argen_dag"]["tables"]["edges"]),
        "broken_cycles": len(adata.uns["argen_dag"]["tables"]["cycles"]),
    }


def compilation(adata, jobs: int) -> dict:
    """Seconds from the start of a process to the end of a tiny network: fresh machine, then with cached kernels."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import speed; speed.warm_up()"
    with tempfile.TemporaryDirectory() as cache:
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
            subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment)
            seconds.append(round(time.perf_counter() - start, 2))
    return {"seconds": seconds[0], "next_process_seconds": seconds[1]}


def print_table(results: list[dict]) -> None:
    print("\n| case | seconds | fits | ms per fit | peak GB |\n|---|---:|---:|---:|---:|")
    for r in results:
        fits = r.get("fits")
        each = f"{1e3 * r['seconds'] / fits:.3g}" if fits else ""
        print(f"| {r['case']} | {r['seconds']} | {fits or ''} | {each} | {r['peak_gb']} |")


if __name__ == "__main__":
    main()

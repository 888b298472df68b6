"""Time and memory of effects on every measured gene: `python benchmarks/responders.py --genes 1000`.

400 perturbations (150 cells each, 11,000 controls), 48 batches and a numeric covariate, 71,000 cells; so many
responders, about 20 % of the counts not zero, simulated column by column by another process, so that the peak
memory is that of the analysis. Processor seconds, by step and per responder,
beside a loop over glum (one regression of a responder on all perturbations and covariates, with its covariance) and
`scanpy.tl.rank_genes_groups` (Wilcoxon) on the same counts in the same run, both for a few genes and taken per gene.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

P, CELLS, CONTROLS, BATCHES = 400, 150, 11_000, 48
FEW = 20


def simulate(genes: int, path: Path) -> None:
    from anndata import AnnData

    rng = np.random.default_rng(0)
    label = np.concatenate([np.repeat(np.arange(P), CELLS), np.full(CONTROLS, -1)])
    depth = rng.lognormal(0.0, 0.3, len(label))
    columns = []
    for gene in range(P + genes):
        level = rng.choice([0.05, 0.1, 0.2, 0.4, 0.8], p=[0.2, 0.25, 0.25, 0.2, 0.1])
        mean = level * depth
        mean[label == (gene if gene < P else rng.integers(P))] *= 0.3 if gene < P else 0.45
        columns.append(sparse.csc_array(rng.poisson(mean).astype(np.float32)[:, None]))
    names = [*(f"P{i:03d}" for i in range(P)), *(f"R{i:05d}" for i in range(genes))]
    obs = pd.DataFrame(
        {
            "perturbation": np.array([*names[:P], "control"], dtype=object)[label],
            "batch": pd.Categorical(rng.integers(0, BATCHES, len(label)).astype(str)),
            "mito": rng.normal(size=len(label)),
            "depth": depth,
        },
        index=[f"c{i}" for i in range(len(label))],
    )
    AnnData(sparse.hstack(columns, format="csr"), obs=obs, var=pd.DataFrame(index=names)).write_h5ad(path)


def simulated(genes: int):
    from anndata import read_h5ad

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "screen.h5ad"
        child = multiprocessing.get_context("spawn").Process(target=simulate, args=(genes, path))
        child.start()
        child.join()
        return read_h5ad(path)


def seconds(task) -> float:
    start = time.process_time()
    task()
    return time.process_time() - start


def by_glum(adata, genes: list[str]) -> None:
    import tabmat
    from glum import GeneralizedLinearRegressor

    labels = pd.Categorical(adata.obs["perturbation"], ["control", *adata.var_names[:P]])
    frame = pd.DataFrame({"D": labels, "batch": adata.obs["batch"].to_numpy(), "mito": adata.obs["mito"].to_numpy()})
    x = tabmat.from_pandas(frame, drop_first=True)
    offset = np.log(adata.obs["depth"].to_numpy())
    for gene in genes:
        y = adata[:, gene].X.toarray().ravel().astype(float)
        model = GeneralizedLinearRegressor(family="poisson", alpha=0, fit_intercept=True, gradient_tol=1e-6)
        model.fit(x, y, offset=offset)
        model.covariance_matrix(x, y, offset=offset, robust=True)


def by_wilcoxon(adata) -> None:
    import scanpy as sc

    sc.tl.rank_genes_groups(adata, "perturbation", reference="control", method="wilcoxon")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=1000)
    parser.add_argument("--hc", default="HC0", choices=("HC0", "HC3"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    import argen as ag

    adata, small = simulated(options.genes), ag.datasets.simulate(genes=6, responders=4, n_controls=300)
    ag.tl.argen_dag(small, perturbation_key="perturbation", depth="depth", responders="all")  # loads what is compiled
    ag.tl.argen_responders(small)
    print(f"{adata.n_obs} cells, {adata.n_vars} genes, {adata.X.nnz / np.prod(adata.shape):.1%} not zero")
    test = {"test": "wald"} if options.hc == "HC0" else {}
    how = {
        "perturbation_key": "perturbation",
        "covariates": ["batch", "mito"],
        "depth": "depth",
        "adjust": None,
        **test,
    }
    peaks = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6]
    rows = {"network of 400 genes": seconds(lambda: ag.tl.argen_dag(adata, **how, responders=None, robust=False))}
    total = seconds(lambda: ag.tl.argen_responders(adata, responders="all", robust=False))
    rows["direct effects"] = seconds(lambda: ag.tl.argen_responders(adata, robust=False))
    rows["total effects"] = total - rows["direct effects"]
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
    few = adata[:, adata.var_names[P : P + FEW]].copy()
    rows[f"glum, {FEW} genes"] = seconds(lambda: by_glum(adata, list(few.var_names)))
    few.X = sparse.csr_matrix(few.X)
    few.X.data = np.log1p(few.X.data)
    rows[f"Wilcoxon, {FEW} genes"] = seconds(lambda: by_wilcoxon(few))
    for name, time_taken in rows.items():
        n = FEW if str(FEW) in name else options.genes
        print(f"| {name} | {time_taken:.1f} s | {1000 * time_taken / n:.1f} ms per gene |")
    n_candidates = len(ag.get.responders(adata, selected=False))
    print(f"{n_candidates} candidate edges, {len(ag.get.responders(adata))} selected")
    print(f"peak memory {peaks[1]:.2f} GB, {peaks[0]:.2f} GB of it before the first step")


if __name__ == "__main__":
    main()

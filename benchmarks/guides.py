"""Time and memory of guide calling, and how long the knock-downs take.

    python benchmarks/guides.py [--large]

100 guides × 20,000 cells by every method; with --large also 10,000 guides × 200,000 cells by the mixture (in a process
of its own, since the peak of memory is that of a process).
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

import argen as ag


def screen(n_guides: int, n_cells: int, seed: int = 0) -> AnnData:
    """One guide per cell, 40 UMIs on average, on an ambient background of three UMIs."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, n_guides, n_cells)
    umis = rng.poisson(40 * rng.gamma(2.0, 0.5, n_cells))
    n_ambient = rng.poisson(3, n_cells)
    rows = np.concatenate([np.arange(n_cells), np.repeat(np.arange(n_cells), n_ambient)])
    columns = np.concatenate([own, rng.integers(0, n_guides, n_ambient.sum())])
    values = np.concatenate([umis, np.ones(n_ambient.sum(), dtype=umis.dtype)]).astype(np.float32)
    counts = sparse.csr_matrix((values, (rows, columns)), shape=(n_cells, n_guides))
    adata = AnnData(sparse.csr_matrix((n_cells, 1), dtype=np.float32))
    names = [f"G{g // 4}_{g % 4}" if g >= n_guides // 10 else f"NT_{g}" for g in range(n_guides)]
    adata.uns["targets"] = pd.Series([name.split("_")[0] for name in names], index=names)
    adata.obsm["guide"] = counts
    return adata


def timed(adata: AnnData, method: str) -> float:
    start = time.perf_counter()
    ag.pp.argen_guides(
        adata, guides="guide", guide_target=adata.uns["targets"], method=method, on_mismatch="warn", n_jobs=None
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    if parser.parse_args().large:
        adata = screen(10_000, 200_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        seconds = timed(adata, "mixture")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"10,000 guides x 200,000 cells: {seconds:.1f} s, peak {peak:.2f} GB ({before:.2f} GB before)")
        return
    adata = screen(100, 20_000)
    timed(adata, "mixture")  # compiles
    for method in ("mixture", "gaussian", "poisson_gauss", "threshold", "max"):
        seconds = min(timed(adata, method) for _ in range(3))
        print(f"{method:14s} {seconds:6.2f} s for 100 guides x 20,000 cells")


if __name__ == "__main__":
    main()

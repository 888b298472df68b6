"""How time and memory grow: with cells, perturbations, strata and covariates; from disk; on processes; end to end.

    python benchmarks/scale.py                      # growth, disk, processes: about a quarter of an hour
    python benchmarks/scale.py --cases end_to_end   # 1,000 perturbations × 150,000 cells from an h5ad file
    python benchmarks/scale.py --cases largest      # 2,000 perturbations × 300,000 cells
    python benchmarks/scale.py --cases pairs        # 6 million pairs: memory, and what is stored of them
    python benchmarks/scale.py --write docs/benchmarks/scale.csv
    python benchmarks/scale.py --draw docs/benchmarks/scale.csv docs/_static/scale.png

Every measurement is a process of its own, so that its peak memory is its own; kernels are compiled before. Seconds are
processor seconds of all threads: machines that do other things at the same time change them least. One fit of a reduced
form by glum in the same run is the yardstick.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

COVARIATES = ["gem_group", "percent_mito"]
BASE = {"cells": 20_000, "perturbations": 100, "strata": 12, "covariates": 1}
GROWTH = {
    "cells": (10_000, 20_000, 40_000, 80_000),
    "perturbations": (50, 100, 200, 400),
    "strata": (4, 12, 48, 270),
    "covariates": (1, 2, 3, 4, 5),
}
CASES = ("growth", "disk", "processes", "end_to_end", "largest", "pairs")
DENSITY = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["growth", "disk", "processes"])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--draw", type=Path, nargs=2, metavar=("CSV", "PNG"))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--simulate", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(**json.loads(arguments.measure))))
        return
    if arguments.draw:
        draw(pd.read_csv(arguments.draw[0]), arguments.draw[1])
        return
    if arguments.simulate:
        simulate(**json.loads(arguments.simulate))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for case in arguments.cases for row in globals()[case](Path(folder), arguments.jobs)]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if arguments.write:
        table.to_csv(arguments.write, index=False)


def growth(folder: Path, jobs: int) -> list[dict]:
    """One size after the other is changed; the exponent is the slope of log seconds between the two largest."""
    rows = []
    for axis, values in GROWTH.items():
        for value in values:
            size = BASE | {axis: value}
            rows.append({"case": axis, **size, **in_process(folder, size, jobs=jobs, storage="memory")})
        first, second = rows[-2:]
        for step in ("descendants", "network"):
            slope = np.log(second[step] / first[step]) / np.log(second[axis] / first[axis])
            rows[-1][f"{step}_exponent"] = round(float(slope), 2)
    return rows


def disk(folder: Path, jobs: int) -> list[dict]:
    """The same screen from memory, from a file, and read lazily."""
    size = BASE | {"cells": 80_000, "perturbations": 200}
    return [
        {"case": f"from {storage}", **size, **in_process(folder, size, jobs=jobs, storage=storage)}
        for storage in ("memory", "backed", "lazy")
    ]


def processes(folder: Path, jobs: int) -> list[dict]:
    """One and two processes of a dask cluster on this machine; seconds are wall time of the descendants."""
    size = BASE | {"cells": 40_000, "perturbations": 200}
    return [
        {"case": f"{n} processes", **size, **in_process(folder, size, jobs=1, storage="backed", workers=n)}
        for n in (1, 2)
    ]


def end_to_end(folder: Path, jobs: int) -> list[dict]:
    """Default workflow of a large screen from its file."""
    size = BASE | {"cells": 150_000, "perturbations": 1000, "strata": 48}
    return [{"case": "end to end", **size, **in_process(folder, size, jobs=jobs, storage="backed")}]


def largest(folder: Path, jobs: int) -> list[dict]:
    """The same, four times as many cells times perturbations."""
    size = BASE | {"cells": 300_000, "perturbations": 2000, "strata": 48}
    return [{"case": "largest", **size, **in_process(folder, size, jobs=jobs, storage="backed")}]


def pairs(folder: Path, jobs: int) -> list[dict]:
    """Many pairs and few cells: bytes a pair in memory and in a file, and the peak of the descendant step."""
    size = {"cells": 30_000, "perturbations": 2450, "strata": 4, "covariates": 0, "moved": 0.01}
    return [{"case": "pairs", **size, **in_process(folder, size, jobs=jobs, storage="memory", n_stored=2450 * 2449)}]


def in_process(folder: Path, size: dict, **how: object) -> dict:
    file = folder / f"{'_'.join(map(str, size.values()))}.h5ad"
    if not file.exists():  # in a process of its own: a child begins with the peak of its parent
        run("--simulate", {"file": str(file), **size})
    found = json.loads(run("--measure", {"file": str(file), "covariates": size["covariates"], **how}).splitlines()[-1])
    print({**size, **how}, found, flush=True)
    return found


def run(what: str, options: dict) -> str:
    command = [sys.executable, __file__, what, json.dumps(options)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def simulate(file: str, cells: int, perturbations: int, strata: int, covariates: int, moved: float = 0.0) -> None:
    """A screen without effects but the knock-downs; about a fifth of its counts are not zero.

    `moved`: share of the pairs whose gene rises tenfold with the perturbation.
    """
    from anndata import AnnData
    from scipy import sparse

    rng = np.random.default_rng(0)
    names = np.array([f"G{j:04d}" for j in range(perturbations)], dtype=object)
    label = np.append(names, "control")[np.minimum(rng.integers(0, int(perturbations * 1.2), cells), perturbations)]
    depth = rng.lognormal(0.0, 0.3, cells)
    level = np.log(-np.log(1 - DENSITY)) + rng.normal(0.0, 0.5, perturbations)
    columns = []
    for j, name in enumerate(names):
        risen = np.isin(label, names[rng.random(perturbations) < moved])
        mean = depth * np.exp(level[j] - 1.2 * (label == name) + 2.3 * risen)
        columns.append(sparse.csc_array(rng.poisson(mean).astype(np.float32)[:, None]))
    obs = pd.DataFrame({"perturbation": label, "depth": depth}, index=[f"cell{i}" for i in range(cells)])
    obs["gem_group"] = pd.Categorical([f"g{i}" for i in rng.integers(0, strata, cells)])
    for k in range(covariates):
        obs[f"x{k}"] = rng.normal(size=cells)
    matrix = sparse.csr_matrix(sparse.hstack(columns, format="csr"))
    AnnData(matrix, obs=obs, var=pd.DataFrame(index=names)).write_h5ad(file)


def measure(file: str, covariates: int, jobs: int, storage: str, workers: int = 0, n_stored: int = 0) -> dict:
    """Processor seconds of each step and the peak of memory, in GB beyond what the imports take.

    `n_stored`: pairs whose results are measured, in place of the network.
    """
    import warnings

    import anndata as ad

    import argen as ag

    warnings.simplefilter("ignore")
    warm_up(ag)
    base = peak()
    open_ = {
        "memory": ad.read_h5ad,
        "backed": lambda path: ad.read_h5ad(path, backed="r"),
        "lazy": ad.experimental.read_lazy,
    }
    adata = open_[storage](file)
    how = {"perturbation_key": "perturbation", "covariates": ["gem_group", *(f"x{k}" for k in range(covariates))]}
    how |= {"depth": "depth", "n_jobs": jobs}
    result: dict = {}
    if workers:
        from dask.distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
        with cluster, Client(cluster) as client:
            ag.tl.argen_descendants(adata, **how, client=client, key_added="warm")
            start = time.perf_counter()
            ag.tl.argen_descendants(adata, **how, client=client)
            result["wall"] = round(time.perf_counter() - start, 2)
        return result
    if n_stored:
        return stored(ag, adata, how, n_stored, Path(file))
    start, cpu = time.perf_counter(), time.process_time()
    ag.tl.argen_descendants(adata, **how)
    result["descendants"] = round(time.process_time() - cpu, 2)
    cpu = time.process_time()
    ag.tl.argen_dag(adata, n_jobs=jobs)
    result["network"] = round(time.process_time() - cpu, 2)
    result["wall"] = round(time.perf_counter() - start, 2)
    result |= {
        "peak_gb": round(peak(), 2),
        "before_gb": round(base, 2),
        "file_gb": round(Path(file).stat().st_size / 1e9, 3),
    }
    return result


def stored(ag, adata, how: dict, n_pairs: int, file: Path) -> dict:
    """Bytes a pair of the results of a descendant step, in memory and in an h5ad file, and bytes a pair at its peak."""
    before, cpu = peak(), time.process_time()
    ag.tl.argen_descendants(adata, **how, min_cells=2, closure=False, responders=None)
    seconds, at_peak = time.process_time() - cpu, peak()
    in_memory = sum(map(bytes_of, adata.uns["argen_descendants"]["tables"].values()))
    in_memory += sum(bytes_of(part) for matrix in adata.varp.values() for part in vars(matrix).values())
    result = file.with_suffix(".result.h5ad")
    adata.write_h5ad(result)
    pairs = adata.uns["argen_descendants"]["tables"]["pairs"]
    return {
        "descendants": round(seconds, 1),
        "significant": int(pairs["significant"].sum()),
        "bytes_in_memory": round(in_memory / n_pairs, 1),
        "bytes_in_file": round((result.stat().st_size - file.stat().st_size) / n_pairs, 1),
        "bytes_at_peak": round(1e9 * (at_peak - before) / n_pairs),
        "before_gb": round(before, 2),
        "peak_gb": round(at_peak, 2),
    }


def bytes_of(value: object) -> int:
    if isinstance(value, pd.DataFrame):
        return int(value.memory_usage(deep=True).sum())
    return value.nbytes if isinstance(value, np.ndarray) else 0


def draw(table: pd.DataFrame, file: Path) -> None:
    """Seconds of the descendants against each size, and a line of slope 1 through the largest."""
    import matplotlib.pyplot as plt

    words = {"strata": "batches", "covariates": "numeric covariates"}
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), sharey=True, layout="constrained")
    for ax, axis in zip(axes, GROWTH, strict=True):
        rows = table[table["case"] == axis]
        x, y = rows[axis].to_numpy(dtype=float), rows["descendants"].to_numpy()
        ax.plot(x, y, "o-", color="#1f5f8b")
        ax.plot(x, y[-1] * x / x[-1], ":", color="0.6")
        ax.set(xscale="log", yscale="log", xlabel=words.get(axis, axis), ylim=(0.2, 20))
        ax.set_xticks(x, [f"{value:,.0f}" for value in x], fontsize=8)
        ax.minorticks_off()
    axes[0].set_ylabel("descendants, processor seconds")
    ticks = (0.2, 0.5, 1, 2, 5, 10, 20)
    axes[0].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[2].annotate("in proportion", (55, 0.25), color="0.5", fontsize=8, ha="right")
    figure.savefig(file, dpi=150)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def warm_up(ag) -> None:
    small = ag.datasets.simulate(
        "k562_like", genes=4, n_controls=200, cells_per_perturbation=60, batch_covariates={"gem_group": 2}, rng=0
    )
    ag.tl.argen_dag(small, perturbation_key="perturbation", covariates=COVARIATES, depth="depth", min_cells=5)


if __name__ == "__main__":
    main()

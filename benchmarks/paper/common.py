"""What the studies share: simulated screens as the core takes them, runs with a known or an estimated order, tables."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

OUT = Path(__file__).parents[2] / "docs" / "benchmarks"


def arguments(description: str, replicates: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=replicates)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def run_all(task: Callable, cases: Iterable[tuple], jobs: int) -> pd.DataFrame:
    """One process per case; rows of all results."""
    cases = list(cases)
    rows = []
    with ProcessPoolExecutor(jobs) as pool:
        for done, result in enumerate(pool.map(task, *zip(*cases, strict=True), chunksize=1), start=1):
            rows.extend(result)
            print(f"\r{done} of {len(cases)}", end="", flush=True)
    print()
    return pd.DataFrame(rows)


def screen_of(adata, covariates: list[str]):
    """The core's view of a simulated screen."""
    from argen._bridge.inputs import read_screen
    from argen._bridge.settings import DescendantSettings

    settings = DescendantSettings(
        perturbation_key="perturbation",
        control=("control",),
        covariates=tuple(covariates),
        depth="depth",
    )
    return read_screen(adata, settings)[0]


def with_true_relation(screen, truth: np.ndarray, *, covariance: str = "murphy-topel"):
    """Search with the true descendants, so that what is left to judge is the two-stage estimate."""
    from argen._core.dag.search import search_dag
    from argen._core.descendants.tests import fit_descendants
    from argen._core.graphs.reach import transitive_closure
    from argen._core.results import Relation

    tests = fit_descendants(screen)
    descendant = transitive_closure(truth != 0)
    relation = Relation(np.full(descendant.shape, np.nan), descendant, descendant, np.empty((0, 2), dtype=int), ())
    return search_dag(screen, tests, relation, first_stage="ancestors", covariance=covariance, alpha=0.05)


def truth_of(adata, genes: Iterable[str]) -> np.ndarray:
    """True direct effects [parent, child] in the order of `genes`."""
    at = adata.var_names.get_indexer(list(genes))
    return adata.varp["truth"].toarray()[np.ix_(at, at)]


def scores(found: set, truth: set) -> dict:
    hits = len(found & truth)
    precision, recall = hits / max(len(found), 1), hits / max(len(truth), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"edges": len(found), "precision": precision, "recall": recall, "f1": f1}


def binomial_error(share: pd.Series, n: int) -> pd.Series:
    """Standard error of a share of n independent cases; for correlated cases of n replicates an upper bound."""
    return np.sqrt(share * (1 - share) / n)


def write(table: pd.DataFrame, out: Path, name: str, errors: Mapping[str, pd.Series] | None = None) -> None:
    """CSV beside a Markdown table; standard errors by column become columns of the one and brackets in the other."""
    errors = errors or {}
    table.assign(**{f"{column} se": error for column, error in errors.items()}).to_csv(
        out / f"{name}.csv", index=False, float_format="%.6g"
    )
    formatted = table.map(lambda x: f"{x:.3f}" if isinstance(x, float) else str(x))
    for column, error in errors.items():
        known = error.notna()
        formatted.loc[known, column] += error[known].map(" ({:.3f})".format)
    lines = ["| " + " | ".join(formatted.columns) + " |", "|" + "---|" * len(formatted.columns)]
    lines += ["| " + " | ".join(row) + " |" for row in formatted.to_numpy()]
    (out / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))

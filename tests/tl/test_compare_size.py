"""Level and power of the test of a difference in simulated conditions; benchmarks/insight/compare.py has more."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import argen as ag

GENES = list("ABCDEF")
EDGES = {("A", "B"): 0.7, ("B", "C"): -0.6, ("A", "D"): 0.6, ("C", "E"): 0.7, ("D", "E"): 0.5, ("B", "F"): 0.6}
HOW = {"perturbation_key": "perturbation", "depth": "depth", "robust": False}


def screen(rng, edges, cells):
    """Expression levels, knock-downs and the hidden cause are the screen's own."""
    dag = pd.DataFrame([(*edge, effect) for edge, effect in edges.items()], columns=["source", "target", "weight"])
    return ag.datasets.simulate(
        genes=GENES,
        dag=dag,
        cells_per_perturbation=cells,
        n_controls=4 * cells,
        intercept=(0.5, 2.0),
        knockdown=(-2.0, -1.0),
        noise_sd=0.3,
        n_confounders=1,
        confounder_effect=(-0.3, 0.3),
        rng=rng,
    )


def compared(screens, by="condition", **how):
    adata = ad.concat(screens, label="screen", index_unique="-")
    adata.obs["condition"] = adata.obs["screen"].astype(str).str[0]
    ag.tl.argen_dag(adata, covariates=["screen"], **HOW)
    ag.tl.argen_compare(adata, by=by, n_jobs=1)
    tables = [adata.uns["argen_compare"]["tables"]["contrasts"]]
    if how:
        ag.tl.argen_compare(adata, by=by, n_jobs=1, **how)
        tables.append(adata.uns["argen_compare"]["tables"]["contrasts"])
    return tables


def mean_se(shares):
    return np.mean(shares), np.std(shares, ddof=1) / np.sqrt(len(shares))


@pytest.mark.slow
def test_conditions_that_do_not_differ_and_one_edge_that_does():
    rng = np.random.default_rng(0)
    null, shown, false = [], [], []
    other = EDGES | {("A", "B"): 0.1}
    for _ in range(16):
        (table,) = compared({"a": screen(rng, EDGES, 150), "b": screen(rng, EDGES, 90)})
        null.append(np.mean(table["p"] < 0.05))
        (table,) = compared({"a": screen(rng, EDGES, 150), "b": screen(rng, other, 150)})
        is_changed = (table["source"] == "A") & (table["target"] == "B")
        called = table["padj"] < 0.05
        shown.append(called[is_changed].any())
        false.append(called[~is_changed].sum() / max(called.sum(), 1))
    rate, se = mean_se(null)
    assert abs(rate - 0.05) < 3 * se
    assert np.mean(shown) > 0.8
    rate, se = mean_se(false)
    assert rate < 0.05 + 3 * se


@pytest.mark.slow
def test_replicates_that_vary_make_cells_too_sure():
    rng = np.random.default_rng(1)
    by_cells, by_replicates = [], []
    for _ in range(12):
        screens = {
            f"{condition}{r}": screen(rng, {edge: b + 0.3 * rng.standard_normal() for edge, b in EDGES.items()}, 80)
            for condition in "ab"
            for r in range(3)
        }
        for table, rates in zip(compared(screens, replicate="screen"), (by_cells, by_replicates), strict=True):
            real = [edge in EDGES for edge in zip(table["source"], table["target"], strict=True)]
            rates.append(np.mean(table.loc[real, "p"] < 0.05))
    rate, se = mean_se(by_cells)
    assert rate > 0.05 + 3 * se
    rate, se = mean_se(by_replicates)
    assert rate < 0.05 + 3 * se

"""One screen with the names of its genes in var_names, and with other ones there and the names in a column of var."""

import numpy as np
import pandas as pd

import argen as ag

SYMBOLS = "gene_name"


def with_ids(adata, *, shuffled=False):
    """The same object with identifiers as var_names, and what these were in the column `gene_name`.

    Identifiers sort as the names do unless they are `shuffled`: the order of genes is that of var_names.
    """
    adata = adata.copy()
    names = sorted(adata.var_names)
    numbers = np.random.default_rng(0).permutation(len(names)) if shuffled else np.arange(len(names))
    identifier = {name: f"ENSG{number:05d}" for name, number in zip(names, numbers, strict=True)}
    adata.var[SYMBOLS] = np.array(adata.var_names, dtype=object)
    adata.var_names = [identifier[name] for name in adata.var_names]
    return adata


def guided(**options):
    """A screen with calls of two guides per target, some of which disagree, in the order of its genes."""
    options = {"n_cells": 3000, "guides_per_target": 2, "guide_counts": True, "rng": 1} | options
    mdata = ag.datasets.simulate("paper_fig2", **options)
    adata = mdata["rna"].copy()
    ag.pp.argen_guides(mdata)
    called = mdata["rna"]
    adata.obs, adata.uns["argen_guides"], adata.obsm["argen_guides"] = (
        called.obs.copy(), called.uns["argen_guides"], called.obsm["argen_guides"].copy(),
    )  # fmt: skip
    del adata.uns["simulation"]
    adata.varp.clear()
    return adata


def analysed(adata, **options):
    """All steps that have tables of genes."""
    ag.pp.argen_qc(adata, min_cells=20, min_knockdown_z=1, covariates=["L"], depth="depth", **options)
    ag.tl.argen_dag(adata)
    ag.tl.argen_joint(adata)
    ag.tl.argen_check(adata)
    ag.tl.argen_overidentification(adata)
    ag.tl.argen_stability(adata, n_draws=5)
    ag.tl.argen_sensitivity(adata)
    ag.tl.argen_calibration(adata)
    return adata


def assert_same_tables(left, right):
    """Equal but for the dtypes of texts."""
    texts = [name for name in left if not pd.api.types.is_numeric_dtype(left[name].dtype)]
    left, right = (table.assign(**{name: table[name].astype(str) for name in texts}) for table in (left, right))
    pd.testing.assert_frame_equal(left, right)

"""Cells to train on and cells to keep for the evaluation."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.labels import label_texts
from argen._bridge.validate import check_anndata, check_level

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["hold_out", "perturbation_labels"]


def hold_out(
    adata: "AnnData",
    *,
    perturbation_key: str = "argen_perturbation",
    fraction: float = 0.2,
    rng: int | np.random.Generator = 0,
) -> pd.Series:
    """Choose the cells to hold out: the same share of every perturbation, and of the controls, at random.

    Parameters
    ----------
    adata
        Cells × genes.
    perturbation_key
        Column of ``obs`` with the perturbation of each cell.
    fraction
        Share to hold out. Of n cells of a perturbation, `fraction` · n are (rounded); of two or more cells at least one
        is held out and one is not, a single cell never is.
    rng
        Seed or generator.

    Returns
    -------
    Boolean Series ``held_out`` by cell: ``adata[~held_out]`` to train on, ``adata[held_out]`` to evaluate.

    Raises
    ------
    argen.errors.InputError
        Unknown `perturbation_key`, or a fraction that is not between 0 and 1.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=5, cells_per_perturbation=50, n_controls=100)
    >>> held_out = ag.metrics.hold_out(adata, perturbation_key="perturbation")
    >>> adata[held_out].obs["perturbation"].value_counts()["control"].item()
    20
    """
    check_level("fraction", fraction)
    labels = perturbation_labels(adata, perturbation_key)
    generator = np.random.default_rng(rng)
    held_out = np.zeros(adata.n_obs, dtype=bool)
    for label in np.unique(labels):  # sorted, so that the draw does not depend on the order of categories
        cells = np.flatnonzero(labels == label)
        n = min(max(round(fraction * cells.size), 1), cells.size - 1)
        held_out[generator.permutation(cells)[:n]] = True
    return pd.Series(held_out, index=adata.obs_names, name="held_out")


def perturbation_labels(adata: "AnnData", perturbation_key: str) -> np.ndarray:
    """Label of each cell as the tools read it, '' where missing."""
    check_anndata(adata)
    return label_texts(adata.obs, perturbation_key).astype(str)

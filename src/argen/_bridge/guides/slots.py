"""Results of guide calling in an AnnData: what is written, and the tables in ``uns``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.guides.names import STATUS_WORDS, GuideTargets
from argen._bridge.results.entries import new_entry, write_entry
from argen._core.guides import (
    CellTargets,
    CountHistogram,
    Fallback,
    GuideCalls,
    GuideFits,
    Misfit,
    Reason,
)

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["fits_table", "histogram_table", "n_guides", "perturbation_key", "posterior_key", "write_guides"]


def perturbation_key(key_added: str) -> str:
    """Name of the obs column: "argen_perturbation" for "argen_guides", else "<key_added>_perturbation"."""
    return "argen_perturbation" if key_added == "argen_guides" else f"{key_added}_perturbation"


def n_guides(key_added: str) -> str:
    """Name of the obs column with the number of guides, as :func:`perturbation_key` has it."""
    return "argen_n_guides" if key_added == "argen_guides" else f"{key_added}_n_guides"


def posterior_key(key_added: str) -> str:
    """Name of the obsm entry with the posterior probabilities."""
    return f"{key_added}_posterior"


def fits_table(
    counts: sparse.csr_array, calls: GuideCalls, misfit: Misfit | None, *, min_umi: int, probability: float
) -> dict[str, np.ndarray]:
    """Columns about the counts and the fit of each guide; `misfit` is `None` where nothing is fitted."""
    n_cells, n_guides = counts.shape
    called = sparse.csc_array(counts.multiply(calls.assignment))
    n_called, umis = np.diff(called.indptr), counts.sum(axis=0, dtype=np.int64)
    umis_called = called.sum(axis=0, dtype=np.int64)
    lowest = np.array(
        [called.data[a:b].min() if b > a else 0 for a, b in zip(called.indptr[:-1], called.indptr[1:], strict=True)]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        background, signal = (umis - umis_called) / (n_cells - n_called), umis_called / n_called
    columns = {
        "n_umi": umis,
        "n_cells_min_umi": np.bincount(counts.indices[counts.data >= min_umi], minlength=n_guides),
        "min_called_umi": lowest.astype(np.int64),
        "mean_background": background,
        "mean_signal": signal,
    }
    if calls.fits is None:
        return columns
    return columns | _fit_columns(calls.fits, misfit, probability)


def _fit_columns(fits: GuideFits, misfit: Misfit | None, probability: float) -> dict[str, object]:
    columns = {"threshold": fits.threshold}
    if misfit is None:
        return columns
    columns |= {
        "probability": np.where(fits.fallback == Fallback.NONE, probability, np.nan),
        "beta_z": fits.effect,
        "share": fits.share,
        "converged": fits.converged,
        "fallback": pd.Categorical([Fallback(code).text for code in fits.fallback]),
        "misfit": misfit.share,
        "misfit_p": misfit.p,
        "misfit_flag": misfit.flag,
    }
    if fits.dispersion is not None:
        columns["background_dispersion"], columns["signal_dispersion"] = fits.dispersion.T
    return columns


def histogram_table(histogram: CountHistogram, guides: list[str]) -> pd.DataFrame:
    """Cells of each guide by UMI count and call, beside what the fit expects."""
    edges = histogram.edges
    cells = histogram.not_called + histogram.called
    # Up to the last bin of a guide that holds a cell.
    used = np.cumsum(cells[:, ::-1], axis=1)[:, ::-1] > 0
    guide, bin_ = np.nonzero(used)
    return pd.DataFrame(
        {
            "guide": pd.Categorical.from_codes(guide, categories=guides),
            "umi_from": edges[bin_],
            "umi_to": edges[bin_ + 1] - 1,
            "n_not_called": histogram.not_called[used],
            "n_called": histogram.called[used],
            "expected_background": histogram.background[used],
            "expected_signal": histogram.signal[used],
        }
    )


def write_guides(
    adata: "AnnData",
    key_added: str,
    calls: GuideCalls,
    cells: CellTargets,
    targets: GuideTargets,
    *,
    settings: Mapping[str, object],
    tables: Mapping[str, pd.DataFrame],
) -> None:
    """Write assignment, posterior, targets, and the entry with the `tables` of one run (guides, histogram)."""
    # Codes from the end: −1 control, −2 multiple, −3 unassigned.
    names = np.array([*targets.targets, *reversed(STATUS_WORDS)], dtype=object)
    target = pd.Categorical(names[cells.target], categories=[*targets.targets, *STATUS_WORDS])
    assignment = sparse.csr_matrix(calls.assignment)
    posterior = None if calls.posterior is None else sparse.csr_matrix(calls.posterior)
    entry = new_entry(key_added, "guides", settings, {"cells": count_cells(cells), **tables})
    adata.obsm[key_added] = assignment
    if posterior is not None:
        adata.obsm[posterior_key(key_added)] = posterior
    elif posterior_key(key_added) in adata.obsm:
        del adata.obsm[posterior_key(key_added)]  # of an earlier run
    adata.obs[perturbation_key(key_added)] = target
    adata.obs[n_guides(key_added)] = np.diff(assignment.indptr).astype(np.int64)
    write_entry(adata, entry)


def count_cells(cells: CellTargets) -> pd.DataFrame:
    """Count the cells of every status and reason that occur."""
    statuses = ["target", *STATUS_WORDS]
    codes = np.where(cells.target >= 0, 0, -cells.target) * len(Reason) + cells.reason
    found, n_cells = np.unique(codes, return_counts=True)
    reasons = [Reason(code).text for code in found % len(Reason)]
    return pd.DataFrame(
        {
            "status": pd.Categorical.from_codes(found // len(Reason), categories=statuses),
            "reason": pd.Categorical(reasons),
            "n_cells": n_cells,
        }
    )

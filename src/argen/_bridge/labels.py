"""The perturbation label of each cell, as a column of obs holds it."""

import numpy as np
import pandas as pd

from argen._bridge.settings import DescendantSettings
from argen._bridge.validate import name_some, read_column
from argen.errors import InputError

__all__ = ["NO_PERTURBATION", "read_labels"]

NO_PERTURBATION = ("multiple", "unassigned")


def read_labels(obs: pd.DataFrame, params: DescendantSettings) -> np.ndarray:
    """Perturbation label of each cell as a string, '' where missing."""
    hint = " Run ag.pp.argen_guides first or name the column that holds the perturbed gene."
    column = read_column(obs, params.perturbation_key, f"perturbation_key={params.perturbation_key!r}", hint)
    labels = column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)
    found = sorted(set(labels) - {""})
    absent = [label for label in params.control if label not in found]
    if absent:
        msg = (
            f"control={', '.join(map(repr, absent))} is not among the labels of "
            f"adata.obs[{params.perturbation_key!r}]. "
            f"Labels found: {name_some(found, 30)}."
        )
        raise InputError(msg)
    unknown = sorted(set(params.perturbations or ()) - set(found))
    if unknown:
        msg = f"perturbations={name_some(unknown)} have no cells in adata.obs[{params.perturbation_key!r}]."
        raise InputError(msg)
    return labels

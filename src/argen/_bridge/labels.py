"""The perturbation label of each cell, as a column of obs holds it, and the gene that each label names."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.gene_names import GeneNames, gene_names
from argen._bridge.guides.names import clean_text, is_named, looks_like_control
from argen._bridge.settings import DescendantSettings
from argen._bridge.validate import name_some, read_column
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["NO_PERTURBATION", "Labels", "are_among", "controls_among", "label_texts", "read_labels"]

NO_PERTURBATION = ("multiple", "unassigned")
_FEW = 3


@dataclass(frozen=True, slots=True)
class Labels:
    """The label of each cell, resolved.

    Attributes
    ----------
    of_cell
        Name in ``var_names`` of the perturbed gene, where the label is one of these or of the column `gene_symbols`;
        else the label; '' where missing.
    settings
        The settings with controls and perturbations as `of_cell` has them.
    names
        Names of the genes.
    """

    of_cell: np.ndarray
    settings: DescendantSettings
    names: GeneNames


def read_labels(adata: "AnnData", params: DescendantSettings) -> Labels:
    """Perturbation of each cell, with the blanks, missing values and prefixes of controls of :mod:`argen.pp`."""
    names = gene_names(adata, params.gene_symbols)
    texts = label_texts(adata.obs, params.perturbation_key)
    found = sorted(set(texts) - {""})
    controls = controls_among(found, params.control, params.perturbation_key)
    whole = {*controls, *NO_PERTURBATION, ""}
    gene_of = {label: label if label in whole else names.gene(label) for label in {*found, ""}}
    perturbations = params.perturbations
    if perturbations is not None:
        perturbations = tuple(dict.fromkeys(names.gene(name.strip()) for name in perturbations))
        if unknown := sorted(set(perturbations) - set(gene_of.values())):
            words = name_some([repr(names.show(name)) for name in unknown])
            msg = f"perturbations={words} have no cells in adata.obs[{params.perturbation_key!r}]."
            raise InputError(msg)
    of_cell = np.array([gene_of[text] for text in texts], dtype=object)
    return Labels(of_cell, replace(params, control=controls, perturbations=perturbations), names)


def are_among(labels: np.ndarray, names: Iterable[str]) -> np.ndarray:
    """Whether each label is one of the names; of objects, pandas finds this ten times faster than numpy."""
    return pd.Index(labels).isin(list(names))


def label_texts(obs: pd.DataFrame, perturbation_key: str) -> np.ndarray:
    """Label of each cell as :mod:`argen.pp` reads it, without blanks around it; '' where missing."""
    hint = " Run ag.pp.argen_guides first or name the column that holds the perturbed gene."
    column = read_column(obs, perturbation_key, f"perturbation_key={perturbation_key!r}", hint)
    codes, names = clean_text(column)
    return np.array([*names, ""], dtype=object)[codes]  # −1, a missing one, is the last


def controls_among(found: list[str], control: tuple[str, ...], perturbation_key: str) -> tuple[str, ...]:
    """The labels that `control` names, by themselves or by a prefix with ``*``; all of its names must be there."""
    control = tuple(name.strip() for name in control)
    absent = [name for name in control if not any(is_named(label, [name]) for label in found)]
    if not absent:
        return tuple(label for label in found if is_named(label, control))
    likely = [label for label in found if looks_like_control(label)]
    cure = f" Labels that look like controls: give control={_given(likely, found)}." if likely else ""
    msg = (
        f"control={', '.join(map(repr, absent))} is not among the labels of "
        f"adata.obs[{perturbation_key!r}].{cure} "
        f"Labels found: {name_some(map(repr, found), 30)}."
    )
    raise InputError(msg)


def _given(likely: list[str], found: list[str]) -> str:
    """Controls as they are given in code: one label, a few, or the prefix of many that nothing else has."""
    if len(likely) == 1:
        return repr(likely[0])
    first, last = min(likely), max(likely)
    start = first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
    own = [label for label in found if start and label.startswith(start)]
    return repr(f"{start}*") if len(likely) > _FEW and own == likely else repr(likely)

"""Checks of guides: controls that are few, active or without a guide, guides of a target that are unequal."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.checks.findings import Finding
from argen._bridge.guides.knockdown import read_guides
from argen._bridge.measured import MeasuredScreen, own_genes
from argen._bridge.validate import counted, name_some, read_column
from argen._core.checks.guides import groups_against_rest, moved_genes, unequal
from argen._core.measured.sums import measured_sums
from argen._core.parallel import Map
from argen._core.screen import CONTROL, regroup

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["GuideOfCell", "check_control_guides", "check_unequal_guides", "guide_names", "guide_of_cell"]

NONE, SEVERAL = -1, -2
ENOUGH_GUIDES = 4
FEWEST_CELLS = 10
# Guides of a target differ: Cochran's p below this over the targets, and by so much (natural log).
LEVEL, LEAST_SPREAD = 0.01, 0.5
# A control guide is active with so many genes at a false discovery rate of .01.
LEAST_MOVED = 2
_EMPTY = ("", "none", "no guide", "unassigned", "negative", "nan")


@dataclass(frozen=True, slots=True)
class GuideOfCell:
    """The guide of each sorted cell of the measured screen: its number among `names`, −1 none, −2 several."""

    names: np.ndarray
    number: np.ndarray


def guide_of_cell(adata: "AnnData", guides: str | None, measured: MeasuredScreen) -> GuideOfCell | None:
    """From a column of obs, or from the calls of argen.pp.argen_guides; None where there are neither."""
    cell = measured.screen.cell
    if guides is None:
        guides = "argen_guides" if "argen_guides" in adata.uns and "argen_guides" in adata.obsm else None
    if guides is None:
        return None
    if guides in adata.obsm:
        names = read_guides(adata, guides).tables["guides"]["guide"].astype(str).to_numpy(dtype=object)
        calls = sparse.csr_array(adata.obsm[guides])[cell]
        calls.eliminate_zeros()
        n = np.diff(calls.indptr)
        number = np.where(n > 1, SEVERAL, NONE)
        number[n == 1] = calls.indices[calls.indptr[:-1][n == 1]]
        return GuideOfCell(names, number)
    column = read_column(adata.obs, guides, f"guides={guides!r}", " Or name the calls of ag.pp.argen_guides.")
    return GuideOfCell(*guide_names(column.iloc[cell]))


def guide_names(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Names of the guides in a column with the guide of each cell, and the number of each cell's name, −1 for none."""
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip().to_numpy(dtype=object)
    empty = np.isin(np.char.lower(text.astype(str)), _EMPTY)
    names, number = np.unique(text[~empty], return_inverse=True)
    of_cell = np.full(len(column), NONE)
    of_cell[~empty] = number
    return names, of_cell


def check_control_guides(
    measured: MeasuredScreen, guides: GuideOfCell, map_: Map
) -> tuple[list[Finding], pd.DataFrame]:
    """Control cells by guide: fewer than four guides, cells without any, one that moves genes against the others."""
    screen = measured.screen
    control = screen.group == screen.n_groups
    carried = np.unique(guides.number[control & (guides.number >= 0)])
    unguided = int((control & (guides.number == NONE)).sum())
    names = [str(guides.names[g]) for g in carried]
    part = np.full(screen.n_cells, -1)
    for k, g in enumerate(carried):
        part[control & (guides.number == g)] = k
    if unguided:
        names.append("(no guide)")
        part[control & (guides.number == NONE)] = len(carried)
    sizes = np.bincount(part[part >= 0], minlength=len(names))
    found = []
    if 0 < len(carried) < ENOUGH_GUIDES:
        found.append(
            Finding(
                "controls",
                f"The controls rest on {counted(len(carried), 'guide')} ({name_some(names)}): what one of them does is "
                "seen, with the sign turned, in every perturbation",
                float(len(carried)),
                "control guides",
                "Use four or more non-targeting guides.",
            )
        )
    if unguided:
        found.append(
            Finding(
                "controls",
                f"{counted(unguided, 'control cell')} of {int(control.sum())} carry no guide: cells that took up none "
                "may be in another state",
                unguided / max(int(control.sum()), 1),
                "share of the controls",
                "Leave them out of the controls, or see below whether they differ from those with a guide.",
            )
        )
    table = pd.DataFrame({"guide": names, "n_cells": sizes, "n_moved": 0, "largest_z": np.nan})
    tested = np.flatnonzero(sizes >= FEWEST_CELLS)
    if len(tested) > 1:
        place = np.full(len(names) + 1, -1)
        place[tested] = np.arange(len(tested))
        ratio, se = groups_against_rest(screen, place[part], len(tested), map_)
        moved = moved_genes(ratio / se)
        table.loc[tested, "n_moved"] = moved.sum(axis=1)
        table.loc[tested, "largest_z"] = np.nanmax(np.abs(np.nan_to_num(ratio / se)), axis=1)
        found += _active(measured, table, tested, moved, ratio / se)
    return found, table


def _active(
    measured: MeasuredScreen, table: pd.DataFrame, tested: np.ndarray, moved: np.ndarray, z: np.ndarray
) -> list[Finding]:
    """The guides that differ from the other control guides; with two of them nobody can tell which one it is."""
    n = moved.sum(axis=1)
    if n.max() < LEAST_MOVED:
        return []
    worst = np.flatnonzero(n >= max(LEAST_MOVED, n.max() / 2.0))
    names = table["guide"].to_numpy()[tested[worst]]
    genes = np.argsort(-np.where(moved[worst], np.abs(z[worst]), 0.0).max(axis=0), kind="stable")[:10]
    one = "one of these" if len(tested) == 2 else "this"
    return [
        Finding(
            "controls",
            f"Control cells of {name_some(names)} differ from the other controls in {int(n.max())} genes at a false "
            "discovery rate of .01",
            float(n.max()),
            "genes",
            f"Leave the cells of {one} out of the controls and compare.",
            (),
            tuple(measured.screen.genes[j] for j in genes if moved[worst][:, j].any()),
        )
    ]


def check_unequal_guides(
    measured: MeasuredScreen, guides: GuideOfCell, map_: Map
) -> tuple[list[Finding], pd.DataFrame]:
    """Perturbations whose guides knock down their own gene unequally."""
    own = own_genes(measured)
    screen = own.screen
    target_of_cell = screen.group
    usable = (guides.number >= 0) & (target_of_cell < screen.n_groups)
    pairs, group = np.unique(np.column_stack([target_of_cell, guides.number])[usable], axis=0, return_inverse=True)
    sizes = np.bincount(group.ravel(), minlength=len(pairs))
    of_cell = np.full(screen.n_cells, CONTROL)
    of_cell[usable] = group.ravel()
    keep = (target_of_cell == screen.n_groups) | usable
    keep[usable] &= sizes[group.ravel()] >= FEWEST_CELLS
    table = pd.DataFrame(columns=["guide", "perturbation", "n_cells", "effect", "se"])
    if not (keep & usable).any() or own.screen.n_genes == 0:
        return [], table
    sums = measured_sums(regroup(screen, of_cell, len(pairs), keep=keep), map_)
    at = own.own[pairs[:, 0]]
    rows = np.flatnonzero((at >= 0) & (sizes >= FEWEST_CELLS))
    effect, variance = sums.effect[rows, at[rows]], sums.variance[rows, at[rows]]
    target = pairs[rows, 0]
    table = pd.DataFrame(
        {
            "guide": guides.names[pairs[rows, 1]],
            "perturbation": np.array(own.perturbations, dtype=object)[target],
            "n_cells": sizes[rows],
            "effect": effect,
            "se": np.sqrt(variance),
        }
    )
    p, spread = unequal(effect, np.sqrt(variance), target, len(own.perturbations))
    n_tests = max(int(np.isfinite(p).sum()), 1)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero((p * n_tests < LEVEL) & (spread > LEAST_SPREAD))
    if len(bad) == 0:
        return [], table
    bad = bad[np.argsort(-spread[bad], kind="stable")]
    return [
        Finding(
            "guides",
            f"Guides of {counted(len(bad), 'perturbation')} differ in how far they move their own gene, up to "
            f"{spread[bad[0]]:.1f} on the log scale",
            float(spread[bad[0]]),
            "range of the guides' own effects",
            "The perturbation is a mixture of strong and weak cells, which inflates coefficients; leave weak guides "
            "out, and see ag.tl.argen_overidentification.",
            tuple(own.perturbations[t] for t in bad),
        )
    ], table

"""Which cells are compared: one set per level, or per replicate of each, and the genes that all of them can tell of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.diagnostics.calibration import Notes
from argen._bridge.results.steps import DescendantStep
from argen._bridge.validate import counted, name_some, read_column
from argen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["Levels", "Unit", "check_two_left", "common_genes", "find_units"]

_MOST_LEVELS = 50
_CONTROLS = ("control", "ctrl", "untreated", "unstimulated", "vehicle", "dmso", "mock", "wt", "wild type")


@dataclass(frozen=True, slots=True)
class Unit:
    """Cells whose equations are estimated together.

    Attributes
    ----------
    level, replicate
        Their values of the two columns; `replicate` is empty where there is none.
    cells
        Mask over the sorted cells of the screen.
    genes
        Perturbations with enough of these cells.
    n_controls
        Control cells among them.
    """

    level: str
    replicate: str
    cells: np.ndarray
    genes: frozenset[str]
    n_controls: int

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"{self.level}, {self.replicate}" if self.replicate else self.level


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels to compare, the reference first, with their units."""

    names: tuple[str, ...]
    units: tuple[Unit, ...]

    @property
    def reference(self) -> str:
        """The level that the others are held against."""
        return self.names[0]


def find_units(
    adata: "AnnData",
    step: DescendantStep,
    by: str,
    levels: Sequence[str] | None,
    reference: str | None,
    replicate: str | None,
    min_cells: int,
    notes: Notes,
) -> Levels:
    """The levels that have enough cells, those without them noted; a level that was asked for by name is an error."""
    column = _texts(adata.obs, by, f"by={by!r}", step)
    wanted = _wanted(adata, by, column, levels)
    if reference is not None and str(reference) not in wanted:
        msg = f"reference={reference!r} is not among the levels of {by!r}: {name_some(map(repr, wanted))}."
        raise InputError(msg)
    copies = _texts(adata.obs, replicate, f"replicate={replicate!r}", step) if replicate is not None else None
    missing = int((column == "").sum())
    if missing:
        notes.add("cells", f"no value of {by!r}", missing)
    if copies is not None:
        alone = int(((copies == "") & np.isin(column, wanted)).sum())
        if alone:
            notes.add("cells", f"no value of {replicate!r}: they belong to no replicate", alone)
    units = {name: _of_level(step, name, column == name, copies, min_cells, notes) for name in wanted}
    for level, found in units.items():
        reason = _too_little(found, min_cells, has_replicates=copies is not None)
        if reason is not None:
            must_be = levels is not None or level == str(reference)
            _refuse(by, level, reason, must_be=must_be, notes=notes)
            units[level] = []
    kept = [level for level, found in units.items() if found]
    check_two_left(by, kept, len(wanted), notes)
    names = _reference_first(kept, reference)
    return Levels(names, tuple(unit for name in names for unit in units[name]))


def check_two_left(by: str, kept: Sequence[str], n_levels: int, notes: Notes) -> None:
    """Two levels at least are left to compare."""
    if len(kept) >= 2:
        return
    reasons = "; ".join(reason for what, reason, _ in notes.rows if what in ("levels", "replicates"))
    msg = (
        f"by={by!r}: {name_some(kept) or 'none'} of {counted(n_levels, 'level')} can be estimated, and two have to be. "
        f"{reasons}."
    )
    raise InputError(msg)


def _texts(obs: "pd.DataFrame", name: str, what: str, step: DescendantStep) -> np.ndarray:
    """A column as texts over the cells of the screen, '' where it has no value."""
    column = read_column(obs, name, what).iloc[step.screen.cell]
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)


def _wanted(adata: "AnnData", by: str, column: np.ndarray, levels: Sequence[str] | None) -> list[str]:
    """Levels in the order of the column's categories, or as they were named."""
    dtype = adata.obs[by].dtype
    present = set(column.tolist()) - {""}
    categories = [str(name) for name in dtype.categories] if hasattr(dtype, "categories") else sorted(present)
    known = [name for name in categories if name in present]
    if levels is None:
        if not 2 <= len(known) <= _MOST_LEVELS:
            msg = (
                f"by={by!r} has {counted(len(known), 'level')} in the cells of the analysis; it has to name the "
                f"condition, batch or cell type of each cell, 2 to {_MOST_LEVELS} of them."
            )
            raise InputError(msg)
        return known
    asked = [str(name) for name in ([levels] if isinstance(levels, str) else levels)]
    if unknown := [name for name in asked if name not in known]:
        msg = f"levels: {name_some(map(repr, unknown))} not in {by!r}, whose levels are {name_some(map(repr, known))}."
        raise InputError(msg)
    asked = list(dict.fromkeys(asked))
    if len(asked) < 2:
        msg = f"levels={levels!r}: name two at least; {by!r} has {name_some(map(repr, known))}."
        raise InputError(msg)
    return asked


def _reference_first(kept: Sequence[str], reference: str | None) -> tuple[str, ...]:
    """The levels, first the one to hold them against: as named, else one that is called control, else the first."""
    if reference is None:
        reference = next((name for name in kept if name.lower() in _CONTROLS), kept[0])
    return (str(reference), *(name for name in kept if name != str(reference)))


def _of_level(
    step: DescendantStep, level: str, cells: np.ndarray, copies: np.ndarray | None, min_cells: int, notes: Notes
) -> list[Unit]:
    """The level as one unit, or its replicates that have enough cells."""
    if copies is None:
        return [_unit(step, level, "", cells, min_cells)]
    found = []
    for value in sorted(set(copies[cells].tolist()) - {""}):
        unit = _unit(step, level, value, cells & (copies == value), min_cells)
        if (reason := _empty(unit, min_cells)) is None:
            found.append(unit)
        else:
            notes.add("replicates", f"{unit.name}: {reason}", 1)
    return found


def _unit(step: DescendantStep, level: str, replicate: str, cells: np.ndarray, min_cells: int) -> Unit:
    screen = step.screen
    sizes = np.bincount(screen.group[cells], minlength=screen.n_groups + 1)
    genes = frozenset(gene for gene, size in zip(screen.genes, sizes, strict=False) if size >= min_cells)
    return Unit(level, replicate, cells, genes, int(sizes[-1]))


def _empty(unit: Unit, min_cells: int) -> str | None:
    """Why nothing can be estimated there, None if something can."""
    if unit.n_controls < min_cells:
        return (
            f"{counted(unit.n_controls, 'control cell')}, fewer than {min_cells}: its effects would rest on the "
            "control cells of other levels, whose error they would share"
        )
    if len(unit.genes) < 2:
        return f"{counted(len(unit.genes), 'perturbation')} with {min_cells} cells or more"
    return None


def _too_little(found: Sequence[Unit], min_cells: int, *, has_replicates: bool) -> str | None:
    """Why a level cannot be compared, None if it can."""
    if has_replicates:
        enough = len(found) >= 2
        return None if enough else f"{counted(len(found), 'replicate')} with enough cells, two are needed"
    return _empty(found[0], min_cells)


def _refuse(by: str, level: str, reason: str, *, must_be: bool, notes: Notes) -> None:
    if must_be:
        msg = (
            f"by={by!r}: the level {level!r} cannot be estimated: {reason}. Leave it out of levels, name another "
            "reference, or take a smaller min_cells."
        )
        raise InputError(msg)
    notes.add("levels", f"{level}: {reason}", 1)


def common_genes(
    genes: Sequence[str], units: Sequence[Unit], lost: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Perturbations that every unit can tell of, and why the others are out.

    Parameters
    ----------
    genes
        All perturbations of the network.
    units
        Cells that are estimated together.
    lost
        Reason by name of a unit and gene, beyond too few cells.
    """
    out = {}
    for gene in genes:
        few = [unit.name for unit in units if gene not in unit.genes]
        reasons = [f"too few cells in {name_some(few, 5)}"] if few else []
        reasons += [f"{found[gene]} in {name}" for name, found in lost.items() if gene in found]
        if reasons:
            out[gene] = "; ".join(reasons)
    return tuple(gene for gene in genes if gene not in out), out

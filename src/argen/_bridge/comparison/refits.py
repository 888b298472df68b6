"""The equations of a network estimated in every unit, and what came of it as arrays."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge import log
from argen._bridge.comparison.candidates import Compared
from argen._bridge.comparison.responders import ComparedResponders, ResponderFits, refit_responders
from argen._bridge.comparison.units import Levels, Unit, check_two_left, common_genes
from argen._bridge.diagnostics.calibration import Notes
from argen._bridge.diagnostics.left_out import OwnCells
from argen._bridge.results.steps import DescendantStep
from argen._bridge.validate import counted, name_some
from argen._core.compare.refit import Refit, refit
from argen._core.parallel import Map
from argen._core.screen import Screen
from argen.errors import ArgenError, InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Refits", "refit_levels"]

_GONE = "no counts, or its cells are alone in covariate levels,"
_UNKNOWN = "its effect on its own gene cannot be estimated"
Track = Callable[[Iterable], Iterable]


@dataclass(frozen=True, slots=True)
class Refits:
    """What every unit says of the same equations.

    Attributes
    ----------
    levels
        Levels and their units; those in which nothing could be estimated are out.
    genes
        Perturbations that are compared.
    of_unit
        In the order of the units.
    pooled
        All of their cells in one analysis.
    left_out
        Covariates that do not vary in each unit.
    responders
        Edges to responders in each unit, then in all cells; None where they were not asked for.
    """

    levels: Levels
    genes: tuple[str, ...]
    of_unit: tuple[Refit, ...]
    pooled: Refit
    left_out: tuple[tuple[str, ...], ...]
    responders: tuple[ResponderFits, ...] | None


def refit_levels(
    adata: "AnnData",
    compared: Compared,
    levels: Levels,
    wanted: ComparedResponders | None,
    *,
    by: str,
    min_cells: int,
    notes: Notes,
    map_: Map,
    track: Track,
) -> Refits:
    """Estimate the equations in every unit and in all of them together."""
    step, n_levels = compared.step, len(levels.names)
    own = OwnCells(adata, step, map_, min_cells=min_cells)
    lost: dict[str, dict[str, str]] = {}
    while True:
        levels, genes, screens = _screens(own, step, levels, lost, by, n_levels, notes)
        equations = compared.equations.among(genes)
        found = [refit(screen, equations, compared.how, map_) for _, screen in track(screens)]
        unknown = [np.flatnonzero(~np.isfinite(np.diag(one.tests.effect))) for one in found[:-1]]
        if not any(len(at) for at in unknown):
            break
        for unit, at in zip(levels.units, unknown, strict=True):
            lost.setdefault(unit.name, {}).update((genes[j], _UNKNOWN) for j in at)
    _tell(common_genes(step.screen.genes, levels.units, lost)[1], notes)
    on_responders = []
    for one, (keep, screen) in zip(found, screens, strict=True) if wanted is not None else ():
        rows, shifts = np.flatnonzero(keep)[screen.cell], own.shifts(keep)
        on_responders.append(refit_responders(wanted, one, equations, rows, shifts, map_))
    left_out = tuple(own.left_out(keep) for keep, _ in screens[:-1])
    for names in sorted(set(left_out) - {()}):
        of = [unit.name for unit, out in zip(levels.units, left_out, strict=True) if out == names]
        notes.add("covariates", f"{name_some(names)}: do not vary in {name_some(of, 5)}", len(of))
    responders = None if wanted is None else tuple(on_responders)
    return Refits(levels, genes, tuple(found[:-1]), found[-1], left_out, responders)


def _screens(
    own: OwnCells,
    step: DescendantStep,
    levels: Levels,
    lost: dict[str, dict[str, str]],
    by: str,
    n_levels: int,
    notes: Notes,
) -> tuple[Levels, tuple[str, ...], list[tuple[np.ndarray, Screen]]]:
    """Cells and screen of each unit and of all together, of the same genes; `lost` grows.

    Reading the cells of a unit can show that a gene, or the whole unit, is out: then all are read anew without it.
    """
    while True:
        genes, out = common_genes(step.screen.genes, levels.units, lost)
        _check_enough(genes, out, by)
        wanted = np.isin(step.screen.group, [*_positions(step.screen, genes), step.screen.n_groups])
        screens, failed = [], {}
        for unit in levels.units:
            try:
                screen = own.screen(unit.cells & wanted)
            except ArgenError as error:
                failed[unit.name] = str(error)
                continue
            screens.append(screen)
            if gone := set(genes) - set(screen.genes):
                lost.setdefault(unit.name, {}).update(dict.fromkeys(gone, _GONE))
        if failed:
            levels = _without(levels, failed, by, n_levels, notes)
            for name in failed:
                lost.pop(name, None)
        elif all(screen.genes == genes for screen in screens):
            break
    everything = np.logical_or.reduce([unit.cells for unit in levels.units]) & wanted
    cells = [unit.cells & wanted for unit in levels.units]
    return levels, genes, [*zip(cells, screens, strict=True), (everything, own.screen(everything))]


def _tell(out: dict[str, str], notes: Notes) -> None:
    """Note and log the perturbations that are out."""
    for gene, reason in out.items():
        notes.add("perturbations", f"{gene}: {reason}", 1)
    if out:
        log.warning(
            f"{counted(len(out), 'perturbation')} left out in all levels, since some cannot tell of them: "
            f"{name_some(out)} (table 'skipped')"
        )


def _positions(screen: Screen, genes: Sequence[str]) -> list[int]:
    position = {gene: j for j, gene in enumerate(screen.genes)}
    return [position[gene] for gene in genes]


def _check_enough(genes: Sequence[str], out: dict[str, str], by: str) -> None:
    if len(genes) < 2:
        reasons = name_some((f"{gene}: {reason}" for gene, reason in out.items()), 5)
        msg = (
            f"by={by!r}: {counted(len(genes), 'perturbation')} can be estimated in every level, and two have to be. "
            f"{reasons}. Name the levels with enough cells by levels=, or take a smaller min_cells."
        )
        raise InputError(msg)


def _without(levels: Levels, failed: dict[str, str], by: str, n_levels: int, notes: Notes) -> Levels:
    """The levels without units whose cells make no analysis, and without levels that have too few units left."""
    left: list[Unit] = []
    kept: list[str] = []
    for name, reason in failed.items():
        notes.add("replicates" if any(u.replicate for u in levels.units) else "levels", f"{name}: {reason}", 1)
    for level in levels.names:
        units = [unit for unit in levels.units if unit.level == level and unit.name not in failed]
        least = 2 if any(unit.replicate for unit in levels.units) else 1
        if len(units) >= least:
            kept.append(level)
            left += units
        elif units:
            notes.add("levels", f"{level}: one replicate is left, two are needed", 1)
    check_two_left(by, kept, n_levels, notes)
    if kept[0] != levels.reference:
        log.warning(f"the reference is {kept[0]!r}: {levels.reference!r} cannot be estimated (table 'skipped')")
    return replace(levels, names=tuple(kept), units=tuple(left))

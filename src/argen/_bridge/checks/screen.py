"""What is seen of a screen over all its measured genes: shifts, unaffected genes, and the findings of the checks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.checks.depth_scale import LARGEST_SHARE, depth_finding, totals_of
from argen._bridge.checks.design import (
    balance_table,
    check_balance,
    check_covariates,
    check_supported,
    check_survivors,
)
from argen._bridge.checks.effects import (
    check_responses,
    check_shares,
    check_shifts,
    effect_tables,
)
from argen._bridge.checks.findings import Finding, findings_table
from argen._bridge.checks.guides import GuideOfCell, check_control_guides, check_unequal_guides
from argen._bridge.checks.neighbours import check_neighbours
from argen._bridge.counts import UNAFFECTED, read_counts, read_depth
from argen._bridge.features import genes_of
from argen._bridge.measured import MeasuredScreen, read_measured
from argen._bridge.results.tables import SHIFTED
from argen._bridge.settings import DescendantSettings
from argen._bridge.validate import counted
from argen._core.measured.shifts import Shifts, estimate_shifts
from argen._core.measured.sums import MeasuredSums, measured_sums
from argen._core.measured.unaffected import unaffected_genes
from argen._core.parallel import Map
from argen.errors import DesignError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Seen", "choose_depth_genes", "full_check", "look_at", "quick_findings"]

# Medians over so many genes are sharp enough for the shifts.
ENOUGH_GENES = 1000
# A depth of fewer genes, or of fewer counts per cell, is noise.
FEWEST_GENES, FEWEST_COUNTS = 20, 20.0
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """Measured genes under all perturbations, their sums, the shifts in them, and which of these are taken out.

    `depth_genes` make up the depth with ``depth="unaffected"``.
    """

    measured: MeasuredScreen
    sums: MeasuredSums
    shifts: Shifts
    taken_out: tuple[np.ndarray, np.ndarray]
    depth_genes: np.ndarray | None = None

    def as_taken_out(self, table: pd.DataFrame) -> "Seen":
        """The same with what a stored table of shifts says was taken out."""
        out = table[table["taken_out"].astype(bool)]
        names = self.measured.perturbations, self.measured.screen.genes
        by_kind = (set(out.loc[out["of"].astype(str) == kind, "name"]) for kind in SHIFTED)
        masks = (np.array([name in taken for name in some]) for some, taken in zip(names, by_kind, strict=True))
        return replace(self, taken_out=tuple(masks))


def look_at(
    adata: "AnnData",
    settings: DescendantSettings,
    depth_genes: np.ndarray | None,
    map_: Map,
    bar: Callable,
    most: int | None = ENOUGH_GENES,
) -> Seen:
    """Sums and shifts of the measured genes, of `most` of them where there are more."""
    measured = read_measured(adata, settings, depth_genes, most=most)
    sums = measured_sums(measured.screen, map_, bar("measured genes", measured.screen.n_genes))
    shifts = estimate_shifts(sums, measured.own, settings.adjust)
    return Seen(measured, sums, shifts, shifts.taken_out(settings.adjust), depth_genes)


def choose_depth_genes(adata: "AnnData", settings: DescendantSettings, map_: Map, bar: Callable) -> np.ndarray | None:
    """Names of the genes whose counts make up the depth with ``depth="unaffected"``; None for any other depth.

    Starts from the total count; a depth of the genes that no perturbation moves shows better which these are.
    """
    if settings.depth != UNAFFECTED or UNAFFECTED in adata.obs:
        return None
    names = None
    for _ in range(ROUNDS):
        total = replace(settings, depth=None) if names is None else settings
        seen = look_at(adata, total, names, map_, bar)
        at = np.flatnonzero(unaffected_genes(seen.sums, seen.shifts, seen.measured.own))
        found = np.array(seen.measured.screen.genes, dtype=object)[at]
        counts = seen.sums.S[:, at].sum() / seen.measured.screen.n_cells
        if len(found) < FEWEST_GENES or counts < FEWEST_COUNTS:
            msg = (
                f"depth='unaffected' finds {counted(len(found), 'gene')} that no perturbation moves, with "
                f"{counts:.0f} counts per cell; a depth needs {FEWEST_GENES} of them and {FEWEST_COUNTS:.0f} counts. "
                "Give the depth of the full transcriptome (depth=), or rely on adjust='auto'."
            )
            raise DesignError(msg)
        if names is not None and set(found) == set(names):
            break
        names = found
    log.info(f"    depth: the counts of {len(names)} genes that no perturbation moves, {counts:.0f} per cell")
    return names


def quick_findings(
    adata: "AnnData", settings: DescendantSettings, seen: Seen, balance: pd.DataFrame | None = None
) -> list[Finding]:
    """What can be seen without another fit; `balance` is that of :func:`.design.balance_table` where it is known."""
    measured, sums, shifts = seen.measured, seen.sums, seen.shifts
    totals = _totals(adata, settings, measured, sums)
    return [
        *check_shifts(measured, shifts, seen.taken_out[0]),
        *check_shares(measured, sums, totals[0]),
        *_depth_scale(adata, settings, measured, totals),
        *check_responses(measured, sums, shifts, seen.taken_out[1]),
        *check_balance(balance_table(adata, measured, settings) if balance is None else balance),
        *check_supported(adata, measured, settings),
        *check_survivors(measured),
    ]


def _totals(
    adata: "AnnData", settings: DescendantSettings, measured: MeasuredScreen, sums: MeasuredSums
) -> list[np.ndarray]:
    """Counts of each cell, and those without the genes that carry more than a tenth of the counts of the controls."""
    names = np.array(measured.screen.genes, dtype=object)[sums.S[-1] <= LARGEST_SHARE * sums.S[-1].sum()]
    return totals_of(read_counts(adata, settings.layer), genes_of(adata).isin(names))


def _depth_scale(
    adata: "AnnData", settings: DescendantSettings, measured: MeasuredScreen, totals: list[np.ndarray]
) -> list[Finding]:
    if settings.depth not in adata.obs:  # the counts themselves
        return []
    cells = measured.screen.cell
    depth = read_depth(adata.obs, settings.depth, None)[cells]
    found = depth_finding(settings.depth, depth, [total[cells] for total in totals])
    return [] if found is None else [found]


def full_check(
    adata: "AnnData",
    settings: DescendantSettings,
    seen: Seen,
    guides: GuideOfCell | None,
    positions: pd.DataFrame | None,
    distance: int,
    edges: set[tuple[str, str]],
    map_: Map,
) -> dict[str, pd.DataFrame]:
    """All checks that the data allow: ``findings``, the signals behind them, and what was ``not_checked``."""
    measured = seen.measured
    balance = balance_table(adata, measured, settings)
    findings = quick_findings(adata, settings, seen, balance)
    findings += check_covariates(adata, measured, settings, seen.depth_genes, map_)
    tables = effect_tables(measured, seen.sums, seen.shifts, seen.taken_out)
    tables["columns"] = balance
    skipped = []
    if guides is None:
        skipped += [("controls", "the guide of each cell is not known: give guides="), ("guides", "the same")]
    else:
        for name, check in (("control_guides", check_control_guides), ("guides", check_unequal_guides)):
            found, tables[name] = check(measured, guides, map_)
            findings += found
    if positions is None:
        skipped.append(("neighbours", "no gene positions in var, and none given by positions="))
    else:
        found, tables["neighbours"] = check_neighbours(measured, seen.sums, positions, distance, edges)
        findings += found
    return {
        "findings": findings_table(findings),
        **tables,
        "not_checked": pd.DataFrame(
            {name: np.array([row[i] for row in skipped], dtype=object) for i, name in enumerate(("check", "reason"))}
        ),
    }

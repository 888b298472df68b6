"""Cells to leave out, one guide, replicate or control guide at a time, and the screen that is left."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge import log
from argen._bridge.checks.screen import ENOUGH_GENES
from argen._bridge.design import parse_covariates, with_fixed_types
from argen._bridge.diagnostics.calibration import Notes
from argen._bridge.gene_names import gene_names
from argen._bridge.guides.knockdown import read_guides
from argen._bridge.inputs import read_screen
from argen._bridge.labels import read_labels
from argen._bridge.measured import read_measured
from argen._bridge.results.steps import DescendantStep, shifted
from argen._bridge.results.tables import shifts_table
from argen._bridge.validate import counted, name_some, read_column
from argen._core.descendants.prior import Prior
from argen._core.measured.shifts import estimate_shifts
from argen._core.measured.sums import measured_sums
from argen._core.parallel import Map
from argen._core.screen import CONTROL, Screen, regroup
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

    from argen._bridge.settings import DescendantSettings

__all__ = ["CellsLeftOut", "OwnCells", "prior_among", "without_guides", "without_replicates"]

_DEPTH = "argen depth of the analysis"


@dataclass(frozen=True, slots=True)
class CellsLeftOut:
    """One thing whose cells are left out.

    Attributes
    ----------
    name
        Of the guide or replicate.
    keep
        The other cells, a mask over the sorted cells of the screen.
    """

    name: str
    keep: np.ndarray


class OwnCells:
    """The cells and genes of an analysis as an object of their own, from which screens of some of them are read.

    A screen is read as the whole one was, with all that is refused or dropped: perturbations with too few cells left,
    cells that are alone in a level, genes without counts. Shifts of whole perturbations and genes are estimated again
    on all measured genes, since it may be the cells that are left out that made them.
    """

    def __init__(
        self, adata: "AnnData", step: DescendantStep, map_: Map = map, *, min_cells: int | None = None
    ) -> None:
        from anndata import AnnData

        screen = step.screen
        counts = screen.counts.matrix()
        read = read_labels(adata, step.settings)  # genes by the names of the screen, controls one by one
        labels, key = read.of_cell[screen.cell], step.settings.perturbation_key
        spec = parse_covariates(step.settings.covariates, adata.obs)
        obs = with_fixed_types(spec, adata.obs.iloc[screen.cell])
        obs = obs.assign(**{_DEPTH: step.unshifted.design.depth, key: labels})
        least = step.settings.min_cells if min_cells is None else min_cells
        self.settings: DescendantSettings = replace(
            read.settings, gene_symbols=None, min_cells=least, covariates=spec.main_effects or step.settings.covariates
        )
        self.adata = AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=list(screen.genes)))
        self._rows, self._map = screen.cell, map_
        adjusts = step.settings.adjust is not None
        self._measured = read_measured(adata, step.settings, step.depth_genes, most=ENOUGH_GENES) if adjusts else None

    def screen(self, keep: np.ndarray) -> Screen:
        """The screen of the cells of a mask; raises :class:`~argen.errors.ArgenError` where too little is left."""
        left = self.adata[keep].copy()
        labels = set(left.obs[self.settings.perturbation_key].astype(str))
        settings = replace(
            self.settings,
            depth=_DEPTH,
            layer=None,
            perturbations=None,
            control=tuple(label for label in self.settings.control if label in labels) or self.settings.control,
            covariates=_varying(self.settings.covariates, left.obs),
        )
        screen = read_screen(left, settings)[0]
        table = self.shifts(keep)
        return screen if table is None else shifted(screen, table)

    def left_out(self, keep: np.ndarray) -> tuple[str, ...]:
        """Covariates that do not vary in the cells of a mask, and that :meth:`screen` leaves out there."""
        given = self.settings.covariates
        if given is None or isinstance(given, str):
            return ()
        kept = _varying(given, self.adata.obs[keep]) or ()
        return tuple(name for name in given if name not in kept)

    def shifts(self, keep: np.ndarray) -> pd.DataFrame | None:
        """Shifts without the cells that a mask over the sorted cells leaves out; None where none are taken out."""
        if self._measured is None:
            return None
        whole = self._measured.screen
        group = np.where(whole.group == whole.n_groups, CONTROL, whole.group)
        stays = ~np.isin(whole.cell, self._rows[~keep])
        some = regroup(whole, group, whole.n_groups, keep=stays)
        found = estimate_shifts(measured_sums(some, self._map), self._measured.own, self.settings.adjust)
        return shifts_table(self._measured.perturbations, whole.genes, found, found.taken_out(self.settings.adjust))


def _varying(covariates: object, obs: pd.DataFrame) -> object:
    """Columns without those that the cells left do not vary in; a formula stays as it is."""
    if covariates is None or isinstance(covariates, str):
        return covariates
    return tuple(name for name in covariates if name not in obs or obs[name].nunique() > 1) or None


def prior_among(prior: Prior, screen: Screen, left: Screen) -> Prior:
    """Prior knowledge about the genes that are left."""
    position = {gene: j for j, gene in enumerate(screen.genes)}
    at = np.ix_(*([[position[gene] for gene in left.genes]] * 2))
    return Prior(prior.forbidden[at], prior.required[at], prior.before[at])


def without_guides(
    adata: "AnnData", guides: str, step: DescendantStep, notes: Notes
) -> tuple[list[CellsLeftOut], list[CellsLeftOut]]:
    """Each guide against a gene of the network, and each control guide, whose cells can be left out.

    A guide that is the only one of its perturbation, or whose cells are needed for `min_cells`, stays.
    """
    screen, least = step.screen, step.settings.min_cells
    sizes = screen.n_per_group
    found: dict[bool, list[CellsLeftOut]] = {False: [], True: []}
    few: dict[bool, list[str]] = {False: [], True: []}
    carriers = list(_carriers(adata, guides, step))
    times = Counter(name for name, group, _ in carriers if group != screen.n_groups)
    for guide, group, cells in carriers:
        is_control = group == screen.n_groups
        name = guide if is_control or times[guide] == 1 else f"{guide} of {screen.genes[group]}"
        if sizes[group] - len(cells) < least:
            few[is_control].append(name)
            continue
        keep = np.ones(screen.n_cells, dtype=bool)
        keep[cells] = False
        found[is_control].append(CellsLeftOut(name, keep))
    for is_control, what in ((False, "guides"), (True, "control_guides")):
        if few[is_control]:
            of = "control" if is_control else "its perturbation"
            reason = f"fewer than {least} cells of {of} without the guide: {name_some(few[is_control])}"
            notes.add(what, reason, len(few[is_control]))
        elif not found[is_control]:
            notes.add(what, f"no cell of the analysis with a known {'control ' * is_control}guide in {guides!r}", 0)
    return found[False], found[True]


def _carriers(adata: "AnnData", guides: str, step: DescendantStep) -> Iterator[tuple[str, int, np.ndarray]]:
    """Name of each guide, the group it belongs to, and the positions of the cells of that group that carry it."""
    names, calls = _calls(adata, guides, step)
    group = step.screen.group
    calls = sparse.csc_array(calls)
    for j, name in enumerate(names):
        cells = calls.indices[calls.indptr[j] : calls.indptr[j + 1]]
        for own in np.unique(group[cells]).tolist():
            yield name, own, cells[group[cells] == own]


def _calls(adata: "AnnData", guides: str, step: DescendantStep) -> tuple[list[str], sparse.sparray]:
    """Names of the guides, and which sorted cell of `screen` carries which; only guides of the cell's own gene."""
    screen = step.screen
    if guides in adata.uns:
        table = read_guides(adata, guides).tables["guides"]
        position = {gene: j for j, gene in enumerate(screen.genes)}
        genes = gene_names(adata, step.settings.gene_symbols).genes(table["target"])
        group = np.array([position.get(gene, -1) for gene in genes], dtype=np.int64)
        group[table["is_control"].to_numpy(dtype=bool)] = screen.n_groups
        calls = sparse.coo_array(sparse.csr_array(adata.obsm[guides])[screen.cell])
        own = (calls.data != 0) & (group[calls.col] == screen.group[calls.row])
        shape, at = calls.shape, (calls.row[own], calls.col[own])
        return table["guide"].astype(str).tolist(), sparse.coo_array((np.ones(own.sum()), at), shape=shape)
    column = adata.obs[guides].iloc[screen.cell]
    known = column.notna().to_numpy()
    names, code = np.unique(column.astype(object).where(known, "").astype(str), return_inverse=True)
    at = (np.flatnonzero(known), code[known])
    return names.tolist(), sparse.coo_array((np.ones(known.sum()), at), shape=(screen.n_cells, len(names)))


def without_replicates(adata: "AnnData", replicate: str, step: DescendantStep, notes: Notes) -> list[CellsLeftOut]:
    """Each value of the column `replicate` whose control cells are not needed; cells without one are always kept."""
    screen, least = step.screen, step.settings.min_cells
    column = read_column(adata.obs, replicate, f"replicate={replicate!r}").iloc[screen.cell]
    labels = column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)
    values = sorted(set(labels) - {""})
    if not 2 <= len(values) <= screen.n_cells // 2:
        msg = (
            f"replicate={replicate!r} has {counted(len(values), 'value')} in {screen.n_cells} cells of the analysis; "
            "it has to name the replicate of each cell, two at least."
        )
        raise InputError(msg)
    controls = screen.group == screen.n_groups
    needed = [value for value in values if (labels[controls] != value).sum() < least]
    if needed:
        notes.add("replicates", f"fewer than {least} control cells without it: {name_some(needed)}", len(needed))
    _check_crossed(labels, replicate, screen)
    return [CellsLeftOut(value, labels != value) for value in values if value not in needed]


def _check_crossed(labels: np.ndarray, replicate: str, screen: Screen) -> None:
    """A perturbation in one replicate alone goes with it: leaving that out tells nothing of its edges."""
    alone = [
        gene
        for k, gene in enumerate(screen.genes)
        if len(found := set(labels[screen.group == k])) == 1 and "" not in found
    ]
    if not alone:
        return
    words = f"{len(alone)} of {counted(screen.n_groups, 'perturbation')} in a single level of {replicate!r}"
    if len(alone) == screen.n_groups:
        msg = (
            f"replicate={replicate!r}: {words}, so that without one its perturbations are gone, and no edge is "
            "compared. A replicate holds cells of most perturbations and of the controls (donor, library, day)."
        )
        raise InputError(msg)
    log.warning(f"{words}, without which they leave the network, too: {name_some(alone)}")

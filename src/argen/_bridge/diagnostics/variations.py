"""Which searches a sensitivity analysis makes, which it cannot make and why, and the searches themselves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge import log
from argen._bridge.diagnostics.calibration import Notes
from argen._bridge.diagnostics.left_out import CellsLeftOut, OwnCells, prior_among, without_guides, without_replicates
from argen._bridge.diagnostics.sensitivity import BASE, LOOP, Variation
from argen._bridge.results.searched import SearchedNetwork
from argen._bridge.results.tables import loop_name
from argen._bridge.validate import counted
from argen._core.diagnostics.sensitivity import Method, Searches, search_without
from argen._core.glm.families import FAMILIES
from argen._core.parallel import Map
from argen._core.results import Dag
from argen.errors import ArgenError, InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["KINDS", "MOST_SEARCHES", "SearchPlan", "planned_searches"]

KINDS = ("ties", "alphas", "loops", "first_stage", "shifts", "guides", "replicates", "control_guides")
MOST_SEARCHES = 100  # of one kind that are made without being asked for

_CHOICES = {"guides": "without guide", "replicates": "without replicate", "control_guides": "without control guide"}
_LEFT_OUT = tuple(_CHOICES)


@dataclass(frozen=True, slots=True)
class _Planned:
    """One search: what it changes, and how it is made; `run` returns None where it turns out to be impossible."""

    choice: str
    run: Callable[["_Planned"], Variation | None]
    detail: str = ""
    alpha: float = np.nan


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The searches to make, the network as it is first.

    Attributes
    ----------
    searches
        In their order.
    notes
        What cannot be varied; grows while they run.
    """

    searches: list[_Planned]
    notes: Notes = field(default_factory=Notes)

    def __len__(self) -> int:
        return len(self.searches)

    def run(self, track: Callable[[Iterable], Iterable]) -> list[Variation]:
        """Make them; those that turn out to be impossible are noted and logged."""
        known = len(self.notes.rows)
        found = [variation for search in track(self.searches) if (variation := search.run(search)) is not None]
        self.tell(known)
        return found

    def tell(self, first: int = 0) -> None:
        """Log what was noted, from note number `first` on."""
        for what, reason, _ in self.notes.rows[first:]:
            log.info(f"    not varied, {what}: {reason}")


def planned_searches(
    adata: "AnnData",
    network: SearchedNetwork,
    kinds: Sequence[str],
    levels: Sequence[float],
    guides: str,
    replicate: str | None,
    *,
    ask_for_all: bool,
    map_: Map,
) -> SearchPlan:
    """The searches of these kinds; a kind that is impossible is noted, or an error where all was asked for by name."""
    step, notes = network.step, Notes()
    method = _method(network)
    searches = Searches(step.screen, step.tests, step.phi, method, network.prior, map_)
    of_choices = _OfChoices(network, searches)
    cells = _OfCells(adata, network, method, notes, map_)
    plan = [_Planned(BASE, of_choices.base)]
    for kind in kinds:
        if kind in _LEFT_OUT:
            planned = cells.planned(kind, guides, replicate, required=ask_for_all)
        else:
            planned = of_choices.planned(kind, levels, notes)
        if len(planned) > MOST_SEARCHES and not ask_for_all:
            notes.add(
                kind, f"{len(planned)} searches would take long; they are made if vary names {kind!r}", len(planned)
            )
            continue
        plan += planned
    result = SearchPlan(plan, notes)
    result.tell()
    return result


def _method(network: SearchedNetwork) -> Method:
    settings, how = network.settings, network.step.settings
    return Method(
        closure=how.closure,
        descendants_alpha=how.alpha,
        first_stage=settings.first_stage,
        covariance=settings.covariance,
        hc=settings.edges_hc,
        alpha=settings.alpha,
        fdr=settings.fdr,
        total_effects={"test": how.test, "hc": how.hc, "pooled": how.pooled},
        negative_binomial=FAMILIES[how.family].needs_dispersion,
    )


class _OfChoices:
    """Variations of choices that leave the cells as they are."""

    def __init__(self, network: SearchedNetwork, searches: Searches) -> None:
        self.screen, self.order, self.searches = network.step.screen, network.dag.order, searches
        self.network = network
        self.found: Dag | None = None

    def base(self, planned: _Planned) -> Variation:
        self.found = self.searches.as_it_is()
        return self._variation(planned, self.found)

    def planned(self, kind: str, levels: Sequence[float], notes: Notes) -> list[_Planned]:
        searches = self.searches
        if kind == "ties":
            return [self._search("ties", searches.with_ties_reversed)]
        if kind == "alphas":
            at = [("edges alpha", self._edges_at), ("descendants alpha", searches.with_descendants_at)]
            return [self._search(name, partial(run, a), f"{a:g}", a) for name, run in at for a in levels]
        if kind == "first_stage":
            names = searches.method.other_first_stages
            return [self._search("first stage", partial(searches.with_first_stage, name), name) for name in names]
        if kind == "shifts":
            return self._without_shifts(notes)
        pairs, n_fixed = searches.reversible_loops(self.order)
        if n_fixed:
            notes.add("loops", f"{counted(n_fixed, 'loop')} whose order is known beforehand", n_fixed)
        if not len(pairs) and not n_fixed:
            notes.add("loops", "the order cuts none", 0)
        return [
            self._search(LOOP, partial(searches.with_loop_reversed, *pair), loop_name(self.screen.genes, pair))
            for pair in pairs.tolist()
        ]

    def _without_shifts(self, notes: Notes) -> list[_Planned]:
        """The search with effects as they are, where shifts were taken out of them."""
        step = self.network.step
        if step.unshifted is step.screen:
            notes.add("shifts", "none of the network was taken out", 0)
            return []
        method, prior, map_ = self.searches.method, self.network.prior, self.searches.map_
        return [self._search("shifts kept", lambda: search_without(step.unshifted, method, prior, map_))]

    def _edges_at(self, level: float) -> Dag:
        return self.searches.with_edges_at(level, self.found)

    def _search(self, choice: str, run: Callable[[], Dag], detail: str = "", alpha: float = np.nan) -> _Planned:
        return _Planned(choice, lambda planned: self._variation(planned, run()), detail, alpha)

    def _variation(self, planned: _Planned, dag: Dag) -> Variation:
        screen = self.screen
        return Variation(planned.choice, planned.detail, planned.alpha, screen.n_cells, screen.genes, dag)


class _OfCells:
    """Variations without some of the cells."""

    def __init__(self, adata: "AnnData", network: SearchedNetwork, method: Method, notes: Notes, map_: Map) -> None:
        self.adata, self.network, self.method, self.notes, self.map_ = adata, network, method, notes, map_
        self.cells: OwnCells | None = None
        self.by_guide: tuple[list[CellsLeftOut], list[CellsLeftOut]] | None = None

    def planned(self, kind: str, guides: str, replicate: str | None, *, required: bool) -> list[_Planned]:
        left_out, choice = self._left_out(kind, guides, replicate, required=required), _CHOICES[kind]
        return [_Planned(choice, partial(self._search, kind, cells), cells.name) for cells in left_out]

    def _left_out(self, kind: str, guides: str, replicate: str | None, *, required: bool) -> list[CellsLeftOut]:
        if kind == "replicates":
            if replicate is None:
                self.notes.add(kind, "no column is named by replicate=", 0)
                return []
            return without_replicates(self.adata, replicate, self.network.step, self.notes)
        if guides not in self.adata.uns and guides not in self.adata.obs:
            reason = f"no guides: {guides!r} is neither in adata.uns (ag.pp.argen_guides) nor a column of adata.obs"
            if required or guides != "argen_guides":
                msg = f"{kind}: {reason}."
                raise InputError(msg)
            self.notes.add(kind, reason, 0)
            return []
        if self.by_guide is None:
            self.by_guide = without_guides(self.adata, guides, self.network.step, self.notes)
        return self.by_guide[kind == "control_guides"]

    def _search(self, kind: str, left_out: CellsLeftOut, planned: _Planned) -> Variation | None:
        """Fit and search again; too little may be left for that."""
        step = self.network.step
        self.cells = self.cells or OwnCells(self.adata, step, self.map_)
        try:
            screen = self.cells.screen(left_out.keep)
        except ArgenError as error:
            self.notes.add(kind, f"without {left_out.name}: {error}", 1)
            return None
        prior = prior_among(self.network.prior, step.screen, screen)
        dag = search_without(screen, self.method, prior, self.map_)
        return Variation(planned.choice, planned.detail, planned.alpha, screen.n_cells, screen.genes, dag)

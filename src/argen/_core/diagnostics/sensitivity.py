"""Searches of the same network with one choice made differently.

The level of the edges is applied to stored p-values. Ties of the order are broken the other way round, a loop is cut
elsewhere, another level of the descendant step or another first stage gives another network from the same total
effects; only genes whose instruments change get a new reduced form. Without some of the cells everything is fitted
again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from argen._core.dag.instruments import FIRST_STAGES, ReducedForms
from argen._core.dag.loops import loop_pairs
from argen._core.dag.search import is_settled, search_dag, select_edges
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.descendants.prior import Prior, no_prior
from argen._core.descendants.tests import fit_descendants
from argen._core.glm.sandwich import HC
from argen._core.graphs.reach import transitive_closure
from argen._core.parallel import Map
from argen._core.results import Dag, DescendantTests, Relation
from argen._core.screen import Screen

__all__ = ["Method", "Searches", "search_without"]


@dataclass(frozen=True, slots=True)
class Method:
    """How a network was found.

    Attributes
    ----------
    closure, descendants_alpha
        As in :func:`~argen._core.descendants.closure.descendant_relation`.
    first_stage, covariance, hc, alpha, fdr
        As in :func:`~argen._core.dag.search.search_dag`.
    total_effects
        ``test``, ``hc`` and ``pooled`` of :func:`~argen._core.descendants.tests.fit_descendants`.
    negative_binomial
        Whether genes have a dispersion.
    """

    closure: object
    descendants_alpha: float
    first_stage: str
    covariance: str
    hc: str
    alpha: float
    fdr: str
    total_effects: Mapping[str, object] = field(default_factory=dict)
    negative_binomial: bool = False

    @property
    def other_first_stages(self) -> tuple[str, ...]:
        """The first stages that were not taken."""
        return tuple(name for name in FIRST_STAGES if name != self.first_stage)


@dataclass(frozen=True, slots=True)
class Searches:
    """Searches from the total effects of one screen.

    Attributes
    ----------
    screen, tests, phi
        Counts with their design, tests of the descendant step, dispersion of each gene (0: Poisson).
    method
        How the network was found.
    prior
        What was known beforehand.
    map_
        Parallel map over genes.
    """

    screen: Screen
    tests: DescendantTests
    phi: np.ndarray
    method: Method
    prior: Prior
    map_: Map = map
    _forms: list[ReducedForms] = field(default_factory=list)

    def as_it_is(self) -> Dag:
        """The network itself."""
        return self._search(self._relation())

    def with_ties_reversed(self) -> Dag:
        """Ties of the order broken the other way round."""
        return self._search(self._relation(), reverse_ties=True)

    def with_descendants_at(self, level: float) -> Dag:
        """Another level of the descendant step."""
        return self._search(self._relation(level))

    def with_first_stage(self, name: str) -> Dag:
        """Another first stage."""
        return self._search(self._relation(), first_stage=name)

    def with_edges_at(self, level: float, dag: Dag) -> Dag:
        """Another level of the edges; `dag` is the network as it is."""
        return select_edges(dag.order, list(dag.equations), level, self.method.fdr, self.prior.required)

    def with_loop_reversed(self, earlier: int, later: int) -> Dag:
        """A loop cut elsewhere: the later gene of the pair comes before the earlier one.

        The relation is closed anew with that order known: an acyclic closure keeps the pair that it skipped and skips
        what leads the other way, the other closures let the later gene go first.
        """
        before = self.prior.before.copy()
        before[later, earlier] = True
        prior = replace(self.prior, before=transitive_closure(before))
        return self._search(self._relation(prior=prior), prior=prior)

    def reversible_loops(self, order: np.ndarray) -> tuple[np.ndarray, int]:
        """Pairs (earlier, later) that an order cut, strongest evidence against it first, and how many prior fixes."""
        pairs = loop_pairs(self._relation(), order)
        fixed = self.prior.before[pairs[:, 0], pairs[:, 1]]
        free = pairs[~fixed]
        strength = self.tests.neg_log10_p[free[:, 1], free[:, 0]]
        return free[np.argsort(-strength, kind="stable")], int(fixed.sum())

    def _relation(self, level: float | None = None, prior: Prior | None = None) -> Relation:
        alpha = self.method.descendants_alpha if level is None else level
        return descendant_relation(self.tests, self.method.closure, alpha, prior or self.prior)

    def _search(
        self,
        relation: Relation,
        *,
        first_stage: str | None = None,
        reverse_ties: bool = False,
        prior: Prior | None = None,
    ) -> Dag:
        method = self.method
        first_stage = first_stage or method.first_stage
        return search_dag(
            self.screen,
            self.tests,
            relation,
            first_stage=first_stage,
            covariance=method.covariance,
            alpha=method.alpha,
            fdr=method.fdr,
            hc=method.hc,
            phi=self.phi,
            prior=prior or self.prior,
            reverse_ties=reverse_ties,
            forms=self._shared_forms() if is_settled(relation, first_stage) else None,
            map_=self.map_,
        )

    def _shared_forms(self) -> ReducedForms:
        """Reduced forms that are kept from one search to the next."""
        if not self._forms:
            hc3 = HC[self.method.hc].hc3
            self._forms.append(ReducedForms(self.screen, keep_fits=False, hc3=hc3, phi=self.phi, remember=True))
        return self._forms[0]


def search_without(screen: Screen, method: Method, prior: Prior | None = None, map_: Map = map) -> Dag:
    """The network of a screen without some cells, all fitted again: dispersions, total effects, order and edges.

    Parameters
    ----------
    screen
        Counts and design of the cells that are left.
    method
        How the network was found.
    prior
        Over the genes of `screen`.
    map_
        Parallel map over genes.
    """
    phi = estimate_dispersions(screen, map_).phi if method.negative_binomial else np.zeros(screen.n_genes)
    tests = fit_descendants(screen, map_, phi=phi, **method.total_effects)
    return Searches(screen, tests, phi, method, prior or no_prior(screen.n_genes), map_).as_it_is()

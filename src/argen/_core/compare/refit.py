"""The equations of a network, estimated from other cells: same genes, order and candidates, all numbers fitted again.

Of the search (:mod:`argen._core.dag.search`) everything but the choice of the candidates is made again: dispersions,
total effects, first stages and the second one. On the cells that the network was found with it gives the same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from argen._core.dag.search import search_dag
from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.descendants.prior import Prior, build_prior
from argen._core.descendants.tests import fit_descendants
from argen._core.graphs.reach import transitive_closure
from argen._core.parallel import Map
from argen._core.results import Dag, DescendantTests, Relation
from argen._core.screen import Screen

__all__ = ["Equations", "HowToFit", "Refit", "equations_of_edges", "refit"]


@dataclass(frozen=True, slots=True)
class Equations:
    """Which genes enter whose equation.

    Attributes
    ----------
    genes
        Names of the p genes.
    relation
        Who descends from whom, as in the search.
    order
        Causal order, roots to sinks, shape (p,).
    prior
        Whose `forbidden` pairs are no candidates.
    """

    genes: tuple[str, ...]
    relation: Relation
    order: np.ndarray
    prior: Prior

    def among(self, genes: tuple[str, ...]) -> "Equations":
        """The equations of some of the genes, in which the others are no candidates; `genes` sorted as they are."""
        position = {gene: j for j, gene in enumerate(self.genes)}
        kept = np.array([position[gene] for gene in genes], dtype=np.int64)
        new = np.full(len(self.genes), -1)
        new[kept] = np.arange(len(kept))
        at = np.ix_(kept, kept)
        old = self.relation
        relation = Relation(old.padj[at], old.significant[at], old.descendant[at], np.empty((0, 2), dtype=np.int64), ())
        prior = Prior(self.prior.forbidden[at], self.prior.required[at], self.prior.before[at])
        order = new[self.order]
        return Equations(genes, relation, order[order >= 0], prior)


def equations_of_edges(genes: tuple[str, ...], source: np.ndarray, target: np.ndarray, order: np.ndarray) -> Equations:
    """The equations of a graph without cycles: each gene on its listed parents.

    Parameters
    ----------
    genes
        Names of the p genes.
    source, target
        Ends of the edges.
    order
        A causal order of the graph, shape (p,).
    """
    p = len(genes)
    listed = np.zeros((p, p), dtype=bool)
    listed[source, target] = True
    descendant = transitive_closure(listed)
    np.fill_diagonal(descendant, val=False)
    forbidden = np.argwhere(descendant & ~listed)
    nothing = np.empty((0, 2), dtype=np.int64)
    relation = Relation(np.full((p, p), np.nan), descendant, descendant, nothing, ())
    return Equations(genes, relation, order, build_prior(p, forbidden, nothing, nothing))


@dataclass(frozen=True, slots=True)
class HowToFit:
    """How the numbers of a network were estimated.

    Attributes
    ----------
    first_stage, covariance, hc
        As in :func:`~argen._core.dag.search.search_dag`.
    total_effects
        ``test``, ``hc`` and ``pooled`` of :func:`~argen._core.descendants.tests.fit_descendants`.
    negative_binomial
        Whether genes have a dispersion.
    """

    first_stage: str
    covariance: str
    hc: str
    total_effects: Mapping[str, object] = field(default_factory=dict)
    negative_binomial: bool = False


@dataclass(frozen=True, slots=True)
class Refit:
    """What a screen says of the equations.

    Attributes
    ----------
    screen
        Counts and design.
    tests
        Total effects of all pairs.
    edges
        Candidate edges; nothing is selected among them that would mean anything.
    phi
        Dispersion of each gene.
    """

    screen: Screen
    tests: DescendantTests
    edges: Dag
    phi: np.ndarray


def refit(screen: Screen, equations: Equations, how: HowToFit, map_: Map = map) -> Refit:
    """Estimate total effects and the candidate edges of `equations` from a screen of their genes."""
    phi = estimate_dispersions(screen, map_).phi if how.negative_binomial else np.zeros(screen.n_genes)
    tests = fit_descendants(screen, map_, phi=phi, **how.total_effects)
    p = screen.n_genes
    dag = search_dag(
        screen,
        tests,
        equations.relation,
        first_stage=how.first_stage,
        covariance=how.covariance,
        alpha=0.05,
        hc=how.hc,
        phi=phi,
        prior=equations.prior,
        placed=(equations.order, np.zeros((p, p), dtype=bool)),
        map_=map_,
    )
    return Refit(screen, tests, dag, phi)

"""How the selected edges depend on choices that nothing in the data settles.

The level of the edges is applied to stored p-values. Another level of the descendant step gives another relation, and
only genes whose ancestors change get a new reduced form. Ties of the order are broken the other way round.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from argen._core.dag.instruments import ReducedForms
from argen._core.dag.search import is_settled, search_dag, select_edges
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.prior import Prior
from argen._core.glm.sandwich import HC
from argen._core.parallel import Map
from argen._core.results import Dag, DescendantTests
from argen._core.screen import Screen

__all__ = ["Variation", "vary"]


@dataclass(frozen=True, slots=True)
class Variation:
    """One changed choice and the edges it leads to.

    Attributes
    ----------
    choice
        ``"none"``, ``"ties"``, ``"edges alpha"`` or ``"descendants alpha"``.
    alpha
        The level that was changed; NaN for the others.
    dag
        The search's result.
    """

    choice: str
    alpha: float
    dag: Dag


def vary(  # noqa: PLR0913
    screen: Screen,
    tests: DescendantTests,
    *,
    closure: object,
    descendants_alpha: float,
    alphas: Sequence[float],
    first_stage: str,
    covariance: str,
    hc: str,
    alpha: float,
    fdr: str,
    phi: np.ndarray | None = None,
    prior: Prior | None = None,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> list[Variation]:
    """The search as it is, with ties reversed, and at other levels of the edges and of the descendant step.

    Parameters
    ----------
    screen, tests
        Counts with their design, and the tests of the descendant step.
    closure, descendants_alpha
        As in :func:`~argen._core.descendants.closure.descendant_relation`.
    alphas
        Other levels.
    first_stage, covariance, hc, alpha, fdr, phi, prior, map_
        As in :func:`~argen._core.dag.search.search_dag`.
    track
        Wrapper round the iterator over the searches, for a progress bar.
    """
    relations = {level: descendant_relation(tests, closure, level, prior) for level in {descendants_alpha, *alphas}}
    forms = None
    if all(is_settled(relation, first_stage) for relation in relations.values()):
        forms = ReducedForms(screen, keep_fits=False, hc3=HC[hc].hc3, phi=phi, remember=True)

    def search(level: float, *, reverse_ties: bool = False) -> Dag:
        return search_dag(
            screen,
            tests,
            relations[level],
            first_stage=first_stage,
            covariance=covariance,
            alpha=alpha,
            fdr=fdr,
            hc=hc,
            phi=phi,
            prior=prior,
            reverse_ties=reverse_ties,
            forms=forms,
            map_=map_,
        )

    searches: list[tuple[str, float, Callable[[], Dag]]] = [
        ("none", np.nan, lambda: search(descendants_alpha)),
        ("ties", np.nan, lambda: search(descendants_alpha, reverse_ties=True)),
        *(("descendants alpha", level, lambda level=level: search(level)) for level in alphas),
    ]
    done = [Variation(choice, level, run()) for choice, level, run in track(searches)]
    base = done[0].dag
    required = None if prior is None else prior.required
    edges = [
        Variation("edges alpha", a, select_edges(base.order, list(base.equations), a, fdr, required)) for a in alphas
    ]
    return [*done[:2], *edges, *done[2:]]

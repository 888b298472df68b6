"""Placebo tests of edges to responders (METHOD 9 and 12; see :mod:`.calibration`).

In the equation of a responder the groups of all candidates, those that are adjusted for included, are replaced by
splits of the controls:  θ = M_A⁻¹ ξ_t^placebo,  M_A and the V_k those of the saturated first stages, in which the
relation of the network decides what an entry counts for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from argen._core.dag.covariance import COVARIANCES, first_stage_share, invert
from argen._core.diagnostics.calibration import controls_of, group_sizes, placebo_estimates, too_few
from argen._core.parallel import Map
from argen._core.responders.direct import FirstStages
from argen._core.screen import Screen

__all__ = ["PlaceboEquation", "ResponderEquation", "placebo_of_responders"]


@dataclass(frozen=True, slots=True)
class ResponderEquation:
    """One responder and what stands in its equation.

    Attributes
    ----------
    gene, phi
        The responder in its screen, and its dispersion.
    candidates
        Perturbations whose genes are candidates or adjusted for, sorted; shape (m,).
    estimable
        Whether the equation of the real groups has a solution.
    """

    gene: int
    phi: float
    candidates: np.ndarray
    estimable: bool = True


@dataclass(frozen=True, slots=True)
class PlaceboEquation:
    """Placebo estimates of one equation.

    Attributes
    ----------
    coef, se
        θ and its standard error [candidate, split], NaN where an estimate failed; without rows if it was left out.
    factor, smallest
        What its groups were made smaller by (1: nothing), and the cells of the smallest; NaN and 0 if it was left out.
    reason
        Why it was left out, empty if it was not.
    """

    coef: np.ndarray
    se: np.ndarray
    factor: float
    smallest: int
    reason: str


def placebo_of_responders(
    screen: Screen,
    equations: Sequence[ResponderEquation],
    first: FirstStages,
    shuffles: Callable[[int], Sequence[np.ndarray]],
    *,
    covariance: str,
    hc3: bool,
    min_cells: int,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> list[PlaceboEquation]:
    """Estimate the equations of some responders on placebo groups.

    Parameters
    ----------
    screen
        Responders under all perturbations.
    equations
        Of genes of `screen`.
    first
        First stages of the network.
    shuffles
        Gives the order of so many control cells for every split, :func:`~.calibration.shuffles_of`.
    covariance, hc3
        As the responders were tested with. Murphy and Topel's covariance replaces those that need the influence of
        the cells.
    min_cells
        An equation with a smaller placebo group is left out.
    map_, track
        Parallel map over splits; wraps the iterator over equations.
    """
    controls = controls_of(screen)
    orders, counts_first_stage = shuffles(controls.n_cells), COVARIANCES[covariance].counts_first_stage
    solved: dict[bytes, tuple[np.ndarray | None, np.ndarray]] = {}  # many responders have the same candidates

    def solve(A: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        inverse, shares = invert(first.matrix[np.ix_(A, A)])[0], np.zeros((len(A), len(A)))
        if inverse is not None and counts_first_stage:
            forms = first.of(A, whole=False)
            shares = np.column_stack([first_stage_share(inverse, A, form) for form in forms])
        return inverse, shares

    def left_out(reason: str) -> PlaceboEquation:
        nothing = np.empty((0, len(orders)))
        return PlaceboEquation(nothing, nothing, np.nan, 0, reason)

    def fit(equation: ResponderEquation) -> PlaceboEquation:
        A = equation.candidates
        sizes, factor = group_sizes(screen.n_per_group[A], controls.n_cells)
        if reason := too_few(sizes, min_cells):
            return left_out(reason)
        if (name := A.tobytes()) not in solved:
            solved[name] = solve(A)
        inverse, shares = solved[name]
        if inverse is None or not equation.estimable:
            return left_out("singular")
        coef, se = placebo_estimates(
            controls, equation.gene, inverse, shares, sizes, orders, hc3=hc3, phi=equation.phi, map_=map_
        )
        return PlaceboEquation(coef, se, factor, int(sizes.min()), "")

    return [fit(equation) for equation in track(equations)]

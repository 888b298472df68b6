"""Standard errors of predicted effects on responders, which are leaves: x_r = Σ_k x_k Θ_kr.

The influence of a cell is Σ_k x_k IF_θkr (:mod:`argen._core.responders.direct`) + Σ_k Θ_kr IF_xk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from argen._core.dag.covariance import Solved, influence_of, invert, separated_variance
from argen._core.dag.influence import CellInfluence
from argen._core.glm.reduced_form import fit_reduced_form
from argen._core.parallel import BlockTask, Map
from argen._core.predict.delta import HC3, in_order_of_cells
from argen._core.responders.direct import FirstStages

__all__ = ["LeafEquation", "se_on_leaves"]


@dataclass(frozen=True, slots=True)
class LeafEquation:
    """The equation of a responder and what a prediction takes from it.

    Attributes
    ----------
    gene, phi
        The responder in the screen, and its dispersion.
    candidates
        Perturbations whose genes stand in its equation, shape (m,).
    effects
        x of the selected parents among them, 0 for the others, shape (m,).
    parents, coef
        Places of its reached parents among the predictions, and Θ of these edges.
    """

    gene: int
    candidates: np.ndarray
    effects: np.ndarray
    parents: np.ndarray
    coef: np.ndarray
    phi: float


def se_on_leaves(
    cells: CellInfluence,
    equations: Sequence[LeafEquation],
    first: FirstStages,
    on_nodes: np.ndarray,
    separated: np.ndarray,
    map_: Map = map,
) -> np.ndarray:
    """Standard errors of the predictions of some responders.

    Parameters
    ----------
    cells
        Influence of the cells of a screen with the nodes and these responders.
    equations
        What is wanted.
    first
        Saturated first stages of the nodes, fitted for :data:`~argen._core.predict.delta.HC3`.
    on_nodes, separated
        The nodes' :class:`~argen._core.predict.delta.PredictionInfluence`, in the order of the cells of this screen.
    """
    options = {"first": first, "on_nodes": on_nodes, "separated": separated}
    return np.array(list(map_(BlockTask(_se_of, cells, options), equations)), dtype=np.float64)


def _se_of(cells: CellInfluence, equation: LeafEquation, **how: Any) -> float:
    first, A, row = how["first"], equation.candidates, equation.effects[None]
    inverse, _ = invert(first.matrix[np.ix_(A, A)])
    screen = cells.screen
    own = fit_reduced_form(screen, equation.gene, np.arange(screen.n_groups), hc3=HC3, phi=equation.phi)
    if inverse is None or not np.isfinite(own.effect[A]).all():
        return np.nan
    solved = Solved(equation.gene, A, own, first.of(A, whole=True), inverse, inverse @ own.effect[A])
    u = in_order_of_cells(influence_of(solved, row, cells)[0], cells)
    u = u + equation.coef @ how["on_nodes"][equation.parents]
    variance = float(u @ u) + float(separated_variance(replace(solved), row)[0])
    return float(np.sqrt(variance + equation.coef**2 @ how["separated"][equation.parents]))

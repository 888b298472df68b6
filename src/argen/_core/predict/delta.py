r"""Standard errors of predictions by the delta method over both stages: from what single cells do to them.

A prediction x_j hangs on the coefficients and on the shifts s of the perturbed genes,

    ∂x_j / ∂Θ_kt = x_k B_tj,   ∂x_j / ∂s_g = B_gj,

so that the influence of cell i on it is

    IF_j,i = Σ_t B_tj (Σ_k x_k IF_θkt,i) + Σ_g B_gj IF_sg,i,

with IF_θ that of the second stage, which holds that of the first stages (:func:`.covariance.influence_of`), and IF_s
that of the knock-down where it is the one that was observed (:class:`.observed.ObservedInfluence`: it comes from
the cells that its regression saw, the perturbation's own and the controls, not from all cells as the first stages do).
Σ_i IF²_j,i is the variance: the same cells feed all equations and the knock-downs, and all covariances between them are
counted. Which edges there are is taken for known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from argen._core.dag.covariance import Solved, influence_of, influence_of_regression, invert, separated_variance
from argen._core.dag.equations import System, build_system, steps_of
from argen._core.dag.influence import CellInfluence
from argen._core.dag.instruments import ReducedForms
from argen._core.dag.two_stage import fit_regression, loaded_single_threaded
from argen._core.descendants.prior import Prior
from argen._core.parallel import Map
from argen._core.predict.effects import Effects
from argen._core.predict.observed import ObservedInfluence
from argen._core.results import Dag, Relation
from argen._core.screen import Screen

__all__ = ["PredictionInfluence", "in_order_of_cells", "influence_of_predictions"]

# Residuals are divided by 1 − leverage: with HC0 intervals of perturbations with few cells are too short.
HC3 = True


@dataclass(frozen=True, slots=True)
class PredictionInfluence:
    """What the cells do to some predictions.

    Attributes
    ----------
    cells
        Influence of each cell, in the order of the screen's cells, shape (r, n).
    separated
        What groups without counts, whose coefficients are stand-ins for −∞, add to the variance, shape (r,).
    """

    cells: np.ndarray
    separated: np.ndarray

    @property
    def se(self) -> np.ndarray:
        """Standard errors, shape (r,)."""
        return np.sqrt(np.einsum("ij,ij->i", self.cells, self.cells) + self.separated)


def influence_of_predictions(  # noqa: PLR0913
    screen: Screen,
    dag: Dag,
    relation: Relation,
    usable: np.ndarray,
    effects: Effects,
    observed: np.ndarray,
    *,
    prior: Prior,
    first_stage: str,
    phi: np.ndarray,
    pooled: bool,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> PredictionInfluence:
    """Influence of the cells on the effects on all genes that are reached, in the order of ``effects.reached``.

    Parameters
    ----------
    screen, dag, relation, prior, first_stage, phi
        The network and what it was searched with.
    pooled
        Whether the knock-downs come from one regression on the cells of all perturbations.
    usable
        Genes whose knock-down is known, shape (p,).
    effects
        The predictions, from the selected edges of `dag`.
    observed
        Which of the perturbed genes get the shift that was observed, shape (m,); that of the others is given.
    map_, track
        Parallel map over genes; wrapper round the iterator over equations, for a progress bar.
    """
    influence = CellInfluence(screen, hc3=HC3)
    place = {int(gene): i for i, gene in enumerate(effects.reached)}
    total = np.zeros((len(effects.reached), screen.n_cells))
    separated = np.zeros(len(effects.reached))

    def add(gene: int, of_cells: np.ndarray, variance: float) -> None:
        response = effects.response[place[gene]]
        below = np.flatnonzero(response)
        total[below] += response[below, None] * of_cells
        separated[below] += response[below] ** 2 * variance

    for gene in effects.sources[observed].tolist():
        add(gene, *ObservedInfluence(screen, gene, pooled=pooled, hc3=HC3).of(gene, float(phi[gene])))
    forms = ReducedForms(screen, keep_fits=False, hc3=HC3, phi=phi)
    on_parents = _wanted(dag, effects, place)
    for step in track(steps_of(relation.descendant, dag.order, usable, prior.forbidden)):
        if step.target in on_parents:
            system = build_system(step, forms, first_stage, map_)
            u, variance = _of_equation(screen, system, on_parents[step.target], influence, map_)
            add(step.target, in_order_of_cells(u, influence), variance)
    return PredictionInfluence(total, separated)


def in_order_of_cells(u: np.ndarray, influence: CellInfluence) -> np.ndarray:
    """Influences of cells by stratum, shape (…, n), in the order of the screen's cells."""
    return u[..., influence.place]


def _wanted(dag: Dag, effects: Effects, place: dict[int, int]) -> dict[int, dict[int, float]]:
    """By target that is not held: x_k of its parents that are reached."""
    wanted: dict[int, dict[int, float]] = {}
    source, target = dag.source[dag.selected].tolist(), dag.target[dag.selected].tolist()
    for k, t in zip(source, target, strict=True):
        if k in place and t in place and effects.theta[place[k], place[t]] != 0 and effects.effect[k] != 0:
            wanted.setdefault(t, {})[k] = float(effects.effect[k])
    return wanted


def _of_equation(
    screen: Screen, system: System, x: dict[int, float], influence: CellInfluence, map_: Map
) -> tuple[np.ndarray, float]:
    """Influence of the cells on Σ_k x_k θ̂_kt, and what groups without counts add to its variance."""
    row = np.array([[x.get(int(k), 0.0) for k in system.candidates]])
    if not system.is_square:
        return _of_regression(screen, system, row, influence, map_)
    inverse, _ = invert(system.matrix)
    if inverse is None:
        return np.full(screen.n_cells, np.nan), np.nan
    solved = Solved(system.target, system.candidates, system.own, system.first, inverse, inverse @ system.xi)
    return influence_of(solved, row, influence, map_)[0], float(separated_variance(solved, row)[0])


def _of_regression(
    screen: Screen, system: System, row: np.ndarray, influence: CellInfluence, map_: Map
) -> tuple[np.ndarray, float]:
    first = system.first
    with loaded_single_threaded():
        regression, _ = fit_regression(screen, system.target, first, phi=system.own.phi, hc3=HC3)
        if regression is None:
            return np.full(screen.n_cells, np.nan), np.nan
        u, separated = influence_of_regression(regression, row, system.candidates.tolist(), first, influence, map_)
    return u[0], float(separated[0])

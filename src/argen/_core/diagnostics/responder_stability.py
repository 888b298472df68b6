"""How often an edge to a responder comes back when the cells are drawn again (METHOD 9 and 12; see :mod:`.stability`).

A draw moves the saturated forms of nodes and responders by Σ_i (w_i − 1) IF_i, one weight per cell for all genes, and
a total effect by as much as the coefficient of the same pair, with its standard error fixed. From the moved numbers the
relation of the nodes, the family of total effects, the candidates and M* follow as from the real ones, and
θ* = M*_A⁻¹ ξ*_t,A with Murphy and Topel's variance at θ*. All z-scores of a draw are divided by √2 before they are
compared with a level, since a draw adds the variance of the estimates once more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from argen._core.dag.covariance import invert, quadratic_diagonal
from argen._core.dag.instruments import shrinkage_of
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.prior import Prior
from argen._core.diagnostics.stability import Draws, interval_of, moves_of, weights_of
from argen._core.fdr import adjusted
from argen._core.glm.reduced_form import ReducedForm
from argen._core.normal import log_p_two_sided
from argen._core.parallel import Map
from argen._core.responders.direct import POSSIBLE, candidates_of, select
from argen._core.responders.mediators import Observed
from argen._core.results import DescendantTests
from argen._core.screen import Screen

__all__ = [
    "DrawnOptions",
    "NodeRows",
    "ResponderStability",
    "SaturatedDraws",
    "TotalEffects",
    "draw_responders",
    "fill_moves",
]

_DRAWS = 40  # at a time: bounds the memory of the weights; fixed, so that sums do not depend on it


@dataclass(frozen=True, slots=True)
class DrawnOptions:
    """How the descendant step, the total effects and the responders' equations were done; see their functions."""

    closure: object
    descendants_alpha: float
    prior: Prior
    total_alpha: float
    first_stage: str
    alpha: float
    with_first_stage_variance: bool  # not for the naive covariance


@dataclass(frozen=True, slots=True)
class TotalEffects:
    """Total effects of all P perturbations on the p nodes and the R responders, shape (P, p + R).

    Attributes
    ----------
    z
        Normal scores of the p-values, NaN outside the family of responders.
    se
        Standard errors.
    """

    z: np.ndarray
    se: np.ndarray


@dataclass(frozen=True, slots=True)
class NodeRows:
    """The rows of the nodes in a saturated form, which are all that an equation can take of it.

    Attributes
    ----------
    effect, variance
        ξ and the diagonal of its covariance, shape (p,).
    v, W, G
        Its covariance in factors, see :class:`~argen._core.glm.reduced_form.ReducedForm`.
    """

    effect: np.ndarray
    variance: np.ndarray
    v: np.ndarray
    W: np.ndarray
    G: np.ndarray

    @classmethod
    def of(cls, form: ReducedForm, nodes: np.ndarray) -> "NodeRows":
        """Read off the form of one gene on all perturbations; `nodes` are those whose genes are in the network."""
        return cls(form.effect[nodes], form.variance[nodes], form.v[nodes], form.W[nodes], form.G[nodes])


@dataclass(frozen=True, slots=True)
class SaturatedDraws:
    """Saturated forms of the p nodes, then of the R responders, and how the draws move them.

    Attributes
    ----------
    nodes
        Perturbations whose genes are the nodes, sorted; shape (p,).
    forms
        One per gene.
    moves
        [draw, perturbation, gene], shape (draws, P, p + R), see :func:`fill_moves`.
    """

    nodes: np.ndarray
    forms: Sequence[NodeRows]
    moves: np.ndarray


@dataclass(frozen=True, slots=True)
class ResponderStability:
    """Shares of the draws, [node, responder] of shape (p, R), and what the draws say about θ.

    Attributes
    ----------
    stability
        Draws that select the edge.
    candidate
        Draws in which the node is a candidate parent of the responder.
    low, high
        2.5 % and 97.5 % points of θ* for relation and candidates as they are, moved so that they surround θ̂; one for
        every place in the stored equations.
    """

    stability: np.ndarray
    candidate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def fill_moves(
    screen: Screen,
    genes: Sequence[int],
    forms: Sequence[ReducedForm],
    draws: Draws,
    into: np.ndarray,
    map_: Map = map,
) -> None:
    """Write Σ_i (w_i − 1) IF_i of the saturated forms of some genes, [draw, perturbation, gene].

    Parameters
    ----------
    screen, genes, forms
        Genes of a screen with the cells of all perturbations, and their saturated forms.
    draws
        How many, and the seed: the weights are those of the cells, whatever the genes.
    into
        Array of shape (draws, P, genes).
    map_
        Parallel map over genes.
    """
    for lo in range(0, draws.n, _DRAWS):
        block = range(lo, min(lo + _DRAWS, draws.n))
        weights = weights_of(draws.seed, block, screen.n_cells)

        def fill(place: int, block: range = block, weights: np.ndarray = weights) -> None:
            moved = moves_of(screen, int(genes[place]), forms[place], weights, hc3=draws.hc3)
            into[block.start : block.stop, :, place] = moved

        list(map_(fill, range(len(genes))))


@dataclass(frozen=True, slots=True)
class _Draw:
    """What one draw found: selected pairs, candidates, and θ* of the stored equations."""

    selected: tuple[np.ndarray, np.ndarray]
    candidates: np.ndarray
    theta: np.ndarray


class _Equations:
    """θ = M_A⁻¹ ξ_A of responders on one M; M⁻¹ and the shares of the first stages once for the same candidates.

    Parameters
    ----------
    forms
        Node rows of the p nodes, then of the R responders.
    effect
        ξ of one draw, [node, gene], shape (p, p + R).
    descendant
        Relation of the nodes.
    options, scale
        Of the responders' equations; factor of the standard errors.
    """

    def __init__(
        self,
        forms: Sequence[NodeRows],
        effect: np.ndarray,
        descendant: np.ndarray,
        options: DrawnOptions,
        scale: float,
    ) -> None:
        p = len(descendant)
        self._forms, self._effect, self._options, self._scale = forms, effect, options, scale
        related = descendant | np.eye(p, dtype=bool)
        own = effect[:, :p]
        if options.first_stage == "shrunk":
            variance = np.column_stack([form.variance for form in forms[:p]])
            other = shrinkage_of(own, scale**2 * variance)
        else:
            other = np.full((p, p), float(options.first_stage == "shared"))
        self._shrinkage = np.where(related, 1.0, other)
        # A coefficient that counts nothing may be unknown.
        self._matrix = np.where(self._shrinkage > 0, own * self._shrinkage, 0.0)
        self._inverses: dict[bytes, np.ndarray | None] = {}
        self._shares: dict[bytes, np.ndarray] = {}

    def coef(self, responder: int, A: np.ndarray) -> np.ndarray:
        """θ of the candidates A, NaN where it is not determined."""
        inverse = self._inverse(A)
        return np.full(len(A), np.nan) if inverse is None else inverse @ self._xi(responder, A)

    def estimate(self, responder: int, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """θ and its standard error times `scale`."""
        inverse = self._inverse(A)
        if inverse is None:
            return (np.full(len(A), np.nan),) * 2
        coef = inverse @ self._xi(responder, A)
        own = self._forms[len(self._matrix) + responder]
        variance = quadratic_diagonal(inverse, own.v[A], own.W[A], own.G[A])
        if self._options.with_first_stage_variance:
            variance = variance + self._first_stages(A, inverse) @ coef**2
        return coef, self._scale * np.sqrt(variance)

    def _xi(self, responder: int, A: np.ndarray) -> np.ndarray:
        return self._effect[A, len(self._matrix) + responder]

    def _inverse(self, A: np.ndarray) -> np.ndarray | None:
        if (name := A.tobytes()) not in self._inverses:
            self._inverses[name] = invert(self._matrix[np.ix_(A, A)])[0]
        return self._inverses[name]

    def _first_stages(self, A: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        """diag(M⁻¹ V_k M⁻ᵀ) in column k, shape (m, m)."""
        if (name := A.tobytes()) not in self._shares:
            columns = []
            for k in A.tolist():
                form, rows = self._forms[k], inverse * self._shrinkage[A, k]
                columns.append(quadratic_diagonal(rows, form.v[A], form.W[A], form.G[A]))
            self._shares[name] = np.column_stack(columns)
        return self._shares[name]


def draw_responders(
    tests: DescendantTests,
    totals: TotalEffects,
    saturated: SaturatedDraws,
    descendant: np.ndarray,
    equations: Sequence[tuple[int, np.ndarray]],
    coef: np.ndarray,
    options: DrawnOptions,
    *,
    scale: float = np.sqrt(2.0),
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> ResponderStability:
    """Find candidates and edges of every draw.

    Parameters
    ----------
    tests
        Of the network's descendant step, [node, node].
    totals
        Total effects outside the network.
    saturated
        Forms and their moves; nothing else is random.
    descendant
        Relation of the network, shape (p, p).
    equations, coef
        Responder and nodes of every stored equation; θ̂ of all their nodes, one after the other.
    options
        Of all steps.
    scale
        What z-scores are divided by, and standard errors multiplied with.
    map_, track
        Parallel map over draws; wrapper round the iterator over draws, for a progress bar.
    """
    nodes, forms, moves = saturated.nodes, saturated.forms, saturated.moves
    p, usable = len(nodes), np.isfinite(np.diag(tests.effect))[:, None]
    effect = np.column_stack([form.effect for form in forms])

    def theta_of(moved: np.ndarray) -> np.ndarray:
        stored = _Equations(forms, moved, descendant, options, 1.0)
        return np.concatenate([np.empty(0), *(stored.coef(responder, A) for responder, A in equations)])

    def one(move: np.ndarray) -> _Draw:
        move = move.astype(np.float64)
        moved = effect + move[nodes]
        z = _moved(tests.z, move[nodes, :p], tests.se) / scale
        relation = descendant_relation(
            replace(tests, z=z, log_p=log_p_two_sided(z)), options.closure, options.descendants_alpha, options.prior
        )
        z_total = _moved(totals.z, move, totals.se) / scale
        p_total = np.exp(log_p_two_sided(z_total))
        significant = np.nan_to_num(adjusted(p_total), nan=1.0) < options.total_alpha
        of_nodes = np.ix_(nodes, np.arange(p, p_total.shape[1]))
        above = candidates_of(significant[of_nodes], relation.descendant)
        on_nodes = tests.effect + move[nodes, :p], tests.se, np.exp(log_p_two_sided(z))
        se_total = totals.se[of_nodes]
        on_responders = scale * z_total[of_nodes] * se_total, se_total, p_total[of_nodes]
        seen = Observed(*on_nodes, *on_responders, relation.descendant)
        between = seen.mediators(above, POSSIBLE) & usable
        above &= usable
        drawn = _Equations(forms, moved, relation.descendant, options, scale)
        return _Draw(_selected(drawn, above, between, options.alpha), above, theta_of(moved))

    shape = (p, effect.shape[1] - p)
    stability, candidate = np.zeros(shape), np.zeros(shape)
    theta = []
    for found in track(map_(one, moves)):
        stability[found.selected] += 1
        candidate += found.candidates
        theta.append(found.theta)
    low, high = interval_of(np.array(theta), theta_of(effect), coef)
    return ResponderStability(stability / len(moves), candidate / len(moves), low, high)


def _moved(z: np.ndarray, move: np.ndarray, se: np.ndarray) -> np.ndarray:
    """z-scores after a move of what they are scores of; as they were where that is unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = z + move / se
    return np.where(np.isfinite(moved), moved, z)


def _selected(
    equations: _Equations, candidates: np.ndarray, mediators: np.ndarray, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and responders of the edges that Benjamini and Hochberg's procedure selects among the candidates."""
    parts = list(_estimates(equations, candidates, mediators))
    if not parts:
        return (np.empty(0, dtype=np.int64),) * 2
    source, target, coef, se = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        chosen = select(coef, se, alpha, candidates[source, target]).selected
    return source[chosen], target[chosen]


def _estimates(equations: _Equations, candidates: np.ndarray, mediators: np.ndarray) -> Iterator[tuple]:
    for responder in np.flatnonzero(candidates.any(axis=0)):
        A = np.flatnonzero(candidates[:, responder] | mediators[:, responder])
        yield A, np.full(len(A), responder), *equations.estimate(int(responder), A)

r"""Direct effects on responders: genes that are measured but have no instrument, hence leaves (METHOD 12).

Every gene k has one saturated reduced form, on the indicators of all perturbations:
Y_k ~ offset + 1 + D_1 + … + D_P + X. A responder t with candidate parents A has

    ξ_t[A] = M_A θ_t,    M_A: row l, column k = coefficient of D_l in the form of k,

since a perturbation of A reaches t through A alone. So θ̂_t = M_A⁻¹ ξ_t[A], which is the regression of t on the
predicted expression of A and on the indicators of the perturbations outside A: these explain their own cells and are
no part of the baseline. One form per gene serves every set of candidates, and all M_A are blocks of one matrix.

Entries of M for pairs outside the relation of the network are dropped, kept, or shrunk, as in its own search
(:data:`~argen._core.dag.instruments.FIRST_STAGES`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from argen._core.dag.covariance import COVARIANCES, Covariance, Solved, invert, separated_variance
from argen._core.dag.influence import CellInfluence
from argen._core.dag.instruments import shrinkage_of
from argen._core.dag.robust import robust_tests, strength
from argen._core.dag.search import RESTS_ON, edge_status
from argen._core.fdr import adjusted
from argen._core.glm.reduced_form import ReducedForm, fit_reduced_form
from argen._core.graphs.reach import transitive_closure
from argen._core.normal import log_p_two_sided
from argen._core.parallel import BlockTask, Map
from argen._core.results import EdgeStatus, Equation, Instruments
from argen._core.screen import Screen

# α₀ of possible mediators. *Measured* FDR and recall of the edges without mediators and with them, 25 nodes: few counts
# .11/.44, .04/.38, weak knock-downs .19/.09, .02/.06, cascades .09/.85, .02/.83; 100 nodes, few counts .15/.40, .03/.33
# (four screens each). With α = .2 at 400 nodes a fifth of the edges was left, with √(2 / p) nine tenths.
POSSIBLE = 0.2

__all__ = [
    "POSSIBLE",
    "FirstStages",
    "Selection",
    "Wanted",
    "candidates_of",
    "equations",
    "fit_first_stages",
    "saturated_forms",
    "select",
    "solve",
]


def saturated_forms(
    screen: Screen, genes: Sequence[int], *, hc3: bool, phi: np.ndarray, map_: Map = map
) -> list[ReducedForm]:
    """Reduced forms of `genes` on the indicators of all perturbations; `phi` is the dispersion of every gene."""
    return list(map_(BlockTask(_saturated_form, screen, {"hc3": hc3, "phi": phi}), genes))


def _saturated_form(screen: Screen, gene: int, *, hc3: bool, phi: np.ndarray) -> ReducedForm:
    return fit_reduced_form(screen, gene, np.arange(screen.n_groups), hc3=hc3, phi=float(phi[gene]))


@dataclass(frozen=True, slots=True)
class FirstStages:
    """Saturated first stages of the genes of a network; all indices are those of perturbations.

    Attributes
    ----------
    forms
        Of the gene of each perturbation, None for those that are no node; shape (P,).
    matrix
        [l, k]: what D_l counts for in the first stage of k, NaN where k is no node; shape (P, P).
    shrinkage
        The part of the fitted coefficient that it is, shape (P, P).
    """

    forms: tuple[ReducedForm | None, ...]
    matrix: np.ndarray
    shrinkage: np.ndarray

    def of(self, candidates: np.ndarray, *, whole: bool) -> list[ReducedForm]:
        """First stages of the candidates: their rows alone, or with `whole` all, those outside counting nothing."""
        if not whole:
            return [_rows(self.forms[k], candidates, self.shrinkage[candidates, k]) for k in candidates]
        forms = []
        for k in candidates:
            counts_for = np.zeros(len(self.forms))
            counts_for[candidates] = self.shrinkage[candidates, k]
            forms.append(replace(self.forms[k], shrinkage=counts_for))
        return forms


def fit_first_stages(
    screen: Screen,
    nodes: np.ndarray,
    descendant: np.ndarray,
    first_stage: str,
    *,
    hc3: bool,
    phi: np.ndarray,
    map_: Map,
) -> FirstStages:
    """Fit the first stages of a network.

    Parameters
    ----------
    screen
        Its gene g is the gene of perturbation g for g < P.
    nodes
        Perturbations whose genes are in the network.
    descendant
        Its relation [source, target] over `nodes`.
    first_stage
        How entries outside the relation are taken.
    hc3, phi, map_
        As in :func:`saturated_forms`.
    """
    P = screen.n_groups
    forms: list[ReducedForm | None] = [None] * P
    for k, form in zip(nodes, saturated_forms(screen, nodes, hc3=hc3, phi=phi, map_=map_), strict=True):
        forms[k] = form
    related = np.eye(P, dtype=bool)
    related[np.ix_(nodes, nodes)] |= descendant
    matrix, shrinkage = np.full((P, P), np.nan), np.zeros((P, P))
    for k in nodes:
        unrelated = {
            "ancestors": lambda form: np.zeros(P),
            "shared": lambda form: np.ones(P),
            "shrunk": lambda form: shrinkage_of(form.effect, form.variance),
        }[first_stage](forms[k])
        shrinkage[:, k] = np.where(related[:, k], 1.0, unrelated)
        # A coefficient that counts nothing may be unknown.
        matrix[:, k] = np.where(shrinkage[:, k] > 0, forms[k].effect * shrinkage[:, k], 0.0)
    return FirstStages(tuple(forms), matrix, shrinkage)


def candidates_of(significant: np.ndarray, descendant: np.ndarray) -> np.ndarray:
    """Candidate parents of responders, shape (p, R): what moves a responder significantly, and the ancestors of that.

    Parameters
    ----------
    significant
        [node, responder], shape (p, R).
    descendant
        The network's relation [source, target], shape (p, p).
    """
    reach = (transitive_closure(descendant) | np.eye(len(descendant), dtype=bool)).astype(np.float32)
    return (reach @ significant.astype(np.float32)) > 0


def solve(
    target: int,
    candidates: np.ndarray,
    own: ReducedForm,
    first: FirstStages,
    covariance: Covariance,
    influence: CellInfluence | None = None,
    *,
    robust: bool = False,
    map_: Map = map,
) -> Equation:
    """Direct effects of `candidates` on one responder.

    Parameters
    ----------
    target, own
        The responder and its saturated reduced form.
    candidates
        Perturbations whose genes are nodes, sorted.
    first
        First stages of the network.
    covariance, influence, robust
        Covariance of the effects, and whether the tests that weak instruments do not spoil are made; what needs the
        influence of cells is given it.
    map_
        Parallel map within the equation.
    """
    m = len(candidates)
    inverse, condition = invert(first.matrix[np.ix_(candidates, candidates)])
    xi = own.effect[candidates]
    if inverse is None or not np.isfinite(xi).all():
        nothing, status = np.full(m, np.nan), np.full(m, int(EdgeStatus.SINGULAR))
        return Equation(
            target, candidates, nothing, nothing.copy(), status, condition, instruments=Instruments.nothing(m)
        )
    some = Solved(target, candidates, _rows(own, candidates), first.of(candidates, whole=False), inverse, inverse @ xi)
    all_cells = replace(some, own=own, first=first.of(candidates, whole=True)) if influence is not None else None
    variance = covariance.of_square(all_cells if covariance.needs_influence else some, None, influence, map_)
    status = edge_status(separated_variance(some) > RESTS_ON * variance, own, some.first)
    found = robust_tests(influence, all_cells, map_) if robust else Instruments.nothing(m)
    instruments = replace(found, strength=strength(some))
    return Equation(target, candidates, some.coef, np.sqrt(variance), status, condition, instruments=instruments)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The equation of one responder: its gene, the perturbations that are its candidates, its dispersion."""

    gene: int
    candidates: np.ndarray
    phi: float


def equations(
    cells: Screen | CellInfluence, wanted: Sequence[Wanted], how: Mapping[str, Any], map_: Map
) -> list[Equation]:
    """Equations of some responders, which are leaves: none of them needs another.

    Parameters
    ----------
    cells
        Screen with the responders; the influence of its cells where `how` needs that, with the genes of the nodes.
    wanted
        The equations.
    how
        ``first`` (:class:`FirstStages`), ``covariance`` (a name), ``hc3`` and ``robust``, see :func:`solve`. First
        stages are large: a mapping that serves several calls goes to the workers of a cluster once.
    map_
        Parallel map over equations.
    """
    return list(map_(BlockTask(_equation, cells, how), wanted))


def _equation(
    cells: Screen | CellInfluence, wanted: Wanted, *, first: FirstStages, covariance: str, hc3: bool, robust: bool
) -> Equation:
    influence = cells if isinstance(cells, CellInfluence) else None
    screen = cells if influence is None else influence.screen
    own = fit_reduced_form(screen, wanted.gene, np.arange(screen.n_groups), hc3=hc3, phi=wanted.phi)
    return solve(wanted.gene, wanted.candidates, own, first, COVARIANCES[covariance], influence, robust=robust)


def _rows(form: ReducedForm, rows: np.ndarray, shrinkage: np.ndarray | float = 1.0) -> ReducedForm:
    """Some of the coefficients of a form with their block of V; influences of cells need the whole."""
    some = {name: getattr(form, name)[rows] for name in ("effect", "separated", "v", "W", "G", "S")}
    return replace(form, instruments=rows, shrinkage=shrinkage, **some)


@dataclass(frozen=True, slots=True)
class Selection:
    """Candidate edges to responders and which of them are selected; shape (m,) each."""

    z: np.ndarray
    p: np.ndarray
    padj: np.ndarray
    selected: np.ndarray


def select(coef: np.ndarray, se: np.ndarray, alpha: float, tested: np.ndarray | None = None) -> Selection:
    """Benjamini and Hochberg over the candidate edges to responders that have a p-value, or the `tested` among them."""
    z = coef / se
    p = np.exp(log_p_two_sided(z))
    padj = adjusted(p if tested is None else np.where(tested, p, np.nan))
    return Selection(z, p, padj, np.nan_to_num(padj, nan=1.0) <= alpha)

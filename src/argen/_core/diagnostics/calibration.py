"""Tests of null hypotheses that are known to hold: pseudo-perturbations and placebo edges (METHOD 9).

A pseudo-perturbation is a set of control cells that is treated as a perturbation: the cells of one non-targeting guide,
or a random split of the controls. Its effect on every gene is tested against the other controls as the descendant step
tests a perturbation's; all of these nulls are true as far as the guide does nothing.

A pseudo-perturbation has no gene of its own, hence no column of M. The edges' test is run with the groups of all
candidates of an equation replaced by splits of the controls:  θ = M⁻¹ ξ_t^placebo  with

    V(θ) = M⁻¹ (V_t^placebo + Σ_k θ_k² V_k) M⁻ᵀ,

M and the V_k those of the network. ξ_t^placebo is the reduced form of t on control cells alone: disjoint random groups
of the candidates' sizes, all other controls the baseline.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from argen._core.dag.covariance import COVARIANCES, FirstStageShares, first_stage_share, invert, own_variance
from argen._core.dag.equations import System, build_system, steps_of
from argen._core.dag.instruments import ReducedForms
from argen._core.dag.search import is_settled
from argen._core.descendants.tests import fit_descendants
from argen._core.glm.reduced_form import fit_reduced_form
from argen._core.glm.sandwich import HC
from argen._core.normal import log_p_two_sided
from argen._core.parallel import Map
from argen._core.results import Dag, DescendantTests, Relation
from argen._core.screen import CONTROL, Screen, regroup

__all__ = [
    "Placebo",
    "controls_of",
    "draw_splits",
    "fit_placebo",
    "fit_pseudo_perturbations",
    "group_sizes",
    "placebo_estimates",
    "shuffles_of",
    "too_few",
]

# Splits take at most this share of the controls: the rest is what they are compared with.
LARGEST_SHARE = 0.5
_SPLITS, _PLACEBO = 0, 1  # streams of random numbers


def draw_splits(
    n_controls: int, sizes: np.ndarray, n_splits: int, seed: int, min_cells: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw random control cells in the sizes of real groups.

    Parameters
    ----------
    n_controls
        Number of control cells, at least twice `min_cells`.
    sizes
        Cells of each real group, shape (p,).
    n_splits, seed
        How many splits, and the seed of the draw.
    min_cells
        Smallest split.

    Returns
    -------
    members
        Positions among the control cells, sorted, of each split.
    drawn
        Size that was drawn from `sizes` for each split; a split is smaller where half of the controls is.
    """
    rng = np.random.default_rng([seed, _SPLITS])
    # Every real size as often as any other, in random order, so that few splits still span them.
    rounds = -(-n_splits // len(sizes))
    drawn = np.concatenate([rng.permutation(sizes) for _ in range(rounds)])[:n_splits]
    used = np.clip(drawn, min_cells, int(LARGEST_SHARE * n_controls))
    return [np.sort(rng.permutation(n_controls)[:size]) for size in used], drawn


def fit_pseudo_perturbations(
    screen: Screen,
    members: Sequence[np.ndarray],
    *,
    test: str,
    hc: str,
    pooled: bool,
    phi: np.ndarray,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> DescendantTests:
    """Test each pseudo-perturbation against the other control cells.

    Parameters
    ----------
    screen
        Counts and design of the analysis.
    members
        Cells of each pseudo-perturbation, positions among the control cells of `screen` in their order.
    test, hc, pooled, phi
        As :func:`~argen._core.descendants.tests.fit_descendants` takes them. With `pooled` the cells of all
        perturbations take part as groups of their own; else they are left out, as they say nothing about a
        pseudo-perturbation.
    map_, track
        Parallel map over genes; wraps the iterator over pseudo-perturbations.

    Returns
    -------
    Tests [pseudo-perturbation, gene], arrays of shape (n_pseudo, p).
    """
    is_control = screen.group == screen.n_groups
    group = np.where(is_control, CONTROL, screen.group + 1)  # 0 is for the pseudo-perturbation
    place = np.flatnonzero(is_control)  # of each control cell
    if not pooled:
        controls = regroup(screen, np.full(screen.n_cells, CONTROL), 0, keep=is_control)
        place = np.argsort(np.searchsorted(place, controls.cell))
        screen, group = controls, np.full(controls.n_cells, CONTROL)
    n_groups = int(group.max()) + 1 if pooled else 1

    def fit(cells: np.ndarray) -> DescendantTests:
        own = group.copy()
        own[place[cells]] = 0
        return fit_descendants(regroup(screen, own, n_groups), map_, test=test, hc=hc, pooled=pooled, phi=phi)

    first_rows = [_first_row(fit(cells)) for cells in track(members)]
    columns = [np.stack(parts) for parts in zip(*first_rows, strict=True)]
    return DescendantTests(*columns)


def _first_row(tests: DescendantTests) -> tuple[np.ndarray, ...]:
    return tuple(getattr(tests, name)[0] for name in DescendantTests.__slots__)


@dataclass(frozen=True, slots=True)
class Placebo:
    """Placebo tests of the edges of a network.

    Attributes
    ----------
    edge
        Edge of the network, index into its edge arrays, shape (n,).
    coef, se, log_p
        Placebo estimates [edge, split], their standard errors and log p-values; NaN where an estimate failed. Shape
        (n, n_splits).
    equation
        Number of the network's equation of each edge, shape (n,).
    factor
        For each equation of the network the factor that its groups were made smaller by, 1 for none; NaN if it was left
        out. Shape (n_equations,).
    smallest
        Cells of each equation's smallest placebo group, shape (n_equations,); 0 if it was left out.
    reason
        Why an equation was left out, empty if it was not.
    """

    edge: np.ndarray
    coef: np.ndarray
    se: np.ndarray
    log_p: np.ndarray
    equation: np.ndarray
    factor: np.ndarray
    smallest: np.ndarray
    reason: tuple[str, ...]


def group_sizes(sizes: np.ndarray, n_controls: int) -> tuple[np.ndarray, float]:
    """Sizes of placebo groups, and the common factor that makes them fit into half of the controls."""
    factor = min(1.0, LARGEST_SHARE * n_controls / max(sizes.sum(), 1))
    return np.floor(factor * sizes + 1e-9).astype(np.int64), factor


def fit_placebo(  # noqa: PLR0913
    screen: Screen,
    relation: Relation,
    dag: Dag,
    usable: np.ndarray,
    *,
    first_stage: str,
    covariance: str,
    hc: str,
    phi: np.ndarray,
    n_splits: int,
    seed: int,
    min_cells: int,
    forbidden: np.ndarray | None = None,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> Placebo:
    """Estimate every equation of a network on placebo groups.

    Parameters
    ----------
    screen, relation, dag
        Data, the relation that was searched, and the network.
    usable
        Genes whose knock-down is known, shape (p,).
    first_stage, covariance, hc, phi
        As :func:`~argen._core.dag.search.search_dag` took them. Murphy and Topel's covariance replaces those that need
        the influence of the cells.
    n_splits, seed
        Number of splits, and their seed.
    min_cells
        An equation with a smaller placebo group is left out.
    forbidden
        Pairs that were no candidates, see :class:`~argen._core.descendants.prior.Prior`.
    map_, track
        Parallel map over genes and splits; wraps the iterator over equations.
    """
    settled, hc3 = is_settled(relation, first_stage), HC[hc].hc3
    forms = ReducedForms(screen, keep_fits=not settled, hc3=hc3, phi=phi)
    shares = FirstStageShares() if settled else None
    controls = controls_of(screen)
    shuffles = shuffles_of(controls.n_cells, n_splits, seed)
    n_equations = len(dag.equations)
    factor, smallest = np.full(n_equations, np.nan), np.zeros(n_equations, dtype=np.int64)
    reasons, parts = [], []
    steps = (step for step in steps_of(relation.descendant, dag.order, usable, forbidden) if len(step.ancestors))
    starts = np.cumsum([0, *(len(equation.candidates) for equation in dag.equations)])
    for number, step in enumerate(track(steps)):
        sizes, own_factor = group_sizes(screen.n_per_group[step.candidates], controls.n_cells)
        reason = too_few(sizes, min_cells)
        system = None if reason else build_system(step, forms, first_stage, map_)
        inverse = None
        if system is not None:
            inverse, reason = _inverse_of(system)
        reasons.append(reason)
        if inverse is None:
            continue
        factor[number], smallest[number] = own_factor, sizes.min()
        share = _first_stage_shares(system, inverse, shares, covariance, map_)
        how = {"hc3": hc3, "phi": system.own.phi, "map_": map_}
        coef, se = placebo_estimates(controls, system.target, inverse, share, sizes, shuffles, **how)
        # Candidates come first among the edges of an equation, untestable ancestors last.
        parts.append((starts[number] + np.arange(len(sizes)), coef, se, np.full(len(sizes), number)))
    nothing = (np.empty(0, dtype=np.int64), *(np.empty((0, n_splits)),) * 2, np.empty(0, dtype=np.int64))
    edge, coef, se, equation = (np.concatenate(arrays) for arrays in zip(nothing, *parts, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        log_p = log_p_two_sided(coef / se)
    return Placebo(edge, coef, se, log_p, equation, factor, smallest, tuple(reasons))


def controls_of(screen: Screen) -> Screen:
    """The control cells alone."""
    return regroup(screen, np.full(screen.n_cells, CONTROL), 0, keep=screen.group == screen.n_groups)


def shuffles_of(n_controls: int, n_splits: int, seed: int) -> list[np.ndarray]:
    """Order of the control cells in which every split deals them out to the groups."""
    return [np.random.default_rng([seed, _PLACEBO, s]).permutation(n_controls) for s in range(n_splits)]


def too_few(sizes: np.ndarray, min_cells: int) -> str:
    """Why placebo groups of these sizes cannot be fitted, or nothing."""
    if len(sizes) == 0:
        return "no testable candidate"
    return f"too few controls for placebo groups of {min_cells} cells" if sizes.min() < min_cells else ""


def _inverse_of(system: System) -> tuple[np.ndarray | None, str]:
    """M⁻¹, or why there is none."""
    if not system.is_square:
        return None, "over-identified"
    inverse = invert(system.matrix)[0]
    if inverse is None or not np.isfinite(system.xi).all():
        return None, "singular"
    return inverse, ""


def _first_stage_shares(
    system: System, inverse: np.ndarray, shares: FirstStageShares | None, covariance: str, map_: Map
) -> np.ndarray:
    """Columns diag(M⁻¹ V_k M⁻ᵀ), shape (m, m): times θ² they are the first stages' part of the variance."""
    A, first = system.candidates, system.first
    if not COVARIANCES[covariance].counts_first_stage:
        return np.zeros((len(A), len(A)))
    if shares is not None:
        return shares.columns(A, first)
    return np.column_stack(list(map_(lambda form: first_stage_share(inverse, A, form), first)))


def placebo_estimates(
    controls: Screen,
    target: int,
    inverse: np.ndarray,
    share: np.ndarray,
    sizes: np.ndarray,
    shuffles: Sequence[np.ndarray],
    *,
    hc3: bool,
    phi: float,
    map_: Map,
) -> tuple[np.ndarray, np.ndarray]:
    """θ and its standard error for every split, shape (m, n_splits).

    Parameters
    ----------
    controls, target
        Control cells, and the child.
    inverse, share
        M⁻¹, and the first stages' part of the variance as columns that are multiplied by θ²; shape (m, m).
    sizes, shuffles
        Cells of each group, and the order of the control cells from which every split takes them.
    hc3, phi, map_
        As :func:`fit_placebo` takes them; the dispersion is that of the child.
    """
    alone = _one_gene(controls, target)
    groups = np.arange(len(sizes))

    def estimate(shuffle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        group = np.full(controls.n_cells, CONTROL)
        group[shuffle[: sizes.sum()]] = np.repeat(groups, sizes)
        form = fit_reduced_form(regroup(alone, group, len(sizes)), 0, groups, hc3=hc3, phi=phi)
        if not form.converged:
            return (np.full(len(sizes), np.nan),) * 2
        coef = inverse @ form.effect
        return coef, np.sqrt(own_variance(inverse, groups, form) + share @ coef**2)

    coef, se = zip(*map_(estimate, shuffles), strict=True)
    return np.column_stack(coef), np.column_stack(se)


def _one_gene(screen: Screen, gene: int) -> Screen:
    return replace(screen, genes=(screen.genes[gene],), counts=screen.counts.of_genes([gene]))

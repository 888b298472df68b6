"""How often an edge comes back when the cells are drawn again, without a single refit (METHOD 9).

A bootstrap draw gives cell i the weight w_i ~ Exp(1), the same for all genes. To first order that moves the saturated
reduced form of gene k by Σ_i (w_i − 1) IF_k,i, IF the influence of a cell; a total effect is moved by as much as the
coefficient of the same target in that form, with its standard error fixed. Descendants, order, equations and FDR
control are then run again on the moved numbers: M* is the saturated forms masked by the relation of the draw,
θ* = M*⁻¹ξ*_t[A], and its variance is Murphy and Topel's at θ*. Where instruments lie outside A, the second stage is a
regression of ξ*_t on M* with the information J of ξ_t as weights, θ* = (M*'JM*)⁻¹M*'Jξ*_t: to first order that is the
quasi-Poisson regression on predicted expression.

A draw adds the variance of the estimates once more, so that null z-scores of draws have a variance of 2. With z*/√2 in
both rounds of FDR control the nulls come back as often as the nulls of fresh data would be found (`stability`); without
it (`bootstrap`) they come back several times as often.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from argen._core.dag.equations import steps_of
from argen._core.dag.order import place_genes
from argen._core.descendants.closure import descendant_relation
from argen._core.diagnostics.drawn_network import DrawnNetwork, SaturatedForms, SearchOptions
from argen._core.fdr import FDR, BatchBH
from argen._core.glm._draw_kernels import weighted_sums
from argen._core.glm.reduced_form import ReducedForm, fit_reduced_form
from argen._core.normal import log_p_two_sided
from argen._core.parallel import Map
from argen._core.results import Dag, DescendantTests, EdgeStatus, Equation, Relation
from argen._core.screen import Screen

__all__ = ["Draws", "Stability", "draw_networks", "interval_of", "moves_of", "saturated_forms", "weights_of"]

_DRAWS = 40  # at a time: bounds the memory; fixed, so that sums do not depend on it


@dataclass(frozen=True, slots=True)
class Draws:
    """How many draws; draw b has the weights of ``default_rng([seed, b])``. `hc3` divides residuals by 1 − leverage."""

    n: int
    seed: int
    hc3: bool = False


@dataclass(frozen=True, slots=True)
class Stability:
    """Shares of the draws, [source, target] of shape (p, p), and what the draws say about θ.

    Attributes
    ----------
    stability
        Draws that select the edge, with z/√2 in FDR control.
    bootstrap
        Draws that select it without that.
    candidate
        Draws in which the source is a candidate parent of the target (with z/√2).
    before
        Draws in which the source comes before the target in the causal order (with z/√2).
    low, high
        2.5 % and 97.5 % points of θ* for candidates and order as they are, moved so that they surround θ̂; one per
        candidate edge.
    """

    stability: np.ndarray
    bootstrap: np.ndarray
    candidate: np.ndarray
    before: np.ndarray
    low: np.ndarray
    high: np.ndarray


def draw_networks(
    screen: Screen,
    tests: DescendantTests,
    relation: Relation,
    dag: Dag,
    forms: list[ReducedForm],
    options: SearchOptions,
    draws: Draws,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> Stability:
    """Search the network of every draw.

    Parameters
    ----------
    screen, tests, relation, dag
        Data, descendant step and network.
    forms
        Saturated reduced form of every gene, see :func:`saturated_forms`.
    options
        Options of both steps.
    draws
        How many, and their seed.
    map_, track
        Parallel map over genes and draws; wrapper round the iterator over draws, for a progress bar.
    """
    p = screen.n_genes
    base = tuple(_equations_of(dag, relation, np.isfinite(np.diag(tests.effect)), options))
    one = _Draw(SaturatedForms(forms), tests, relation, options, base, len(dag.coef))
    counts = {name: np.zeros((p, p)) for name in ("stability", "bootstrap", "candidate", "before")}
    theta = []
    for calibrated, plain, estimates in track(_over_draws(screen, forms, draws, map_, one)):
        for name, found in (("stability", calibrated), ("bootstrap", plain)):
            counts[name][found.source[found.selected], found.target[found.selected]] += 1
        counts["candidate"][calibrated.source, calibrated.target] += 1
        position = np.argsort(calibrated.order)
        counts["before"] += position[:, None] < position[None, :]
        theta.append(estimates)
    shares = {name: total / draws.n for name, total in counts.items()}
    low, high = interval_of(np.array(theta), one.effects(one.forms.effect), dag.coef)
    rests_on_stand_ins = dag.status == EdgeStatus.SEPARATED  # which no weight of a cell moves
    low[rests_on_stand_ins] = high[rests_on_stand_ins] = np.nan
    return Stability(**shares, low=low, high=high)


@dataclass(frozen=True, slots=True)
class _Network:
    """What is counted of one draw: candidate edges, which of them are selected, the order and the equations."""

    order: np.ndarray
    source: np.ndarray
    target: np.ndarray
    selected: np.ndarray
    equations: tuple[Equation, ...]


@dataclass(frozen=True, slots=True)
class _Draw:
    """The searches of one draw, given how far it moves the coefficients, [instrument, gene].

    Attributes
    ----------
    forms, tests, relation, options
        As of :func:`draw_networks`.
    equations
        Of the network, see :func:`_equations_of`.
    n_edges
        Candidate edges of the network.
    """

    forms: SaturatedForms
    tests: DescendantTests
    relation: Relation
    options: SearchOptions
    equations: tuple[tuple[int, np.ndarray, np.ndarray, np.ndarray], ...]
    n_edges: int

    def __call__(self, move: np.ndarray) -> tuple[_Network, _Network, np.ndarray]:
        """The network with z/√2 in FDR control, that without, and θ* for candidates and order as they are."""
        moved, tests = self.forms.effect + move, self.tests
        with np.errstate(invalid="ignore"):
            z = np.where(np.isfinite(move / tests.se), tests.z + move / tests.se, tests.z)
        calibrated, plain = (_search(self.forms, moved, tests, z, self.options, scale) for scale in (np.sqrt(2.0), 1.0))
        return calibrated, plain, self.effects(moved)

    def effects(self, moved: np.ndarray) -> np.ndarray:
        """θ of the network's candidate edges, from coefficients ξ [instrument, gene]."""
        network, found = DrawnNetwork(self.forms, moved, self.relation, self.options), np.full(self.n_edges, np.nan)
        for target, candidates, rows, at in self.equations:
            found[at] = network.effects(target, candidates, rows)
        return found


def saturated_forms(
    screen: Screen,
    usable: np.ndarray,
    *,
    hc3: bool = False,
    phi: np.ndarray,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> list[ReducedForm]:
    """Reduced form of every gene on all `usable` perturbations."""
    instruments = np.flatnonzero(usable)

    def fit(gene: int) -> ReducedForm:
        return fit_reduced_form(screen, gene, instruments, hc3=hc3, phi=float(phi[gene]))

    return list(track(map_(fit, range(screen.n_genes))))


def weights_of(seed: int, draws: range, n: int) -> np.ndarray:
    """Weights − 1 of the cells in some draws, shape (n, draws)."""
    weights = np.empty((n, len(draws)))
    for b, draw in enumerate(draws):
        weights[:, b] = np.random.default_rng([seed, draw]).exponential(size=n) - 1.0
    return weights


def moves_of(screen: Screen, gene: int, form: ReducedForm, weights: np.ndarray, *, hc3: bool) -> np.ndarray:
    """Σ_i (w_i − 1) IF_k,i on the form's instruments, shape (draws, instruments)."""
    design = screen.design
    score = form.residuals(screen.counts_of(gene), screen.design_of(gene), hc3=hc3)
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    by_group, by_stratum, total = (
        np.zeros((n, weights.shape[1])) for n in (screen.n_groups + 1, len(design.stratum_level), design.n_nuisance)
    )
    weighted_sums(score, weights, design, by_group, by_stratum, total[len(total) - r :])
    by_group = by_group[form.instruments]
    np.add.at(total, design.stratum_level, by_stratum)
    total[G : G + O] = design.stratum_dummies.T @ by_stratum
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where((form.S > 0)[:, None], by_group / form.S[:, None], 0.0)
    return (own - form.W @ (form.H_inv @ (total - form.W.T @ by_group))).T


def _over_draws(screen: Screen, forms: list[ReducedForm], draws: Draws, map_: Map, one: Callable) -> Iterator[tuple]:
    """Results of `one` for every draw, in order."""
    p = screen.n_genes
    for lo in range(0, draws.n, _DRAWS):
        block = range(lo, min(lo + _DRAWS, draws.n))
        weights = weights_of(draws.seed, block, screen.n_cells)
        move = np.zeros((len(block), p, p))
        moves = map_(partial(_moves_of_gene, screen, forms, weights, hc3=draws.hc3), range(p))
        for gene, (form, moved) in enumerate(zip(forms, moves, strict=True)):
            move[:, form.instruments, gene] = moved
        yield from map_(one, move)


def _moves_of_gene(
    screen: Screen, forms: list[ReducedForm], weights: np.ndarray, gene: int, *, hc3: bool
) -> np.ndarray:
    return moves_of(screen, gene, forms[gene], weights, hc3=hc3)


def _equations_of(
    dag: Dag, relation: Relation, usable: np.ndarray, options: SearchOptions
) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Child, candidates in order, instruments and places among the edges, for each equation of a network."""
    result = []
    instruments_of = _instruments_of(relation, dag.order, usable, options)
    for target in dict.fromkeys(dag.target.tolist()):
        at = np.flatnonzero((dag.target == target) & np.isfinite(dag.coef))
        at = at[np.argsort(dag.source[at])]
        if len(at):
            A = dag.source[at]
            result.append((target, A, instruments_of(target, A), at))
    return result


def _instruments_of(
    relation: Relation, order: np.ndarray, usable: np.ndarray, options: SearchOptions
) -> Callable[[int, np.ndarray], np.ndarray]:
    """Instruments of an equation: those of its candidates' first stages."""
    closed = options.closure is not False and not options.prior.forbidden.any() and not options.prior.before.any()
    if closed or options.first_stage != "ancestors":
        return lambda _, A: A
    position = np.argsort(order)

    def instruments(target: int, A: np.ndarray) -> np.ndarray:
        used = relation.descendant[:, A].any(axis=1) & usable & (position < position[target])
        used[A] = True
        return np.flatnonzero(used)

    return instruments


def interval_of(theta: np.ndarray, start: np.ndarray, coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """2.5 % and 97.5 % points of θ* over draws, from its value without a draw moved to θ̂; NaN where any is unknown."""
    known = np.isfinite(theta).all(axis=0) & np.isfinite(start)
    ends = np.full((2, len(coef)), np.nan)
    if known.any():
        ends[:, known] = np.quantile(theta[:, known], [0.025, 0.975], axis=0) - start[known] + coef[known]
    return ends[0], ends[1]


def _search(
    forms: SaturatedForms,
    effect: np.ndarray,
    tests: DescendantTests,
    z: np.ndarray,
    options: SearchOptions,
    scale: float,
    *,
    all_errors: bool = False,
) -> _Network:
    """The network of one draw; z-scores are divided by `scale` in both rounds of FDR control.

    Standard errors of edges that are far from being selected are too small, but with `all_errors`.
    """
    drawn = replace(tests, z=z / scale, log_p=log_p_two_sided(z / scale))
    relation = descendant_relation(drawn, options.closure, options.descendants_alpha, options.prior)
    order, _ = place_genes(relation.descendant, drawn.neg_log10_p, before=options.prior.before)
    network = DrawnNetwork(forms, effect, relation, options, scale)
    usable = np.isfinite(np.diag(tests.effect))
    instruments_of = _instruments_of(relation, order, usable, options)
    steps = [
        (step.target, step.candidates, instruments_of(step.target, step.candidates))
        for step in steps_of(relation.descendant, order, usable, options.prior.forbidden)
        if len(step.candidates)
    ]
    if not all_errors:
        network.bound(steps)
    selection, equations = _Selection(options), []
    for target, A, rows in steps:
        reach = None if all_errors else partial(selection.reach, A, target)
        equations.append(network.equation(target, A, rows, reach))
        selection.add(equations[-1])
    empty = np.empty(0, dtype=np.int64)
    source = np.concatenate([empty, *(e.candidates for e in equations)])
    target = np.concatenate([empty, *(np.full(len(e.candidates), e.target) for e in equations)])
    return _Network(order, source, target, selection.selected(), tuple(equations))


class _Selection:
    """FDR control over the equations of one draw, as :func:`~argen._core.dag.search.select_edges` does it."""

    def __init__(self, options: SearchOptions) -> None:
        self._options = options
        self._online = BatchBH(options.alpha) if options.fdr == "batch-bh" else None
        self._p, self._selected = [np.empty(0)], [np.empty(0, dtype=bool)]

    def reach(self, A: np.ndarray, target: int, least: np.ndarray) -> float:
        """No p-value of the next equation that matters exceeds it, given their lower bounds."""
        if self._online is None:
            return self._options.alpha
        tested = np.isfinite(least) & ~self._options.prior.required[A, target]
        return self._online.reach(least[tested]) if tested.any() else -1.0

    def add(self, equation: Equation) -> None:
        """The next equation."""
        p = np.exp(log_p_two_sided(equation.coef / equation.se))
        required = self._options.prior.required[equation.candidates, equation.target]
        selected, tested = required & np.isfinite(p), np.isfinite(p) & ~required
        if self._online is not None and tested.any():
            selected[tested] = self._online.test(p[tested])[0]
        self._p.append(np.where(tested, p, np.nan))
        self._selected.append(selected)

    def selected(self) -> np.ndarray:
        """Whether each edge is selected, one equation after the other."""
        p, selected = np.concatenate(self._p), np.concatenate(self._selected)
        if self._online is None:
            tested = np.isfinite(p)
            selected[tested] = FDR[self._options.fdr]([p[tested]], self._options.alpha)[0][0]
        return selected

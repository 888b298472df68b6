"""Algorithm 1: causal order, edges from sinks to roots, online FDR control (METHOD 4).

The order depends on the descendant relation alone, so it comes first; then each gene's equation is estimated on the
candidates A = anc(t) ∩ R, R the genes not placed yet; BatchBH runs last over the stored p-values in order. Edges run
from earlier to later in the order, hence the network cannot hold a cycle.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from argen._core.dag.covariance import (
    COVARIANCES,
    Covariance,
    FirstStageShares,
    Solved,
    invert,
    separated_variance,
    spread,
)
from argen._core.dag.equations import Step, System, build_system, steps_of
from argen._core.dag.influence import CellInfluence
from argen._core.dag.instruments import ReducedForms
from argen._core.dag.order import directed, layers_of, place_genes
from argen._core.dag.robust import robust_tests, strength
from argen._core.dag.two_stage import fit_two_stage
from argen._core.descendants.prior import Prior, no_prior
from argen._core.fdr import FDR
from argen._core.glm.reduced_form import ReducedForm
from argen._core.glm.sandwich import HC
from argen._core.normal import log_p_two_sided
from argen._core.parallel import BlockTask, Map, single_threaded
from argen._core.results import Dag, DescendantTests, EdgeStatus, Equation, Instruments, Relation
from argen._core.screen import Screen

__all__ = ["RESTS_ON", "edge_status", "is_settled", "is_strict_order", "search_dag", "select_edges"]

# An edge is flagged when more than this share of its variance comes from groups without counts.
RESTS_ON = 0.25
# Bytes of reduced forms that are kept until the instruments of their equations are judged: many equations at a time,
# since each of them is one task.
_AT_ONCE = 2**28


def search_dag(  # noqa: PLR0913
    screen: Screen,
    tests: DescendantTests,
    relation: Relation,
    *,
    first_stage: str,
    covariance: str,
    alpha: float,
    fdr: str = "batch-bh",
    hc: str = "HC0",
    phi: np.ndarray | None = None,
    reverse_ties: bool = False,
    robust: bool = False,
    prior: Prior | None = None,
    placed: tuple[np.ndarray, np.ndarray] | None = None,
    forms: ReducedForms | None = None,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> Dag:
    """Search the network.

    Parameters
    ----------
    screen, tests, relation
        Counts with their design, and the descendant step's results.
    first_stage
        One of :data:`~argen._core.dag.instruments.FIRST_STAGES`, see
        :func:`~argen._core.dag.instruments.instrument_set`.
    covariance
        One of :data:`~argen._core.dag.covariance.COVARIANCES`.
    alpha, fdr
        Level and procedure of FDR control, one of :data:`~argen._core.fdr.FDR`.
    hc
        One of :data:`~argen._core.glm.sandwich.HC` that edges can have.
    phi
        Dispersion of each gene for a negative binomial quasi-likelihood, shape (p,); 0, the default, is Poisson.
    reverse_ties
        Break ties of the order the other way round, see :func:`~argen._core.dag.order.place_genes`.
    robust
        Test every edge in the way that weak instruments do not spoil, too (:mod:`.robust`).
    prior
        Forbidden and required edges and known orders; `relation` must have been made with it.
    placed
        What :func:`~argen._core.dag.order.place_genes` returned for the relation, if that is known.
    forms
        Reduced forms of earlier searches of the same screen with the same `hc`.
    map_, track
        Parallel map over genes; wrapper round the iterator over genes, for a progress bar.
    """
    prior = prior or no_prior(screen.n_genes)
    if placed is None:
        placed = place_genes(relation.descendant, tests.neg_log10_p, reverse_ties=reverse_ties, before=prior.before)
    order, tied = placed
    usable = np.isfinite(np.diag(tests.effect))
    settled = is_settled(relation, first_stage)
    hc3, estimator = HC[hc].hc3, COVARIANCES[covariance]
    forms = forms or ReducedForms(screen, keep_fits=not settled, hc3=hc3, phi=phi)
    influence = CellInfluence(screen, hc3=hc3) if estimator.needs_influence or robust else None
    saturated = ReducedForms(screen, keep_fits=False, hc3=hc3, phi=phi)
    how = _Inference(estimator, hc3, robust, influence, saturated)
    with single_threaded():
        shares = None
        if settled:
            steps = steps_of(relation.descendant, order, usable, prior.forbidden)
            placed_steps = (step for step in steps if usable[step.target])
            wanted = [(step.target, np.union1d(step.candidates, [step.target])) for step in placed_steps]
            forms.get(wanted, lambda function, tasks: track(map_(function, tasks)))
            shares = FirstStageShares()
        steps = steps_of(relation.descendant, order, usable, prior.forbidden)
        estimates = (
            (step, *_estimate(screen, step, forms, first_stage, how, shares, map_))
            for step in (steps if settled else track(steps))
            if len(step.ancestors)
        )
        equations = [_add_excluded(equation, step, prior) for step, equation in _with_instruments(estimates, how, map_)]
    return directed(select_edges(order, equations, alpha, fdr, prior.required), relation, tied, prior.before)


@dataclass(frozen=True, slots=True)
class _Inference:
    """Which covariance and tests the edges get.

    Some covariances and the robust test need the influence of the cells; where an equation is not square, its
    instruments are judged by a reduced form on all of them.
    """

    covariance: Covariance
    hc3: bool
    robust: bool
    influence: CellInfluence | None
    saturated: ReducedForms


def is_settled(relation: Relation, first_stage: str) -> bool:
    """Whether every gene has the same instruments in all equations, hence one reduced form."""
    return first_stage == "ancestors" and is_strict_order(relation.descendant)


def is_strict_order(relation: np.ndarray) -> bool:
    """Whether the relation is transitive and without cycles: then no instrument set changes during the search."""
    as_count = relation.astype(np.float32)
    return not (relation & relation.T).any() and not ((as_count @ as_count > 0) & ~relation).any()


def _estimate(
    screen: Screen,
    step: Step,
    forms: ReducedForms,
    first_stage: str,
    how: _Inference,
    shares: FirstStageShares | None,
    map_: Map,
) -> tuple[Equation, Solved | None]:
    """Direct effects of the step's candidates on its target, and what their instruments are judged by."""
    t, A = step.target, step.candidates
    if len(A) == 0:
        return Equation(t, A, np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), np.nan), None
    system = build_system(step, forms, first_stage, map_)
    own, first = system.own, system.first
    if not system.is_square:
        return _over_identified(screen, t, A, own, first, how, map_), _square_part(system, how, map_)
    inverse, condition = invert(system.matrix)
    if inverse is None or not np.isfinite(system.xi).all():
        return _singular(t, A, first, condition), None
    solved = Solved(t, A, own, first, inverse, inverse @ system.xi)
    variance = how.covariance.of_square(solved, shares, how.influence, map_)
    status = edge_status(separated_variance(solved) > RESTS_ON * variance, own, first)
    return Equation(t, A, solved.coef, np.sqrt(variance), status, condition), solved


def _square_part(system: System, how: _Inference, map_: Map) -> Solved | None:
    """Of an over-identified equation: the rows of the candidates alone, of a reduced form on all its instruments.

    ξ_t[A] = Mθ holds whichever instruments lie outside A, with the entries of M that the relation rules out zero. (With
    estimates of these in their place, noise spoils M where there are many candidates.)
    """
    t, A, first = system.target, system.candidates, system.first
    everything = np.unique(np.concatenate([A, [t], *(form.instruments for form in first)]))
    (own,) = how.saturated.get([(t, everything)], map_)
    M = np.column_stack([spread(np.eye(len(A)), A, form) @ form.effect for form in first])
    inverse, _ = invert(M)
    xi = own.effect[np.searchsorted(own.instruments, A)]
    if inverse is None or not np.isfinite(xi).all():
        return None
    return Solved(t, A, own, first, inverse, inverse @ xi)


def _with_instruments(
    estimates: Iterable[tuple[Step, Equation, Solved | None]], how: _Inference, map_: Map
) -> Iterator[tuple[Step, Equation]]:
    """The equations with what their instruments are worth, some equations at a time: each is a task of its own."""
    # An equation alone is work enough for a worker, and large enough to send.
    judge = BlockTask(_instruments, how.influence if how.robust else None, per_block=1)
    for some in _in_batches(estimates):
        solved = [one for *_, one in some if one is not None]
        found = iter((map_ if how.robust else map)(judge, solved))
        for step, equation, one in some:
            yield step, equation if one is None else replace(equation, instruments=next(found))


def _in_batches(estimates: Iterable[tuple[Step, Equation, Solved | None]]) -> Iterator[list]:
    """Equations whose reduced forms have up to so many bytes together; a larger one alone."""
    batch, size = [], 0
    for estimate in estimates:
        own_size = _size(estimate[2])
        if batch and size + own_size > _AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(estimate)
        size += own_size
    if batch:
        yield batch


def _size(solved: Solved | None) -> int:
    return 0 if solved is None else sum(form.W.nbytes + form.G.nbytes for form in (solved.own, *solved.first))


def _instruments(influence: CellInfluence | None, solved: Solved) -> Instruments:
    """Of one equation; without the influence of the cells their strength alone."""
    nothing = Instruments.nothing(len(solved.candidates))
    return replace(nothing if influence is None else robust_tests(influence, solved), strength=strength(solved))


def _over_identified(
    screen: Screen, t: int, A: np.ndarray, own: ReducedForm, first: list[ReducedForm], how: _Inference, map_: Map
) -> Equation:
    """Instruments outside A: the second stage is fitted as a regression (METHOD 5.1)."""
    fitted = all(np.isfinite(form.effect).all() for form in first)
    stage = (
        fit_two_stage(screen, t, A, first, how.covariance, phi=own.phi, hc3=how.hc3, influence=how.influence, map_=map_)
        if fitted
        else None
    )
    if stage is None:
        return _singular(t, A, first, np.nan)
    status = edge_status(_own_groups_without_counts(A, own, first), own, first)
    if not stage.converged:
        status[:] = EdgeStatus.NOT_CONVERGED
    return Equation(t, A, stage.coef, stage.se, status, np.nan, general=True)


def _singular(t: int, A: np.ndarray, first: list[ReducedForm], condition: float) -> Equation:
    """No estimate; name the candidates whose knock-down is unknown or smallest against its standard error."""
    strength = np.array([_knock_down_z(int(k), form) for k, form in zip(A, first, strict=True)])
    unknown = np.array([not np.isfinite(form.effect).all() for form in first])
    culprits = A[unknown] if unknown.any() else A[[np.argmin(strength)]]
    nothing = np.full(len(A), np.nan)
    status = np.full(len(A), int(EdgeStatus.SINGULAR))
    return Equation(t, A, nothing, nothing.copy(), status, condition, tuple(culprits.tolist()))


def _knock_down_z(gene: int, form: ReducedForm) -> float:
    row = int(np.searchsorted(form.instruments, gene))
    return abs(form.effect[row]) / np.sqrt(form.v[row] + 2.0 * form.G[row] @ form.W[row])


def edge_status(rests_on_separated: np.ndarray, own: ReducedForm, first: list[ReducedForm]) -> np.ndarray:
    """Flag edges that rest on groups without counts, or on a fit that did not converge."""
    status = np.where(rests_on_separated, int(EdgeStatus.SEPARATED), int(EdgeStatus.OK))
    unfinished = np.array([not form.converged for form in first]) | (not own.converged)
    return np.where(unfinished, int(EdgeStatus.NOT_CONVERGED), status)


def _own_groups_without_counts(A: np.ndarray, own: ReducedForm, first: list[ReducedForm]) -> np.ndarray:
    """Candidates whose own group lacks counts of the target or of a candidate."""
    without = own.separated[np.searchsorted(own.instruments, A)].copy()
    for form in first:
        without |= np.isin(A, form.instruments[form.separated])
    return without


def _add_excluded(equation: Equation, step: Step, prior: Prior) -> Equation:
    """Put ancestors that could not be candidates, or were not to be, back among the edges, without an estimate."""
    missing = np.setdiff1d(step.ancestors, step.candidates)
    if len(missing) == 0:
        return equation
    nothing = np.full(len(missing), np.nan)
    forbidden = prior.forbidden[missing, step.target]
    status = np.where(forbidden, int(EdgeStatus.FORBIDDEN), int(EdgeStatus.UNTESTABLE))
    return replace(
        equation,
        candidates=np.concatenate([equation.candidates, missing]),
        coef=np.concatenate([equation.coef, nothing]),
        se=np.concatenate([equation.se, nothing]),
        status=np.concatenate([equation.status, status]),
        instruments=Instruments.joined([_instruments_or_nothing(equation), Instruments.nothing(len(missing))]),
    )


def _instruments_or_nothing(equation: Equation) -> Instruments:
    return equation.instruments or Instruments.nothing(len(equation.coef))


def select_edges(
    order: np.ndarray, equations: list[Equation], alpha: float, fdr: str, required: np.ndarray | None = None
) -> Dag:
    """FDR control over the equations in the order of the search, one batch each.

    `required` edges [source, target] are in the network if they could be estimated, and not among the tests.
    """
    if equations:
        columns = [
            np.concatenate([getattr(e, name) for e in equations]) for name in ("candidates", "coef", "se", "status")
        ]
    else:
        columns = [np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)]
    source, coef, se, status = columns
    target = np.concatenate([np.full(len(e.candidates), e.target) for e in equations] or [np.empty(0, dtype=np.int64)])
    z = coef / se
    p = np.exp(log_p_two_sided(z))
    step = np.concatenate([np.full(len(e.candidates), i) for i, e in enumerate(equations)] or [np.empty(0, np.int64)])
    given = np.zeros(len(p), dtype=bool) if required is None else required[source, target]
    tested = np.isfinite(p) & ~given
    batches = [p[tested & (step == i)] for i in range(len(equations))]
    decisions, levels, thresholds = FDR[fdr](batches, alpha)
    numbers = np.cumsum([len(b) > 0 for b in batches]) - 1 if batches else np.empty(0, dtype=np.int64)
    selected = given & np.isfinite(p)
    selected[tested] = np.concatenate(decisions) if decisions else []
    return Dag(
        order=order,
        source=source,
        target=target,
        coef=coef,
        se=se,
        z=z,
        p=p,
        status=status,
        batch=np.where(tested, numbers[step], -1),
        alpha=np.where(tested, levels[step], np.nan),
        threshold=np.where(tested, thresholds[step], np.nan),
        selected=selected,
        equations=tuple(equations),
        instruments=Instruments.joined([_instruments_or_nothing(equation) for equation in equations]),
        layer=layers_of(order, source[selected], target[selected]),
    )

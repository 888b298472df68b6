"""The equations of the search: one per gene, candidates and their first stages (METHOD 4, 5.1)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from argen._core.dag.covariance import first_stage_matrix
from argen._core.dag.instruments import ReducedForms, instrument_set, shrunk
from argen._core.glm.reduced_form import ReducedForm
from argen._core.parallel import Map

__all__ = ["Step", "System", "build_system", "steps_of"]


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of Algorithm 1: gene `target` is placed, `left` are the genes still to be placed."""

    target: int
    ancestors: np.ndarray  # anc(target) ∩ R
    candidates: np.ndarray  # those of them that can be parents
    instruments: Iterator[np.ndarray]  # anc(k) ∩ R of each candidate; lazy, for all steps they fill the memory


def steps_of(
    descendant: np.ndarray, order: np.ndarray, usable: np.ndarray, forbidden: np.ndarray | None = None
) -> Iterator[Step]:
    """Turns from sinks to roots.

    A gene that is not `usable` (knock-down unknown) is nobody's parent or child; a `forbidden` pair [source, target] is
    no candidate edge, but the source stays an instrument.
    """
    left = np.ones(len(order), dtype=bool)
    for t in order[::-1].tolist():
        left[t] = False
        ancestors = np.flatnonzero(descendant[:, t] & left)
        A = ancestors[usable[ancestors]] if usable[t] else ancestors[:0]
        if forbidden is not None:
            A = A[~forbidden[A, t]]
        instruments = (np.flatnonzero(descendant[:, k] & left & usable) for k in A)
        yield Step(t, ancestors, A, instruments)


@dataclass(frozen=True, slots=True)
class System:
    """Reduced forms of one equation, ξ_t[A] = M θ where every instrument of a first stage lies in A.

    Attributes
    ----------
    target, candidates
        Child t and its candidate parents A, sorted, shape (m,).
    own
        Reduced form of t on A and t.
    first
        First stages of the candidates.
    """

    target: int
    candidates: np.ndarray
    own: ReducedForm
    first: list[ReducedForm]

    @property
    def is_square(self) -> bool:
        """Whether every instrument of every first stage lies in A, so that θ̂ = M⁻¹ξ holds."""
        largest = max(int(form.instruments.max(initial=0)) for form in self.first)
        in_A = np.zeros(max(largest, int(self.candidates.max())) + 1, dtype=bool)
        in_A[self.candidates] = True
        return all(in_A[form.instruments].all() for form in self.first)

    @property
    def matrix(self) -> np.ndarray:
        """M of a square system: row l, column k is what D_l counts for in the first stage of candidate k."""
        return first_stage_matrix(self.candidates, self.first)

    @property
    def xi(self) -> np.ndarray:
        """ξ_t[A], shape (m,)."""
        return self.own.effect[np.searchsorted(self.own.instruments, self.candidates)]


def build_system(step: Step, forms: ReducedForms, first_stage: str, map_: Map = map) -> System:
    """Reduced forms of the step's target and candidates.

    Parameters
    ----------
    step
        With at least one candidate; its instruments are used up.
    forms
        Where reduced forms are fitted and kept.
    first_stage
        See :func:`~argen._core.dag.instruments.instrument_set`.
    map_
        Parallel map over genes.
    """
    t, A = step.target, step.candidates
    ancestors = list(step.instruments)
    sets = [instrument_set(int(k), A, anc, first_stage) for k, anc in zip(A, ancestors, strict=True)]
    own, *first = forms.get([(t, np.union1d(A, [t])), *zip(A.tolist(), sets, strict=True)], map_)
    if first_stage == "shrunk":
        first = _shrink(A, first, ancestors, forms, map_)
    return System(t, A, own, first)


def _shrink(
    A: np.ndarray, first: list[ReducedForm], ancestors: list[np.ndarray], forms: ReducedForms, map_: Map
) -> list[ReducedForm]:
    """First stages with unrelated instruments shrunk; one that the data say nothing about joins the baseline."""

    def related(k: int, form: ReducedForm) -> np.ndarray:
        return np.isin(form.instruments, ancestors[k]) | (form.instruments == A[k])

    kept = [form.instruments[np.isfinite(form.effect) | related(k, form)] for k, form in enumerate(first)]
    first = forms.get(zip(A.tolist(), kept, strict=True), map_)
    return [shrunk(form, related(k, form)) for k, form in enumerate(first)]

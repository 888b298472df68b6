"""Which perturbations instrument which regression, and the reduced forms that go with it."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from argen._core.glm.reduced_form import ReducedForm, ReducedFormFit, fit_reduced_form
from argen._core.parallel import BlockTask, Map
from argen._core.screen import Screen

__all__ = ["FIRST_STAGES", "ReducedForms", "instrument_set", "shrinkage_of", "shrunk"]

FIRST_STAGES = ("ancestors", "shared", "shrunk")


def instrument_set(gene: int, candidates: np.ndarray, ancestors: np.ndarray, first_stage: str) -> np.ndarray:
    """Instruments of the first stage of candidate `gene`, sorted.

    ``"ancestors"``: its own perturbation and those of its ancestors that are not placed yet; ``"shared"``: those of all
    candidates of the equation, as in the authors' code; ``"shrunk"``: the same, for :func:`shrunk` to weigh.
    """
    return np.union1d(ancestors, [gene]) if first_stage == "ancestors" else candidates


def shrunk(form: ReducedForm, related: np.ndarray) -> ReducedForm:
    """A first stage whose coefficients of unrelated perturbations count for max(0, 1 − 1/z²) of their value.

    A relation that misses a pair makes a false zero in M, and false edges along the path that it hides; M without zeros
    adds up the noise of all candidates. The positive part of James and Stein's factor takes out what is noise and keeps
    most of what is far from zero; it has nothing to tune.

    Parameters
    ----------
    form
        Reduced form of a candidate.
    related
        Whether the instrument is the candidate's own or that of an ancestor, which count in full; shape (m,).
    """
    return replace(form, shrinkage=np.where(related, 1.0, shrinkage_of(form.effect, form.variance)))


def shrinkage_of(effect: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """max(0, 1 − 1/z²); 0 where the effect is 0 or unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.fmax(0.0, 1.0 - variance / effect**2)


class ReducedForms:
    """Reduced forms by gene, refitted only when a gene's instruments have changed.

    A refit starts from where the last one of the same gene ended: taking one instrument out of the design moves the
    other coefficients little.

    Parameters
    ----------
    screen
        Counts and design.
    keep_fits
        Keep the state of each gene's last fit for the next one.
    hc3
        Divide residuals by 1 − leverage.
    phi
        Dispersion of each gene; 0 is Poisson, and so is the default.
    remember
        Keep every form, for searches that share most of them.
    """

    def __init__(
        self,
        screen: Screen,
        *,
        keep_fits: bool,
        hc3: bool = False,
        phi: np.ndarray | None = None,
        remember: bool = False,
    ) -> None:
        self._screen, self._hc3 = screen, hc3
        self._phi = np.zeros(screen.n_genes) if phi is None else phi
        self._fits: dict[int, ReducedFormFit] | None = {} if keep_fits else None
        self._forms: dict[int, ReducedForm] = {}
        self._all: dict[tuple[int, bytes], ReducedForm] | None = {} if remember else None

    def get(self, wanted: Iterable[tuple[int, np.ndarray]], map_: Map) -> list[ReducedForm]:
        """Reduced forms for (gene, instruments) pairs with distinct genes, in their order."""
        wanted = list(wanted)
        if self._all is not None:
            self._forms |= {
                gene: self._all[gene, s.tobytes()] for gene, s in wanted if (gene, s.tobytes()) in self._all
            }
        stale = [(gene, s) for gene, s in wanted if not self._is_current(gene, s)]
        for (gene, _), form in zip(stale, map_(self._task(), stale), strict=True):
            self._forms[gene] = form
            if self._all is not None:
                self._all[gene, form.instruments.tobytes()] = form
        return [self._forms[gene] for gene, _ in wanted]

    def _is_current(self, gene: int, instruments: np.ndarray) -> bool:
        form = self._forms.get(gene)
        return form is not None and np.array_equal(form.instruments, instruments)

    def _task(self) -> Callable[[tuple[int, np.ndarray]], ReducedForm]:
        # A fit that starts from the last one of its gene stays where that is.
        if self._fits is not None:
            return self._refit
        return BlockTask(_fit_form, self._screen, {"hc3": self._hc3, "phi": self._phi})

    def _refit(self, wanted: tuple[int, np.ndarray]) -> ReducedForm:
        gene, instruments = wanted
        if gene not in self._fits:
            self._fits[gene] = ReducedFormFit(self._screen, gene, hc3=self._hc3, phi=float(self._phi[gene]))
        return self._fits[gene].refit(self._screen.counts_of(gene), instruments)


def _fit_form(screen: Screen, wanted: tuple[int, np.ndarray], *, hc3: bool, phi: np.ndarray) -> ReducedForm:
    gene, instruments = wanted
    return fit_reduced_form(screen, gene, instruments, hc3=hc3, phi=float(phi[gene]))

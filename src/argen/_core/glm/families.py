"""The families of quasi-likelihoods, and what each must provide.

Every fit starts as a Poisson one, which needs no dispersion; a family with one moves on from there. A gene without
overdispersion (φ = 0) stays Poisson, whatever family was asked for: :func:`family_of` is the one place that decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from argen._core.glm._moment_kernels import Monomials
from argen._core.glm._nb_kernels import nb_fit
from argen._core.glm._nb_pair_kernels import nb_pairs, nb_tabulate_controls
from argen._core.glm._pair_kernels import OK, OUT_OF_REACH
from argen._core.glm.fit import MAX_ITERATIONS, TOLERANCE
from argen._core.screen import Design

if TYPE_CHECKING:
    from glum import ExponentialDispersionModel

__all__ = ["FAMILIES", "Family", "family_of", "rows_of"]


@dataclass(frozen=True, slots=True)
class Family:
    """One family.

    Attributes
    ----------
    name, words
        As an argument, and in the log.
    excess
        (μ, φ) → V(μ) / μ, the variance over the Poisson one: weight and score of a cell are μ and y − μ over it.
    information
        (y, μ, φ) → −∂ score / ∂ log μ.
    distribution
        φ → the family as glum has it, for the general second stage.
    refit
        From a Poisson fit on: see :func:`_nb_refit`. None where there is nothing to be done.
    refit_pairs
        The same for all pairs of a gene: see :func:`_nb_refit_pairs`.
    kernels
        Those of `refit` and `refit_pairs`.
    parts
        What compiles them in each of two processes, of :data:`argen._core.compilation.PARTS`.
    """

    name: str
    words: str
    excess: Callable[[np.ndarray, float], np.ndarray | float]
    information: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    distribution: "Callable[[float], ExponentialDispersionModel | str]"
    refit: Callable[..., tuple] | None = None
    refit_pairs: Callable[..., None] | None = None
    kernels: tuple[Any, ...] = ()
    parts: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def needs_dispersion(self) -> bool:
        """Whether the dispersion of each gene has a part in it."""
        return self.refit is not None


def rows_of(instruments: np.ndarray, n_genes: int) -> np.ndarray:
    """Row of each group among the instruments, −1 for baseline; the last group is the controls."""
    row = np.full(n_genes + 1, -1, dtype=np.int64)
    row[instruments] = np.arange(len(instruments))
    return row


def _nb_refit(
    y: np.ndarray,
    design: Design,
    used: np.ndarray,
    instruments: np.ndarray,
    y_row: np.ndarray,
    theta: np.ndarray,
    effect: np.ndarray,
    *,
    phi: float,
    hc3: bool,
) -> tuple:
    """Fit with the dispersion φ over the used segments, every cell of which is summed, from a Poisson fit on.

    `y_row` holds the counts of the instruments' groups. Returns θ, effects, S_j, the last step, v, W, G and H⁻¹.
    """
    row, theta, effect = rows_of(instruments, len(design.group_seg) - 2), theta.copy(), effect.copy()
    last, S, v, W, G, H_inv, _ = nb_fit(y, design, used, row, y_row, phi, theta, effect, hc3, TOLERANCE, MAX_ITERATIONS)
    return theta, effect, S, last, v, W, G, H_inv


def _nb_refit_pairs(
    y: np.ndarray,
    design: Design,
    series: Monomials,
    controls: np.ndarray,
    theta: np.ndarray,
    fits: tuple[np.ndarray, ...],
    *,
    phi: float,
    hc: int,
) -> None:
    """Put effects and variances with the dispersion φ in the place of the Poisson ones, which `fits` begins with.

    `controls` are the segments of the control cells, `theta` their Poisson fit. Pairs that the tables of the controls
    do not reach are marked.
    """
    effect, variance, status, count, expected, *_ = fits
    nothing = np.empty(0, dtype=np.int64), np.empty(0), theta, np.empty(0)
    theta, *_, H_inv = _nb_refit(y, design, controls, *nothing, phi=phi, hc3=hc == 3)
    if series.reach > 0 or design.numeric.shape[0] == 0:
        tables = nb_tabulate_controls(y, design, series, theta, phi, H_inv, hc == 3)
        nb_pairs(y, design, series, tables, hc, count, expected, status, effect, variance)
    else:
        status[status == OK] = OUT_OF_REACH


def _nb_distribution(phi: float) -> "ExponentialDispersionModel":
    from glum import NegativeBinomialDistribution

    return NegativeBinomialDistribution(phi)


_POISSON = Family(
    "poisson", "Poisson", excess=lambda *_: 1.0, information=lambda _, mu, __: mu, distribution=lambda _: "poisson"
)
_NEGATIVE_BINOMIAL = Family(
    "negative_binomial",
    "negative binomial",
    excess=lambda mu, phi: 1.0 + phi * mu,
    information=lambda y, mu, phi: mu * (1.0 + phi * y) / (1.0 + phi * mu) ** 2,
    distribution=_nb_distribution,
    refit=_nb_refit,
    refit_pairs=_nb_refit_pairs,
    kernels=(nb_pairs, nb_fit),
    parts=(("negative binomial",), ("negative binomial pairs",)),
)
FAMILIES = {family.name: family for family in (_POISSON, _NEGATIVE_BINOMIAL)}


def family_of(phi: float) -> Family:
    """The family of a gene with this dispersion."""
    return _NEGATIVE_BINOMIAL if phi > 0.0 else _POISSON

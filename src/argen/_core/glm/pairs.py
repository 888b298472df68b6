"""All descendant fits of one gene (METHOD 3, 5.3).

For perturbation j, on its cells and the controls:  Y ~ offset(log ℓ) + 1 + D_j + X,  quasi-Poisson. The controls are
fitted once; a pair then moves the coefficients of the covariates a little, and the controls' sums at the new place come
from moment tables, exact to 1e-10. Where the move is too large for these, the pair is fitted by sums over the cells.
"""

from typing import NamedTuple

import numpy as np

from argen._core.glm._leverage_kernels import control_inflation
from argen._core.glm._moment_kernels import Monomials, empty_tables, monomials
from argen._core.glm._pair_kernels import (
    NO_CONTROL_COUNTS,
    NOT_CONVERGED,
    OK,
    OUT_OF_REACH,
    fit_pairs,
    move_weights,
    tabulate_controls,
)
from argen._core.glm._segment_kernels import count_totals, n_components
from argen._core.glm.families import family_of, rows_of
from argen._core.glm.fit import TOLERANCE, fit
from argen._core.screen import Design

__all__ = ["ControlFit", "controls_of", "fit_controls", "fit_gene", "fit_nuisance", "has_control_counts"]

Fits = tuple[np.ndarray, ...]


class ControlFit(NamedTuple):
    """Poisson fit of one gene on the control cells alone, which the pairs, the dispersion and the shifts start from."""

    theta: np.ndarray  # (q,)
    w: np.ndarray  # (control cells,) ℓ exp(m'γ)
    H_inv: np.ndarray  # (q, q)
    B: np.ndarray  # (q, q) HC0 meat
    converged: bool


def fit_gene(
    y: np.ndarray,
    design: Design,
    series: Monomials,
    *,
    hc: int = 0,
    score_below: float = 0.0,
    pooled: bool = False,
    phi: float = 0.0,
    controls: ControlFit | None = None,
) -> Fits:
    """Fit the counts `y` of one gene against every perturbation.

    Parameters
    ----------
    y, design, series
        Counts, design, and the series of its moment tables.
    hc
        Covariance: 0, 1 or 3. HC3 takes the leverages of control cells from the fit on the controls alone.
    score_below
        Pairs whose group expects fewer counts get score statistics, and so do all groups without counts or of one cell.
    phi
        Dispersion, which decides the family of the estimates (:func:`.families.family_of`). It is no part of the score
        test, which takes the Poisson fit and the moment estimate of the dispersion on the controls either way.
    pooled
        Estimate all effects in one regression on the cells of all perturbations, Y ~ offset(log ℓ) + 1 + D_1 + … + D_p
        + X.
    controls
        The fit of :func:`fit_controls` where it is known; not needed without counts of the gene in the controls.

    Returns
    -------
    effect, variance
        τ̂* and its variance, shape (p,); for separated pairs log(½ / (E + ½)) and 1 / (0 + ½), for a group of one cell
        log(Y / E) and 1 / Y + φ.
    status
        See :class:`~argen._core.results.PairStatus`.
    count, expected
        Σ y over the group and its expectation under the controls-only fit.
    cells
        Cells of the group that carry information.
    score
        U, v, κ₃, log P(no counts), shape (p, 4); NaN where they were not asked for.
    """
    p = len(design.group_seg) - 2
    if not has_control_counts(y, design):
        unknown = np.full(p, np.nan)
        count = np.add.reduceat(y, design.seg_start[design.group_seg[:p]])
        none = np.zeros(p)
        return unknown, unknown.copy(), np.full(p, NO_CONTROL_COUNTS), count, none, none.copy(), np.full((p, 4), np.nan)
    theta, w_controls, H_inv, B, _ = controls or fit_controls(y, design)
    used, w = _controls(design), design.depth.copy()
    w[len(w) - len(w_controls) :] = w_controls
    kappa, inflation = move_weights(design, theta, w), np.ones(len(w))
    if hc == 3:
        control_inflation(design, kappa, w, 0.0, H_inv, inflation)
    tables = tabulate_controls(y, design, series, theta, w, kappa, inflation, H_inv, B)
    family = family_of(phi)
    fits = effect, variance, status, *_ = fit_pairs(
        y, design, series, tables, hc, score_below, family.refit_pairs is None
    )
    if family.refit_pairs is not None:
        family.refit_pairs(y, design, series, used, theta, fits, phi=phi, hc=hc)
    supported = design.stratum_supported[design.seg_stratum]
    for j in np.flatnonzero(status == OUT_OF_REACH):
        group = np.arange(len(used)) >= design.group_seg[j]
        group &= np.arange(len(used)) < design.group_seg[j + 1]
        *_, last, factor, V = _fit_cells(y, design, series, used | (group & supported), np.array([j]), hc, phi)
        status[j] = OK if last <= TOLERANCE else NOT_CONVERGED
        effect[j], variance[j] = np.log(factor[0]), V[0]
    if pooled:
        everything, plain = np.ones(len(used), dtype=bool), np.flatnonzero(np.isin(status, (OK, NOT_CONVERGED)))
        *_, last, factor, V = _fit_cells(y, design, series, everything, np.arange(p), hc, phi)
        effect[plain], variance[plain] = np.log(factor[plain]), V[plain]
        status[plain] = OK if last <= TOLERANCE else NOT_CONVERGED
    return fits


def has_control_counts(y: np.ndarray, design: Design) -> bool:
    """Whether a control cell has a count of the gene: else there is nothing to be fitted."""
    return bool(y[design.seg_start[design.group_seg[-2]] :].any())


def controls_of(design: Design) -> Design:
    """The design of the control cells alone, without perturbations; strata and bounds stay those of all cells."""
    first_seg = design.group_seg[len(design.group_seg) - 2]
    first = design.seg_start[first_seg]
    return design._replace(
        depth=design.depth[first:],
        numeric=np.ascontiguousarray(design.numeric[:, first:]),
        seg_start=design.seg_start[first_seg:] - first,
        seg_stratum=design.seg_stratum[first_seg:],
        group_seg=design.group_seg[-2:] - first_seg,
    )


def fit_controls(y: np.ndarray, design: Design) -> ControlFit:
    """Poisson fit on the control cells, in a design of theirs: no other cell is looked at."""
    alone = controls_of(design)
    everything, nobody = np.ones(len(alone.seg_stratum), dtype=bool), np.empty(0, dtype=np.int64)
    series = monomials(design.numeric.shape[0])
    theta, w, H_inv, B, last, *_ = _fit_cells(y[len(y) - len(alone.depth) :], alone, series, everything, nobody)
    return ControlFit(theta, w, H_inv, B, bool(last <= TOLERANCE))


def fit_nuisance(y: np.ndarray, design: Design, instruments: np.ndarray, *, phi: float, pooled: bool) -> np.ndarray:
    """θ of the fit on the controls and the cells of `instruments` (`pooled`: of all); NaN if it failed."""
    if not (pooled or len(instruments) or phi > 0.0):
        fit = fit_controls(y, design)
        return fit.theta if fit.converged else np.full(len(fit.theta), np.nan)
    if pooled:
        used, instruments = np.ones(len(design.seg_stratum), dtype=bool), np.arange(len(design.group_seg) - 2)
    else:
        row = rows_of(instruments, len(design.group_seg) - 2)
        in_groups = np.repeat(row >= 0, np.diff(design.group_seg))
        used = _controls(design) | (in_groups & design.stratum_supported[design.seg_stratum])
    series = monomials(design.numeric.shape[0])
    theta, _, _, _, last, *_ = _fit_cells(y, design, series, used, instruments, phi=phi)
    return theta if last <= TOLERANCE else np.full(len(theta), np.nan)


def _controls(design: Design) -> np.ndarray:
    """Segments of the control cells."""
    return np.arange(len(design.seg_stratum)) >= design.group_seg[len(design.group_seg) - 2]


def _fit_cells(
    y: np.ndarray,
    design: Design,
    series: Monomials,
    used: np.ndarray,
    instruments: np.ndarray,
    hc: int = 0,
    phi: float = 0.0,
) -> tuple:
    """A cold fit over the used segments: θ, w, H⁻¹, nuisance meat, last step, effect factors, their variances."""
    theta, w = np.zeros(design.n_nuisance), design.depth.copy()
    r = design.numeric.shape[0]
    sums = np.empty((len(used), n_components(r)))
    row = rows_of(instruments, len(design.group_seg) - 2)
    y_total, y_row = np.zeros(len(theta)), np.zeros(len(instruments))
    count_totals(y, design, used, row, y_total, y_row)
    none = empty_tables(design, series, np.zeros(r))
    last, _, factor, v, W, G, H_inv, B = fit(
        y, design, series, used, row, y_total, y_row, none, theta, w, sums, warm=False, hc3=hc == 3
    )
    family = family_of(phi)
    if family.refit is not None:
        counts = np.add.reduceat(np.append(y, 0.0), design.seg_start[design.group_seg[:-1]])[instruments]
        with np.errstate(divide="ignore"):
            effect = np.log(np.where(counts > 0, factor, 1.0))
        theta, effect, _, last, v, W, G, H_inv = family.refit(
            y, design, used, instruments, counts, theta, effect, phi=phi, hc3=hc == 3
        )
        factor = np.exp(effect)
    variance = v + 2.0 * (W * G).sum(axis=1)
    if hc == 1:
        variance *= _hc1_factor(design, used, theta, H_inv, len(instruments))
    return theta, w, H_inv, B, last, factor, variance


def _hc1_factor(design: Design, used: np.ndarray, theta: np.ndarray, H_inv: np.ndarray, n_effects: int) -> float:
    """Factor n / (n − k) over the cells with a mean, k the coefficients about which anything is known."""
    with_mean = used & np.isfinite(theta[design.stratum_level[design.seg_stratum]])
    n = np.diff(design.seg_start)[with_mean].sum()
    k = np.count_nonzero(np.diag(H_inv)) + n_effects
    return n / (n - k) if n > k else np.inf

"""What single cells do to observed total effects: to those of the regression that estimated them, and no other.

The descendant step regresses a gene on one perturbation, in the cells of this perturbation and the controls alone. Its
estimate is not the coefficient of the regression on the cells of all perturbations, which first stages are: where
covariates are distributed unevenly over perturbations, the other cells make that one less variable, and so would be
its standard error.
"""

from collections.abc import Sequence

import numpy as np

from argen._core.dag.influence import CellInfluence
from argen._core.glm.reduced_form import fit_reduced_form
from argen._core.parallel import Map
from argen._core.screen import CONTROL, Screen, regroup

__all__ = ["ObservedInfluence", "correlation_of_observed"]


class ObservedInfluence:
    """Influences of the cells on the total effects of one perturbation, as the descendant step estimates them.

    Parameters
    ----------
    screen, perturbation
        Counts and design of the step; the perturbation.
    pooled
        Whether the step estimated all effects on a gene in one regression. Groups without counts are fitted against
        the controls either way, see :func:`~argen._core.glm.pairs.fit_gene`.
    hc3
        Divide residuals by 1 − leverage.
    """

    def __init__(self, screen: Screen, perturbation: int, *, pooled: bool, hc3: bool) -> None:
        self._screen, self._perturbation, self._hc3 = screen, perturbation, hc3
        self._own = screen.group == perturbation
        # Cells of strata that the controls do not have say nothing about the effect.
        seen = (self._own & screen.design.stratum_supported[screen.stratum]) | (screen.group == screen.n_groups)
        alone = regroup(screen, np.where(self._own, 0, CONTROL), 1, keep=seen)
        self._alone = CellInfluence(alone, hc3=hc3)
        self._pooled = CellInfluence(screen, hc3=hc3) if pooled else None

    def of(self, gene: int, phi: float) -> tuple[np.ndarray, float]:
        """Influence of each cell on the effect on a gene with dispersion `phi`, and what a stand-in for −∞ adds.

        Cells are in the order of the screen, 0 for those that the regression did not see, shape (n,). The second number
        is the variance of a group without counts beside the squares of the influences.
        """
        if self._pooled is not None and self._screen.counts_of(gene)[self._own].any():
            return self._of_regression(self._pooled, self._perturbation, gene, phi)
        of_some, variance = self._of_regression(self._alone, 0, gene, phi)
        of_cells = np.zeros(self._screen.n_cells)
        of_cells[self._alone.screen.cell] = of_some
        return of_cells, variance

    def _of_regression(
        self, influence: CellInfluence, perturbation: int, gene: int, phi: float
    ) -> tuple[np.ndarray, float]:
        instruments = np.arange(influence.screen.n_groups)
        form = fit_reduced_form(influence.screen, gene, instruments, hc3=self._hc3, phi=phi)
        row = np.zeros((1, len(instruments)))
        row[0, perturbation] = 1.0
        of_cells = influence.combine([gene], [form], [row])[0][influence.place]
        return of_cells, float(form.v[perturbation] * form.separated[perturbation])


def correlation_of_observed(
    screen: Screen, perturbations: Sequence[int], phi: np.ndarray, *, pooled: bool, hc3: bool, map_: Map = map
) -> np.ndarray:
    """Correlations of the errors of total effects on each gene with each other and with those on the own genes.

    Effects of m perturbations on a gene share the control cells; effects of one perturbation on two genes share all
    cells.

    Parameters
    ----------
    screen, phi, pooled, hc3
        As of :class:`ObservedInfluence`; `phi` of all genes, shape (p,).
    perturbations
        Perturbations g_1 … g_m; gene j of the screen is perturbation j.
    map_
        Parallel map over genes.

    Returns
    -------
    [gene k] the correlations of τ̂_{g_1,k} … τ̂_{g_m,k}, τ̂_{g_1,g_1} … τ̂_{g_m,g_m}, shape (p, 2m, 2m); NaN where an
    effect is not known.
    """
    observed = [ObservedInfluence(screen, int(g), pooled=pooled, hc3=hc3) for g in perturbations]
    own = [one.of(int(g), float(phi[g])) for one, g in zip(observed, perturbations, strict=True)]

    def correlation(gene: int) -> np.ndarray:
        found = [one.of(gene, float(phi[gene])) for one in observed] + own
        cells = np.stack([of_cells for of_cells, _ in found])
        covariance = cells @ cells.T + np.diag([variance for _, variance in found])
        size = np.sqrt(np.diag(covariance))
        size[~(size > 0.0)] = np.nan
        return covariance / np.outer(size, size)

    return np.stack(list(map_(correlation, range(screen.n_genes))))

"""Counts by blocks of cells: log μ in causal order, then depth, then Poisson or negative binomial draws.

Numbers are drawn cell by cell and from one stream per source, so that the block size changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from argen.errors import InputError

from .cells import CellTable, blocks
from .guides import GuideTable
from .model import ExpressionModel

__all__ = ["BLOCK_CELLS", "Expression", "draw_expression"]

BLOCK_CELLS = 2048
_MAX_COUNT = 2.0**24
"""Up to here float32 holds every integer exactly."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Everything that expression depends on; `guide` is the guide of each cell."""

    model: ExpressionModel
    cells: CellTable
    guides: GuideTable
    guide: np.ndarray


def draw_expression(
    expression: Expression,
    kept_cells: np.ndarray,
    kept_genes: np.ndarray,
    rng: np.random.Generator,
    *,
    block_cells: int = BLOCK_CELLS,
    keep_log_mean: bool = False,
) -> tuple[sparse.csr_matrix, np.ndarray | None]:
    """Draw the counts, and on request log μ, of all cells and genes; return those of the kept ones."""
    counts, log_means = [], []
    for rows, block, log_mean in _blocks_of_counts(expression, rng, block_cells):
        here = kept_cells[rows]
        counts.append(sparse.csr_matrix(block[here][:, kept_genes], dtype=np.float32))
        if keep_log_mean:
            log_means.append(log_mean[here][:, kept_genes])
    return sparse.vstack(counts, format="csr"), np.vstack(log_means) if keep_log_mean else None


def _blocks_of_counts(
    expression: Expression, rng: np.random.Generator, block_cells: int
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Rows, counts and log μ (both cells × genes) of one block after the other."""
    noise_rng, gamma_rng, count_rng = rng.spawn(3)
    for rows in blocks(expression.guide.size, block_cells):
        log_mean = np.ascontiguousarray(_log_mean(expression, rows, noise_rng).T)
        mean = _mean_counts(log_mean, expression.cells.depth[rows])
        _add_dispersion(mean, expression.model.dispersion, gamma_rng)
        if mean.max() > _MAX_COUNT / 2:  # the Poisson draw stays below twice its mean
            _raise_too_large(np.log(mean.max()))
        yield rows, count_rng.poisson(mean), log_mean


def _log_mean(expression: Expression, rows: slice, rng: np.random.Generator) -> np.ndarray:
    """Log μ of a block, genes × cells.

    log μ_ij = θ_j0 + Σ_{k∈pa(j)} θ_kj log μ_ik + τ_j D_ij + β_j'X_i + γ_j'U_i + ε_ij
    """
    model, cells = expression.model, expression.cells
    noise = np.ascontiguousarray(rng.standard_normal((rows.stop - rows.start, model.order.size)).T)
    eta = model.intercept[:, None] + model.noise_sd[:, None] * noise
    for effects, values in zip(model.numeric_effects.T, cells.numeric[:, rows], strict=True):
        eta += effects[:, None] * values
    for effects, codes in zip(model.batch_effects, cells.batch, strict=True):
        eta += effects[:, codes[rows]]
    for effects, values in zip(model.confounder_effects.T, cells.confounders[:, rows], strict=True):
        eta += effects[:, None] * values
    _perturb(eta, model, expression.guides, expression.guide[rows])
    return _propagate(eta, model)


def _perturb(eta: np.ndarray, model: ExpressionModel, guides: GuideTable, guide: np.ndarray) -> None:
    """Add the effect of each cell's guide on its target and its off-target, in place."""
    cell = np.flatnonzero(guides.target[guide] >= 0)
    gene = model.perturbations[guides.target[guide[cell]]]
    eta[gene, cell] += guides.efficacy[guide[cell]] * model.knockdown[gene]
    cell = np.flatnonzero(guides.off_target[guide] >= 0)
    eta[guides.off_target[guide[cell]], cell] += guides.off_target_effect[guide[cell]]


def _propagate(eta: np.ndarray, model: ExpressionModel) -> np.ndarray:
    """Add the parents' log μ to each gene, from the roots to the sinks, in place."""
    theta = model.theta.tocsc()
    for child in model.order:
        for entry in range(theta.indptr[child], theta.indptr[child + 1]):
            eta[child] += theta.data[entry] * eta[theta.indices[entry]]
    return eta


def _mean_counts(log_mean: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """ℓ μ, unless it grows beyond what counts are stored in."""
    eta = log_mean + np.log(depth)[:, None]
    if not eta.max() < np.log(_MAX_COUNT):
        _raise_too_large(eta.max())
    return np.exp(eta)


def _raise_too_large(log_mean: float) -> None:
    msg = (
        f"The simulated means explode (largest log mean count {log_mean:.3g}): use smaller edge_effect, intercept,"
        " depth_mean, noise_sd, dispersion, covariate or confounder effects, or fewer parents per gene."
    )
    raise InputError(msg)


def _add_dispersion(mean: np.ndarray, dispersion: np.ndarray, rng: np.random.Generator) -> None:
    """Multiply the means by gamma variables with mean 1 and shape 1/φ where φ > 0, in place."""
    over = np.flatnonzero(dispersion > 0)
    if over.size:
        shape = np.broadcast_to(1 / dispersion[over], (mean.shape[0], over.size))
        mean[:, over] *= rng.standard_gamma(shape) / shape

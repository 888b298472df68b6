"""Everything about the cells that comes before expression: covariates, depth, assignment, confounders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .params import LOG_DEPTH, SimulationParams

__all__ = ["CellTable", "blocks", "draw_cells"]

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class CellTable:
    """The cells.

    Attributes
    ----------
    perturbation
        (n,) position of the perturbed gene among the perturbations, −1 in control cells.
    depth
        (n,) ℓ.
    numeric
        (q, n) standardised numeric covariates.
    batch
        One (n,) array of level codes per batch covariate.
    confounders
        (r, n) U.
    """

    perturbation: np.ndarray
    depth: np.ndarray
    numeric: np.ndarray
    batch: tuple[np.ndarray, ...]
    confounders: np.ndarray


def blocks(n: int, size: int = _BLOCK) -> Iterator[slice]:
    """Consecutive slices that cover 0 … n."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def draw_cells(params: SimulationParams, n_perturbations: int, rng: np.random.Generator) -> CellTable:
    """Draw covariates and depth, then the assignment given these, then the confounders given the covariates."""
    covariate_rng, depth_rng, assignment_rng, confounder_rng = rng.spawn(4)
    n_cells = _number_of_cells(params, n_perturbations)
    numeric = covariate_rng.standard_normal((len(params.numeric_covariates), n_cells))
    batch = tuple(covariate_rng.integers(n, size=n_cells) for n in params.batch_covariates.values())
    depth = _draw_depth(params, n_cells, depth_rng)
    columns = _slope_columns(params, numeric, batch, depth, assignment_rng)
    assign = _assign_at_random if params.assignment == "random" else _assign_fixed
    perturbation = assign(params, n_perturbations, columns, assignment_rng)
    confounders = confounder_rng.standard_normal((params.n_confounders, n_cells))
    for name, slope in params.confounder_slope.items():
        confounders += slope * columns[name]
    return CellTable(perturbation, depth, numeric, batch, confounders)


def _number_of_cells(params: SimulationParams, n_perturbations: int) -> int:
    if params.assignment == "random":
        return params.n_cells
    return params.n_controls + int(np.broadcast_to(params.cells_per_perturbation, n_perturbations).sum())


def _draw_depth(params: SimulationParams, n_cells: int, rng: np.random.Generator) -> np.ndarray:
    if params.depth_distribution == "poisson":
        return np.maximum(rng.poisson(params.depth_mean, size=n_cells), 1).astype(float)
    sd = params.depth_log_sd  # shifted so that the mean, not the median, is depth_mean
    return params.depth_mean * np.exp(sd * rng.standard_normal(n_cells) - sd**2 / 2)


def _slope_columns(
    params: SimulationParams,
    numeric: np.ndarray,
    batch: tuple[np.ndarray, ...],
    depth: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Collect what a slope may refer to, by name; of a batch covariate one standard normal score per level."""
    columns = dict(zip(params.numeric_covariates, numeric, strict=True))
    for (name, n_levels), codes in zip(params.batch_covariates.items(), batch, strict=True):
        columns[name] = rng.standard_normal(n_levels)[codes]
    columns[LOG_DEPTH] = np.log(depth / params.depth_mean)
    return columns


def _score(slopes: Mapping[str, float], columns: dict[str, np.ndarray], n_cells: int) -> np.ndarray:
    """Σ slope × column of the cells."""
    score = np.zeros(n_cells)
    for name, slope in slopes.items():
        score += slope * columns[name]
    return score


def _assign_fixed(
    params: SimulationParams, n_perturbations: int, columns: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Draw groups of exactly the given sizes.

    Controls are drawn without replacement with odds exp(score): the n largest of score + Gumbel noise. The
    perturbations share what is left evenly, so their slope (one for all of them) only counts against the controls'.
    """
    n_cells = columns[LOG_DEPTH].size
    score = _score(params.control_slope, columns, n_cells) - _score(params.target_slope, columns, n_cells)
    keys = score + rng.gumbel(size=n_cells)
    perturbed = np.argsort(-keys, kind="stable")[params.n_controls :]
    sizes = np.broadcast_to(params.cells_per_perturbation, n_perturbations)
    perturbation = np.full(n_cells, -1)
    perturbation[rng.permutation(perturbed)] = np.repeat(np.arange(n_perturbations), sizes)
    return perturbation


def _assign_at_random(
    params: SimulationParams, n_perturbations: int, columns: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Draw from the softmax over the control group and the perturbations: the argmax of logits + Gumbel noise."""
    n_cells = columns[LOG_DEPTH].size
    fraction = params.control_fraction
    control = np.log(fraction * n_perturbations / (1 - fraction)) + _score(params.control_slope, columns, n_cells)
    perturbed = _score(params.target_slope, columns, n_cells)
    perturbation = np.empty(n_cells, dtype=np.int64)
    for rows in blocks(n_cells):
        logits = rng.gumbel(size=(rows.stop - rows.start, n_perturbations + 1))
        logits[:, 0] += control[rows]
        logits[:, 1:] += perturbed[rows, None]
        perturbation[rows] = logits.argmax(axis=1) - 1
    return perturbation

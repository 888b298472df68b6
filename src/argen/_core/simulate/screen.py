"""From parameters to counts.

Every source of randomness has its own stream: a parameter of one of them (the omitted genes, the guide counts)
leaves the others alone, so that two screens that differ in it can be compared cell by cell.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .cells import CellTable, draw_cells
from .expression import BLOCK_CELLS, Expression, draw_expression
from .guides import GuideTable, assign_guides, draw_guide_counts, draw_guides
from .model import ExpressionModel, draw_model
from .params import SimulationParams

__all__ = ["SimulatedScreen", "simulate_screen"]


@dataclass(frozen=True, slots=True)
class SimulatedScreen:
    """A simulated screen, already without the omitted genes and the cells that perturb them.

    Attributes
    ----------
    counts
        (cells kept, genes kept) float32.
    guide_counts
        (cells kept, guides) float32, or None.
    log_mean
        (cells kept, genes kept) log μ without depth, or None.
    kept_cells, kept_genes
        Masks over what was simulated; `cells`, `guide` and `model` hold everything.
    guide
        (n,) the guide of each cell.
    """

    counts: sparse.csr_matrix
    guide_counts: sparse.csr_matrix | None
    log_mean: np.ndarray | None
    kept_cells: np.ndarray
    kept_genes: np.ndarray
    cells: CellTable
    guide: np.ndarray
    guides: GuideTable
    model: ExpressionModel


def simulate_screen(
    params: SimulationParams,
    rng: np.random.Generator,
    *,
    block_cells: int = BLOCK_CELLS,
    keep_log_mean: bool = False,
) -> SimulatedScreen:
    """Simulate a screen from parameters that have been checked."""
    model_rng, cell_rng, guide_rng, umi_rng, expression_rng = rng.spawn(5)
    model = draw_model(params, model_rng)
    cells = draw_cells(params, model.perturbations.size, cell_rng)
    guides = draw_guides(params, model.perturbations, model.order.size, guide_rng)
    guide = assign_guides(cells.perturbation, params, model.perturbations.size, guide_rng)
    kept_genes = ~np.isin(np.array(params.gene_names), params.omit)
    kept_cells = (cells.perturbation < 0) | kept_genes[model.perturbations][cells.perturbation]
    counts, log_mean = draw_expression(
        Expression(model, cells, guides, guide),
        kept_cells,
        kept_genes,
        expression_rng,
        block_cells=block_cells,
        keep_log_mean=keep_log_mean,
    )
    umi = draw_guide_counts(guide, cells.depth, params, guides.target.size, umi_rng) if params.guide_counts else None
    return SimulatedScreen(
        counts=counts,
        guide_counts=None if umi is None else umi[kept_cells],
        log_mean=log_mean,
        kept_cells=kept_cells,
        kept_genes=kept_genes,
        cells=cells,
        guide=guide,
        guides=guides,
        model=model,
    )

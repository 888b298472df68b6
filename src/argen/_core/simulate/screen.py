"""From parameters to counts: draw the model, the cells and the guides, then expression by blocks of cells.

Every source of randomness has its own stream, and within a block numbers are drawn cell by cell. So the block
size changes nothing, and a parameter of one source (the omitted genes, the guide counts) leaves the others alone.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from argen.errors import InputError

from .cells import CellTable, blocks, draw_cells
from .guides import GuideTable, assign_guides, draw_guide_counts, draw_guides
from .network import causal_order, random_dag
from .params import SimulationParams, draw_values

__all__ = ["ExpressionModel", "SimulatedScreen", "simulate_screen"]

_BLOCK_CELLS = 2048
_MAX_MEAN = 1.0e7
"""float32 holds integers exactly up to 2²⁴ = 1.7e7."""


@dataclass(frozen=True, slots=True)
class ExpressionModel:
    """Parameters of the p genes, the omitted ones included.

    Attributes
    ----------
    theta
        (p, p) direct effects, row = parent, column = child.
    order
        (p,) genes from roots to sinks.
    targets
        (t,) perturbed genes.
    knockdown
        (p,) τ, 0 for genes that are not perturbed.
    intercept, noise_sd, dispersion
        (p,) θ_j0, standard deviation of ε, φ.
    numeric_effects
        (p, q) β of the numeric covariates, per standard deviation.
    batch_effects
        One (p, levels) array per batch covariate.
    confounder_effects
        (p, r) γ.
    """

    theta: sparse.csr_matrix
    order: np.ndarray
    targets: np.ndarray
    knockdown: np.ndarray
    intercept: np.ndarray
    noise_sd: np.ndarray
    dispersion: np.ndarray
    numeric_effects: np.ndarray
    batch_effects: tuple[np.ndarray, ...]
    confounder_effects: np.ndarray


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
    params: SimulationParams, rng: np.random.Generator, *, block_cells: int = _BLOCK_CELLS
) -> SimulatedScreen:
    """Simulate a screen from parameters that have been checked."""
    model_rng, cell_rng, guide_rng, umi_rng, *expression_rngs = rng.spawn(7)
    model = draw_model(params, model_rng)
    n_targets, n_genes = model.targets.size, model.order.size
    cells = draw_cells(params, n_targets, cell_rng)
    guides = draw_guides(params, model.targets, n_genes, guide_rng)
    guide = assign_guides(cells.target, params, n_targets, guide_rng)
    kept_genes = ~np.isin(np.array(params.gene_names), params.omit)
    kept_cells = (cells.target < 0) | kept_genes[model.targets][cells.target]
    counts, log_mean = _draw_expression(
        model, cells, (guides, guide), (kept_cells, kept_genes), expression_rngs, block_cells, params.keep_log_mean
    )
    umi = None
    if params.guide_counts:
        umi = draw_guide_counts(guide, cells.depth / params.depth_mean, params, guides.target.size, umi_rng)[kept_cells]
    return SimulatedScreen(counts, umi, log_mean, kept_cells, kept_genes, cells, guide, guides, model)


def draw_model(params: SimulationParams, rng: np.random.Generator) -> ExpressionModel:
    """Draw whatever the parameters leave open about the genes."""
    dag_rng, target_rng, gene_rng, covariate_rng, confounder_rng = rng.spawn(5)
    n_genes = len(params.gene_names)
    theta = _theta(params, dag_rng)
    targets = _target_genes(params, target_rng)
    knockdown = np.zeros(n_genes)
    knockdown[targets] = draw_values(params.knockdown, targets.size, gene_rng)
    numeric = [draw_values(values, n_genes, covariate_rng) for values in params.numeric_covariates.values()]
    sd = params.batch_effect_sd
    batch = tuple(sd * covariate_rng.standard_normal((n_genes, n)) for n in params.batch_covariates.values())
    return ExpressionModel(
        theta=theta,
        order=causal_order(theta),
        targets=targets,
        knockdown=knockdown,
        intercept=draw_values(params.intercept, n_genes, gene_rng),
        noise_sd=draw_values(params.noise_sd, n_genes, gene_rng),
        dispersion=draw_values(params.dispersion, n_genes, gene_rng),
        numeric_effects=np.column_stack(numeric) if numeric else np.zeros((n_genes, 0)),
        batch_effects=batch,
        confounder_effects=draw_values(params.confounder_effect, (n_genes, params.n_confounders), confounder_rng),
    )


def _theta(params: SimulationParams, rng: np.random.Generator) -> sparse.csr_matrix:
    names = params.gene_names
    if params.dag is None:
        return random_dag(
            len(names),
            rng,
            n_parents=params.n_parents,
            n_edges=params.n_edges,
            effect=params.edge_effect,
            positive_fraction=params.positive_fraction,
        )
    place = {name: index for index, name in enumerate(names)}
    rows = [place[parent] for parent, _, _ in params.dag]
    columns = [place[child] for _, child, _ in params.dag]
    values = np.array([effect for _, _, effect in params.dag], dtype=float)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(names), len(names)))


def _target_genes(params: SimulationParams, rng: np.random.Generator) -> np.ndarray:
    names = params.gene_names
    if params.targets is None:
        return np.arange(len(names))
    if isinstance(params.targets, int):
        return np.sort(rng.choice(len(names), size=params.targets, replace=False))
    place = {name: index for index, name in enumerate(names)}
    return np.array([place[name] for name in params.targets])


def _draw_expression(
    model: ExpressionModel,
    cells: CellTable,
    guides: tuple[GuideTable, np.ndarray],
    kept: tuple[np.ndarray, np.ndarray],
    rngs: list[np.random.Generator],
    block_cells: int,
    keep_log_mean: bool,  # noqa: FBT001
) -> tuple[sparse.csr_matrix, np.ndarray | None]:
    """Counts of the kept cells and genes, block by block."""
    noise_rng, gamma_rng, count_rng = rngs
    kept_cells, kept_genes = kept
    counts, log_means = [], []
    for rows in blocks(cells.depth.size, block_cells):
        log_mean = np.ascontiguousarray(_block_log_mean(model, cells, guides, rows, noise_rng).T)
        mean = _mean_counts(log_mean, cells.depth[rows])
        block = _draw_counts(mean, model.dispersion, gamma_rng, count_rng)
        here = kept_cells[rows]
        counts.append(sparse.csr_matrix(block[here][:, kept_genes], dtype=np.float32))
        if keep_log_mean:
            log_means.append(log_mean[here][:, kept_genes])
    return sparse.vstack(counts, format="csr"), np.vstack(log_means) if keep_log_mean else None


def _block_log_mean(
    model: ExpressionModel,
    cells: CellTable,
    guides: tuple[GuideTable, np.ndarray],
    rows: slice,
    rng: np.random.Generator,
) -> np.ndarray:
    """Log μ of a block, genes × cells.

    log μ_ij = θ_j0 + Σ_{k∈pa(j)} θ_kj log μ_ik + τ_j D_ij + β_j'X_i + γ_j'U_i + ε_ij
    """
    n_cells = rows.stop - rows.start
    noise = np.ascontiguousarray(rng.standard_normal((n_cells, model.order.size)).T)
    eta = model.intercept[:, None] + model.noise_sd[:, None] * noise
    for effects, values in zip(model.numeric_effects.T, cells.numeric[:, rows], strict=True):
        eta += effects[:, None] * values
    for effects, codes in zip(model.batch_effects, cells.batch, strict=True):
        eta += effects[:, codes[rows]]
    for effects, values in zip(model.confounder_effects.T, cells.confounders[:, rows], strict=True):
        eta += effects[:, None] * values
    _perturb(eta, model, guides[0], guides[1][rows])
    return _propagate(eta, model)


def _perturb(eta: np.ndarray, model: ExpressionModel, guides: GuideTable, guide: np.ndarray) -> None:
    """Add the effect of each cell's guide on its target and its off-target, in place."""
    cell = np.flatnonzero(guides.target[guide] >= 0)
    gene = model.targets[guides.target[guide[cell]]]
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
    if not eta.max() < np.log(_MAX_MEAN):
        msg = (
            f"The simulated means explode (largest log mean {eta.max():.3g}): use smaller edge_effect, noise_sd,"
            " intercept or depth_mean, or fewer parents per gene."
        )
        raise InputError(msg)
    return np.exp(eta)


def _draw_counts(
    mean: np.ndarray, dispersion: np.ndarray, gamma_rng: np.random.Generator, count_rng: np.random.Generator
) -> np.ndarray:
    """Poisson counts, of a gamma-distributed mean with shape 1/φ where φ > 0."""
    over = np.flatnonzero(dispersion > 0)
    if over.size:
        shape = np.broadcast_to(1 / dispersion[over], (mean.shape[0], over.size))
        mean[:, over] *= gamma_rng.standard_gamma(shape) / shape
    return count_rng.poisson(mean)

"""The genes of a simulation: who regulates whom, and every coefficient of the model."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .network import causal_order, random_dag
from .params import SimulationParams, draw_values

__all__ = ["ExpressionModel", "draw_model"]


@dataclass(frozen=True, slots=True)
class ExpressionModel:
    """Parameters of the p genes, the omitted ones included.

    Attributes
    ----------
    theta
        (p, p) direct effects, row = parent, column = child.
    order
        (p,) genes from roots to sinks.
    perturbations
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
    perturbations: np.ndarray
    knockdown: np.ndarray
    intercept: np.ndarray
    noise_sd: np.ndarray
    dispersion: np.ndarray
    numeric_effects: np.ndarray
    batch_effects: tuple[np.ndarray, ...]
    confounder_effects: np.ndarray


def draw_model(params: SimulationParams, rng: np.random.Generator) -> ExpressionModel:
    """Draw whatever the parameters leave open about the genes."""
    dag_rng, perturbation_rng, gene_rng, covariate_rng, confounder_rng = rng.spawn(5)
    n_genes = len(params.gene_names)
    theta = _theta(params, dag_rng)
    perturbations = _perturbed_genes(params, perturbation_rng)
    perturbed = np.isin(np.arange(n_genes), perturbations)
    numeric = [draw_values(values, n_genes, covariate_rng) for values in params.numeric_covariates.values()]
    sd = params.batch_effect_sd
    batch = tuple(sd * covariate_rng.standard_normal((n_genes, n)) for n in params.batch_covariates.values())
    return ExpressionModel(
        theta=theta,
        order=causal_order(theta),
        perturbations=perturbations,
        knockdown=np.where(perturbed, draw_values(params.knockdown, n_genes, gene_rng), 0.0),
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
        )
    place = {name: index for index, name in enumerate(names)}
    rows = [place[parent] for parent, _, _ in params.dag]
    columns = [place[child] for _, child, _ in params.dag]
    effects = np.array([effect for _, _, effect in params.dag], dtype=float)
    return sparse.csr_matrix((effects, (rows, columns)), shape=(len(names), len(names)))


def _perturbed_genes(params: SimulationParams, rng: np.random.Generator) -> np.ndarray:
    names = params.gene_names
    if params.perturbations is None:
        return np.arange(len(names))
    if isinstance(params.perturbations, int):
        return np.sort(rng.choice(len(names), size=params.perturbations, replace=False))
    place = {name: index for index, name in enumerate(names)}
    return np.array([place[name] for name in params.perturbations])

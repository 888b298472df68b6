"""Checks of parameters against each other."""

from collections.abc import Callable, Mapping

from argen._bridge.validate import name_some
from argen._core.simulate import CONTROL_LABEL, LOG_DEPTH, SimulationParams
from argen.errors import InputError

from ._arguments import read_name, refuse_unknown
from ._graph_input import check_edges

__all__ = ["check_params", "perturbation_names"]

_RESERVED = ("perturbation", "guide", "depth", LOG_DEPTH)

_NEEDS: tuple[tuple[tuple[str, ...], Callable[[SimulationParams], bool], str], ...] = (
    (("n_parents", "n_edges", "edge_effect"), lambda p: p.dag is None, "dag='random'"),
    (("confounder_effect",), lambda p: p.n_confounders > 0, "n_confounders of 1 or more"),
    (("depth_log_sd",), lambda p: p.depth_distribution == "lognormal", "depths that are log-normal, as without preset"),
    (("off_target_effect",), lambda p: p.off_targets > 0, "off_targets of 1 or more"),
)
"""Arguments that do nothing unless a condition holds, and the argument that makes it hold."""


def perturbation_names(params: SimulationParams) -> tuple[str, ...]:
    """Names of the perturbations, or placeholders while it is left to chance which genes they are."""
    if isinstance(params.perturbations, tuple):
        return params.perturbations
    return params.gene_names if params.perturbations is None else ("",) * params.perturbations


def check_params(params: SimulationParams, given: Mapping[str, object]) -> None:
    """Raise :class:`~argen.errors.InputError` for parameters that contradict each other."""
    _check_genes(params)
    _check_graph(params)
    _check_covariates(params)
    _check_guides(params)
    for names, holds, needed in _NEEDS:
        idle = [name for name in names if name in given]
        if idle and not holds(params):
            msg = f"{name_some(idle)} would change nothing here: it needs {needed}; give that too, or leave it out."
            raise InputError(msg)


def _check_genes(params: SimulationParams) -> None:
    """Perturbations and omitted genes are genes, and something is left to analyse."""
    genes = params.gene_names
    if isinstance(params.perturbations, int) and params.perturbations > len(genes):
        msg = (
            f"perturbations={params.perturbations} is more than there are genes ({len(genes)}): perturb fewer, or "
            "simulate more."
        )
        raise InputError(msg)
    if isinstance(params.perturbations, tuple):
        refuse_unknown("perturbations", params.perturbations, genes, "gene")
    refuse_unknown("omit", params.omit, genes, "gene")
    if set(params.omit) >= set(genes) or set(params.omit) >= set(perturbation_names(params)):
        msg = "omit leaves no perturbed gene: omit fewer, or perturb more."
        raise InputError(msg)
    if CONTROL_LABEL in genes:
        msg = f"A gene is called {CONTROL_LABEL!r}, as the control cells are: give it another name."
        raise InputError(msg)


def _check_graph(params: SimulationParams) -> None:
    n_genes = len(params.gene_names)
    if params.dag is not None:
        check_edges(params.dag, params.gene_names)
    elif params.n_edges is not None and params.n_edges > n_genes * (n_genes - 1) // 2:
        msg = (
            f"n_edges={params.n_edges} is more than a DAG of {n_genes} genes can hold"
            f" ({n_genes * (n_genes - 1) // 2} pairs): ask for fewer edges or more genes."
        )
        raise InputError(msg)


def _check_covariates(params: SimulationParams) -> None:
    """Names can be columns of obs."""
    numeric, batch = list(params.numeric_covariates), list(params.batch_covariates)
    for name in (*numeric, *batch):
        read_name("covariate name", name)
        if name in _RESERVED or "/" in name:
            msg = f"A covariate cannot be called {name!r}: take a name without '/' that is not {name_some(_RESERVED)}."
            raise InputError(msg)
    if both := sorted(set(numeric) & set(batch)):
        msg = f"{name_some(both)} is both a numeric and a batch covariate: rename one of them."
        raise InputError(msg)


def _check_guides(params: SimulationParams) -> None:
    n_guides = params.guides_per_target * len(perturbation_names(params))
    if params.off_targets > n_guides:
        msg = f"off_targets={params.off_targets} is more than there are guides with a target ({n_guides})."
        raise InputError(msg)
    if params.off_targets and len(params.gene_names) < 2:
        msg = "off_targets needs a second gene to hit: simulate more genes."
        raise InputError(msg)

"""`ag.datasets.simulate`: screens from the paper's model, with the truth attached."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from argen._core.simulate import simulate_screen
from argen.errors import InputError

from ._resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from anndata import AnnData
    from mudata import MuData
    from numpy.typing import ArrayLike
    from scipy import sparse

__all__ = ["simulate"]


def simulate(  # noqa: PLR0913
    preset: str | None = None,
    *,
    rng: int | np.random.Generator | None = 0,
    genes: int | Sequence[str] | None = None,
    perturbations: int | Sequence[str] | None = None,
    responders: int | None = None,
    dag: str | pd.DataFrame | ArrayLike | sparse.spmatrix | None = None,
    n_parents: tuple[int, int] | None = None,
    n_edges: int | None = None,
    edge_effect: float | tuple[float, float] | None = None,
    intercept: float | tuple[float, float] | ArrayLike | None = None,
    knockdown: float | tuple[float, float] | ArrayLike | None = None,
    noise_sd: float | tuple[float, float] | ArrayLike | None = None,
    dispersion: float | tuple[float, float] | ArrayLike | None = None,
    n_controls: int | None = None,
    cells_per_perturbation: int | ArrayLike | None = None,
    n_cells: int | None = None,
    numeric_covariates: Mapping[str, float | tuple[float, float] | ArrayLike] | None = None,
    batch_covariates: Mapping[str, int] | None = None,
    n_confounders: int | None = None,
    confounder_effect: float | tuple[float, float] | ArrayLike | None = None,
    depth_mean: float | None = None,
    depth_log_sd: float | None = None,
    guides_per_target: int | None = None,
    control_guides: int | None = None,
    guide_efficacy: float | tuple[float, float] | ArrayLike | None = None,
    off_targets: int | None = None,
    off_target_effect: float | tuple[float, float] | ArrayLike | None = None,
    guide_counts: bool | None = None,
    omit: Sequence[str] | None = None,
) -> AnnData | MuData:
    r"""Simulate a Perturb-seq screen from a causal gene network.

    The model of :cite:p:`ParkLi2026`, for cell i and gene j:

    .. math::

        Y_{ij} \mid λ_{ij} &\sim \mathrm{Poisson}(ℓ_i λ_{ij}), \qquad
        λ_{ij} = μ_{ij} \text{ or } \mathrm{Gamma}(\text{mean } μ_{ij}, \text{shape } 1/φ_j) \\
        \log μ_{ij} &= θ_{j0} + \sum_{k ∈ pa(j)} θ_{kj} \log μ_{ik} + τ_j D_{ij} + β_j'X_i + γ_j'U_i + ε_{ij}

    with depth ℓ, perturbation D, observed covariates X, hidden confounders U and ε ~ N(0, σ_j²).

    *Values* in the list below are a number (for all), a tuple ``(low, high)`` (drawn uniformly between them), or an
    array (one for each; a mapping or Series by gene name where they are per gene). Arguments left out are the
    preset's; an argument that would change nothing is refused.

    Parameters
    ----------
    preset
        ``"paper_fig2"``: the simulation of the paper (8 genes, 8,000 cells, covariate ``"L"``, one confounder;
        ``omit=("X7", "X8")`` for its analysis with hidden genes). ``"paper_medium"``: 50 genes, 12,500 cells,
        8 batches, negative binomial. ``"k562_like"``: 400 genes, all perturbed, 71,000 cells of which 11,000
        controls, 48 batches, two confounders, half of the counts zero. `None`: 20 genes, 3,000 cells, no covariates
        and no confounders.
    rng
        Seed or generator. The same seed gives the same screen with the same version of numpy.
    genes
        Names, or how many (then called G01, G02, …).
    perturbations
        Genes that are perturbed: names, or how many (drawn at random). By default all.
    responders
        How many further genes, called R1, R2, …, nobody perturbs; they stand anywhere in the random graph.
    dag
        Direct effects θ: a table with the columns parent, child, coef (or source, target, weight; or from, to, coef),
        a matrix (row = parent, column = child; dense, sparse or labelled), or ``"random"``. If no genes and no
        preset are given, the genes are those of `dag`.
    n_parents, n_edges
        Of a random DAG: fewest and most parents per gene, or the number of edges in all.
    edge_effect
        Of a random DAG: \|θ\|, a number or ``(low, high)``; half of the signs are positive.
    intercept, noise_sd, dispersion
        Values of θ_j0, σ_j and φ_j, per gene. φ = 0 is Poisson.
    knockdown
        Values of τ_j, per gene; those of genes that are not perturbed do not matter.
    n_controls, cells_per_perturbation
        Sizes of the groups (all the same, or one per perturbation): exactly so many cells, in random order.
    n_cells
        Instead: each of so many cells draws its group, control with the preset's probability (one half without
        preset), the perturbations with equal ones. In the presets it depends on covariates and depth.
    numeric_covariates
        Name → values of β_j, per gene and standard deviation. The covariates are normal.
    batch_covariates
        Name → number of levels; their effects on each gene are normal.
    n_confounders, confounder_effect
        Number r of hidden U, and values of γ, shape genes × r.
    depth_mean, depth_log_sd
        Mean of the depths and standard deviation of their logarithms, which are normal (in ``"paper_fig2"`` depths are
        Poisson).
    guides_per_target, control_guides, guide_efficacy
        Number of guides per target, and of non-targeting ones; values of the share of the knock-down that a guide
        reaches (as an array: one per guide of a target, or perturbations × guides). Each cell carries one guide.
    off_targets, off_target_effect
        How many guides hit a second gene, drawn at random, and values of the effect on its log mean.
    guide_counts
        Whether to return a MuData with UMI counts of the guides: 50 of a cell's own guide (gamma–Poisson) and two
        ambient ones, by abundance, at mean depth.
    omit
        Genes that are hidden: their columns and the cells that perturb them are dropped, their influence stays.

    Returns
    -------
    An AnnData, or with `guide_counts` a MuData of the modalities ``"rna"`` and ``"guide"`` (whose ``var`` has the
    columns `target`, `efficacy`, `off_target`, `off_target_effect`). The (rna) AnnData holds:

    `.X`
        Counts, CSR float32.
    `.obs['perturbation']`, `.obs['guide']`, `.obs['depth']`, and one column per covariate
        Perturbed gene or control, guide, true ℓ; batch covariates are categorical.
    `.var['causal_position']`
        Place in a causal order, from roots to sinks; also `perturbed`, `knockdown`, `intercept`, `noise_sd`,
        `dispersion` and ``effect_<covariate>``.
    `.varp['truth']`
        True direct effects, CSR, row = parent, column = child. A path that runs through omitted genes only is a
        direct effect among those that are left.
    `.varm['truth']`
        If some genes are not perturbed: true direct effects of those that are on every other gene, genes × perturbed
        genes (in the order of `var`), CSR. A path that runs through genes that are not perturbed is direct.
    `.varm['effect_<batch>']`, `.varm['confounder_effects']`, `.obsm['confounders']`
        Batch effects (genes × levels), γ (genes × r) and U (cells × r).
    `.uns['simulation']`
        In ``settings`` all parameters, the preset and the seed; in ``tables`` ``edges``, ``genes`` and ``guides``, with
        the omitted genes.

    Raises
    ------
    argen.errors.InputError
        If an argument is unknown, impossible (a cycle, more edges than pairs of genes, a negative size, a wrong
        shape), contradicts another, would change nothing, or makes the means explode.

    See Also
    --------
    true_total_effects : the total effects that the truth implies.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2", rng=1, n_cells=500)
    >>> adata.shape, adata.varp["truth"].nnz
    ((500, 8), 12)
    >>> mdata = ag.datasets.simulate(genes=5, guides_per_target=2, guide_efficacy=[1.0, 0.5], guide_counts=True)
    >>> mdata["guide"].n_vars
    11
    """
    given = {name: value for name, value in locals().items() if name not in {"preset", "rng"}}
    params = resolve(preset, given)
    generator = _generator(rng)
    source = {"preset": preset or ""} | ({"seed": int(rng)} if isinstance(rng, Integral) else {})
    from ._anndata import to_anndata

    return to_anndata(simulate_screen(params, generator), params, source)


def _generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        msg = f"rng={rng!r} is neither a seed of 0 or more nor a numpy.random.Generator."
        raise InputError(msg) from error

"""From a simulated screen to AnnData and MuData."""

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData
from scipy import sparse

from argen._bridge.mudatas import columns_stay
from argen._bridge.results.entries import write_entry
from argen._core.simulate import CONTROL_LABEL, SimulatedScreen, SimulationParams, marginal_effects

from ._record import guide_table, perturbation_labels, record

__all__ = ["to_anndata"]


def to_anndata(screen: SimulatedScreen, params: SimulationParams, source: dict[str, object]) -> ad.AnnData | MuData:
    """Make an AnnData of the expression, or a MuData with the guide counts beside it.

    `source` goes into the record as it is: the preset, the seed.
    """
    guides = guide_table(screen, params)
    rna = ad.AnnData(screen.counts, obs=_obs(screen, params, guides), var=_var(screen, params))
    rna.varp["truth"] = marginal_effects(screen.model.theta, screen.kept_genes)
    _add_effects(rna, screen, params)
    if not (perturbed := rna.var["perturbed"].to_numpy()).all():
        rna.varm["truth"] = _direct_effects(rna.varp["truth"].toarray(), perturbed)
    write_entry(rna, record(screen, params, guides, source))
    if screen.guide_counts is None:
        return rna
    guide = ad.AnnData(screen.guide_counts, obs=pd.DataFrame(index=rna.obs_names), var=guides)
    with columns_stay():
        return MuData({"rna": rna, "guide": guide})


def _direct_effects(theta: np.ndarray, perturbed: np.ndarray) -> sparse.csr_matrix:
    """Effects of perturbed genes on the others, [gene, perturbed gene], paths through others included."""
    others = ~perturbed
    among = np.linalg.inv(np.eye(others.sum()) - theta[np.ix_(others, others)])
    effects = np.zeros((len(theta), perturbed.sum()))
    effects[others] = (theta[np.ix_(perturbed, others)] @ among).T
    return sparse.csr_matrix(effects)


def _add_effects(rna: ad.AnnData, screen: SimulatedScreen, params: SimulationParams) -> None:
    """Write the covariates' and the confounders' effects on each gene, and the confounders themselves."""
    kept, model = screen.kept_genes, screen.model
    for name, effects in zip(params.numeric_covariates, model.numeric_effects.T, strict=True):
        rna.var[f"effect_{name}"] = effects[kept]
    for name, effects in zip(params.batch_covariates, model.batch_effects, strict=True):
        rna.varm[f"effect_{name}"] = effects[kept]
    if params.n_confounders:
        rna.varm["confounder_effects"] = model.confounder_effects[kept]
        rna.obsm["confounders"] = screen.cells.confounders.T[screen.kept_cells]


def _obs(screen: SimulatedScreen, params: SimulationParams, guides: pd.DataFrame) -> pd.DataFrame:
    """Collect perturbation, guide, depth and one column per covariate."""
    kept, cells = screen.kept_cells, screen.cells
    names = perturbation_labels(screen, params)
    used = [CONTROL_LABEL, *(name for name in names[:-1] if name not in params.omit)]
    obs = pd.DataFrame(index=pd.Index([f"cell{number}" for number in np.flatnonzero(kept)]))
    obs["perturbation"] = pd.Categorical(names[cells.perturbation[kept]], categories=used)
    obs["guide"] = pd.Categorical(guides.index.to_numpy()[screen.guide[kept]])
    obs["depth"] = cells.depth[kept]
    for name, values in zip(params.numeric_covariates, cells.numeric, strict=True):
        mean, sd = params.covariate_scale.get(name, (0.0, 1.0))
        obs[name] = mean + sd * values[kept]
    for (name, n_levels), codes in zip(params.batch_covariates.items(), cells.batch, strict=True):
        levels = [str(number) for number in range(1, n_levels + 1)]
        obs[name] = pd.Categorical.from_codes(codes[kept], categories=levels)
    return obs


def _var(screen: SimulatedScreen, params: SimulationParams) -> pd.DataFrame:
    """Collect the parameters of each gene kept."""
    kept, model = screen.kept_genes, screen.model
    position = np.empty(kept.size, dtype=np.int64)
    position[model.order[kept[model.order]]] = np.arange(kept.sum())
    columns = {"perturbed": np.isin(np.arange(kept.size), model.perturbations)[kept], "causal_position": position[kept]}
    for name in ("knockdown", "intercept", "noise_sd", "dispersion"):
        columns[name] = getattr(model, name)[kept]
    return pd.DataFrame(columns, index=pd.Index(np.array(params.gene_names, dtype=object)[kept]))

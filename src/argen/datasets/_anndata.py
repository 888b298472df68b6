"""From a simulated screen to AnnData and MuData."""

from dataclasses import asdict, fields

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData
from scipy import sparse

from argen._core.simulate import SimulatedScreen, SimulationParams, marginal_effects

__all__ = ["to_anndata"]

SCHEMA_VERSION = 1


def to_anndata(
    screen: SimulatedScreen, params: SimulationParams, *, preset: str | None, rng: object
) -> ad.AnnData | MuData:
    """AnnData of the expression, or a MuData with the guide counts beside it."""
    guides = _guide_names(screen, params)
    rna = ad.AnnData(screen.counts, obs=_obs(screen, params, guides), var=_var(screen, params))
    rna.varp["truth"] = marginal_effects(screen.model.theta, screen.kept_genes)
    rna.varm["confounder_effects"] = screen.model.confounder_effects[screen.kept_genes]
    rna.obsm["confounders"] = screen.cells.confounders.T[screen.kept_cells]
    if screen.log_mean is not None:
        rna.layers["log_mean"] = screen.log_mean
    rna.uns["simulation"] = _record(screen, params, guides, preset, rng)
    if screen.guide_counts is None:
        return rna
    return _mudata(rna, screen.guide_counts, guides)


def _target_names(screen: SimulatedScreen, params: SimulationParams) -> np.ndarray:
    """Labels by target code; code −1 (the last one) is the control."""
    return np.array([*np.array(params.gene_names, dtype=object)[screen.model.targets], params.control], dtype=object)


def _guide_names(screen: SimulatedScreen, params: SimulationParams) -> pd.DataFrame:
    """One row per guide."""
    table = screen.guides
    target = _target_names(screen, params)[table.target]
    genes = np.array([*params.gene_names, ""], dtype=object)
    names = [f"{name}_g{number}" for name, number in zip(target, table.number, strict=True)]
    columns = {
        "target": target,
        "efficacy": table.efficacy,
        "off_target": genes[table.off_target],
        "off_target_effect": table.off_target_effect,
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="guide"))


def _obs(screen: SimulatedScreen, params: SimulationParams, guides: pd.DataFrame) -> pd.DataFrame:
    """Target, guide, depth and one column per covariate."""
    kept, cells = screen.kept_cells, screen.cells
    names = _target_names(screen, params)
    used = [params.control, *(name for name in names[:-1] if name not in params.omit)]
    obs = pd.DataFrame(index=pd.Index([f"cell{number}" for number in np.flatnonzero(kept)]))
    obs["target"] = pd.Categorical(names[cells.target[kept]], categories=used)
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
    """The parameters of each gene kept."""
    kept, model = screen.kept_genes, screen.model
    position = np.empty(kept.size, dtype=np.int64)
    position[model.order[kept[model.order]]] = np.arange(kept.sum())
    columns = {
        "perturbed": np.isin(np.arange(kept.size), model.targets)[kept],
        "causal_position": position[kept],
        "knockdown": model.knockdown[kept],
        "intercept": model.intercept[kept],
        "noise_sd": model.noise_sd[kept],
        "dispersion": model.dispersion[kept],
    }
    return pd.DataFrame(columns, index=pd.Index(np.array(params.gene_names, dtype=object)[kept]))


def _record(
    screen: SimulatedScreen, params: SimulationParams, guides: pd.DataFrame, preset: str | None, rng: object
) -> dict[str, object]:
    """What `uns["simulation"]` holds: all that is needed to tell how the screen was made."""
    return {"schema_version": SCHEMA_VERSION, "preset": preset or ""}


def _mudata(rna: ad.AnnData, counts: sparse.csr_matrix, guides: pd.DataFrame) -> MuData:
    """Modalities "rna" and "guide"."""
    guide = ad.AnnData(counts, obs=pd.DataFrame(index=rna.obs_names), var=guides)
    return MuData({"rna": rna, "guide": guide})

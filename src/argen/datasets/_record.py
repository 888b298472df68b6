"""What ``uns["simulation"]`` holds: every parameter and every draw that is not about single cells."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from argen._bridge.results.entries import Entry, new_entry
from argen._core.simulate import CONTROL_LABEL, SimulatedScreen, SimulationParams

__all__ = ["guide_table", "perturbation_labels", "record"]


def record(
    screen: SimulatedScreen, params: SimulationParams, guides: pd.DataFrame, source: Mapping[str, object]
) -> Entry:
    """Parameters, edges, genes and guides, the omitted ones included; `source` are the preset and the seed."""
    names = np.array(params.gene_names, dtype=object)
    given = {field.name: getattr(params, field.name) for field in fields(params) if field.name != "dag"}
    tables = {"edges": _edge_table(screen, names), "genes": _gene_table(screen, names), "guides": guides.reset_index()}
    return new_entry("simulation", "simulation", {**source, **given}, tables)


def _edge_table(screen: SimulatedScreen, names: np.ndarray) -> pd.DataFrame:
    """One row per direct effect."""
    edges = screen.model.theta.tocoo()
    return pd.DataFrame({"parent": names[edges.row], "child": names[edges.col], "coef": edges.data})


def _gene_table(screen: SimulatedScreen, names: np.ndarray) -> pd.DataFrame:
    """One row per gene."""
    model = screen.model
    columns = {
        "gene": names,
        "perturbed": np.isin(np.arange(names.size), model.perturbations),
        "omitted": ~screen.kept_genes,
        "causal_position": np.argsort(model.order),
        "knockdown": model.knockdown,
        "intercept": model.intercept,
        "noise_sd": model.noise_sd,
        "dispersion": model.dispersion,
    }
    return pd.DataFrame(columns)


def perturbation_labels(screen: SimulatedScreen, params: SimulationParams) -> np.ndarray:
    """Labels by perturbation code; code −1, hence the last label, is the control."""
    names = np.array(params.gene_names, dtype=object)
    return np.array([*names[screen.model.perturbations], CONTROL_LABEL], dtype=object)


def guide_table(screen: SimulatedScreen, params: SimulationParams) -> pd.DataFrame:
    """One row per guide, by name; `off_target` is empty when there is none."""
    table = screen.guides
    target = perturbation_labels(screen, params)[table.target]
    genes = np.array([*params.gene_names, ""], dtype=object)
    names = [f"{name}_g{number}" for name, number in zip(target, table.number, strict=True)]
    columns = {
        "target": target,
        "efficacy": table.efficacy,
        "off_target": genes[table.off_target],
        "off_target_effect": table.off_target_effect,
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="guide"))

"""What ``uns["simulation"]`` holds: every parameter and every draw that is not about single cells."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from argen import __version__
from argen._core.simulate import CONTROL_LABEL, SimulatedScreen, SimulationParams

__all__ = ["SCHEMA_VERSION", "guide_table", "record", "target_labels"]

SCHEMA_VERSION = 1


def record(screen: SimulatedScreen, params: SimulationParams, guides: pd.DataFrame) -> dict[str, object]:
    """Collect parameters, edges, genes and guides, the omitted ones included, in types that every format holds."""
    names = np.array(params.gene_names, dtype=object)
    stored = {field.name: _storable(getattr(params, field.name)) for field in fields(params) if field.name != "dag"}
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": {"argen": __version__, "numpy": np.__version__},
        "params": {name: value for name, value in stored.items() if value is not None},
        "edges": _edge_table(screen, names),
        "genes": _gene_table(screen, names),
        "guides": guides.reset_index(),
    }


def _storable(value: object) -> object:
    """Turn tuples into arrays and mappings into plain dicts; None stands for what is absent."""
    if isinstance(value, Mapping):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        is_text = not value or isinstance(value[0], str)
        return np.array(value, dtype=object if is_text else None)
    return value


def _edge_table(screen: SimulatedScreen, names: np.ndarray) -> pd.DataFrame:
    """One row per direct effect."""
    edges = screen.model.theta.tocoo()
    return pd.DataFrame({"parent": names[edges.row], "child": names[edges.col], "coef": edges.data})


def _gene_table(screen: SimulatedScreen, names: np.ndarray) -> pd.DataFrame:
    """One row per gene."""
    model = screen.model
    columns = {
        "gene": names,
        "perturbed": np.isin(np.arange(names.size), model.targets),
        "omitted": ~screen.kept_genes,
        "causal_position": np.argsort(model.order),
        "knockdown": model.knockdown,
        "intercept": model.intercept,
        "noise_sd": model.noise_sd,
        "dispersion": model.dispersion,
    }
    return pd.DataFrame(columns)


def target_labels(screen: SimulatedScreen, params: SimulationParams) -> np.ndarray:
    """Labels by target code; code −1, hence the last label, is the control."""
    names = np.array(params.gene_names, dtype=object)
    return np.array([*names[screen.model.targets], CONTROL_LABEL], dtype=object)


def guide_table(screen: SimulatedScreen, params: SimulationParams) -> pd.DataFrame:
    """One row per guide, by name; `off_target` is empty when there is none."""
    table = screen.guides
    target = target_labels(screen, params)[table.target]
    genes = np.array([*params.gene_names, ""], dtype=object)
    names = [f"{name}_g{number}" for name, number in zip(target, table.number, strict=True)]
    columns = {
        "target": target,
        "efficacy": table.efficacy,
        "off_target": genes[table.off_target],
        "off_target_effect": table.off_target_effect,
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="guide"))

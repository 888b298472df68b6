"""From a preset and overrides to checked parameters."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from argen._bridge.validate import check_option
from argen._core.simulate import SimulationParams
from argen.errors import InputError

from ._arguments import (
    read_count,
    read_count_pair,
    read_flag,
    read_name,
    read_names,
    read_number,
    read_sizes,
    read_values,
)
from ._check import check_params, target_names
from ._covariate_input import read_covariates
from ._graph_input import dag_names, read_dag
from ._presets import PRESETS

__all__ = ["resolve"]

_COUNTS = {  # the least that each may be
    "n_controls": 1,
    "n_cells": 1,
    "guides_per_target": 1,
    "control_guides": 1,
    "n_edges": 0,
    "n_confounders": 0,
    "off_targets": 0,
}
_NUMBERS = {  # bounds
    "positive_fraction": (0.0, 1.0),
    "batch_effect_sd": (0.0, 100.0),
    "depth_log_sd": (0.0, 100.0),
    "guide_umi": (0.0, 1e6),
    "ambient_umi": (0.0, 1e6),
}
_STRICT_NUMBERS = {"control_fraction": (0.0, 1.0), "depth_mean": (0.0, 1e9)}
_OPTIONS = {"assignment": ("fixed", "random"), "depth_distribution": ("lognormal", "poisson", "constant")}
_FLAGS = ("guide_counts", "keep_log_mean")
_GENE_VALUES = {"intercept": -np.inf, "knockdown": -np.inf, "noise_sd": 0.0, "dispersion": 0.0}  # the least allowed


def resolve(preset: str | None, given: Mapping[str, object]) -> SimulationParams:
    """Put the arguments given in the place of the preset's, and check them all."""
    if preset is not None:
        check_option("preset", preset, list(PRESETS))
    params = SimulationParams() if preset is None else PRESETS[preset]
    given = {name: value for name, value in given.items() if value is not None}
    params = replace(params, **_simple(given))
    params = replace(params, **_network(params, given, preset))
    params = replace(params, **read_covariates(given, params))
    params = replace(params, **_values(given, params))
    check_params(params, given)
    return params


def _simple(given: Mapping[str, object]) -> dict[str, object]:
    """Arguments that mean the same whatever the others are."""
    read: dict[str, object] = {}
    for name, value in given.items():
        if name in _COUNTS:
            read[name] = read_count(name, value, _COUNTS[name])
        elif name in _NUMBERS:
            read[name] = read_number(name, value, _NUMBERS[name])
        elif name in _STRICT_NUMBERS:
            read[name] = read_number(name, value, _STRICT_NUMBERS[name], strict=True)
        elif name in _OPTIONS:
            check_option(name, value, _OPTIONS[name])
            read[name] = value
        elif name in _FLAGS:
            read[name] = read_flag(name, value)
    if "control" in given:
        read["control"] = read_name("control", given["control"])
    return read


def _network(params: SimulationParams, given: Mapping[str, object], preset: str | None) -> dict[str, object]:
    """Genes, graph, targets and omissions."""
    read: dict[str, object] = {}
    dag = given.get("dag")
    if isinstance(dag, str):
        check_option("dag", dag, ["random"])
        read["dag"], dag = None, None
    if "genes" in given:
        read["genes"] = _count_or_names("genes", given["genes"])
    elif dag is not None and preset is None:
        read["genes"] = _count_or_names("genes", dag_names(dag))
    names = replace(params, **read).gene_names
    if dag is not None:
        read["dag"] = read_dag(dag, names)
    if "targets" in given:
        read["targets"] = _count_or_names("targets", given["targets"])
    if "omit" in given:
        read["omit"] = read_names("omit", given["omit"])
    return read | _random_graph(given)


def _random_graph(given: Mapping[str, object]) -> dict[str, object]:
    """How a random graph is drawn: by parents per gene, or by the number of edges."""
    read: dict[str, object] = {}
    if "n_parents" in given and "n_edges" in given:
        msg = "n_parents and n_edges both say how many edges there are: give one of them."
        raise InputError(msg)
    if "n_parents" in given:
        read["n_parents"], read["n_edges"] = read_count_pair("n_parents", given["n_parents"]), None
    if "edge_effect" in given:
        effect = read_values("edge_effect", given["edge_effect"], (), minimum=0.0)
        read["edge_effect"] = effect if isinstance(effect, tuple) else (effect, effect)
    return read


def _count_or_names(name: str, value: object) -> int | tuple[str, ...]:
    if hasattr(value, "__iter__"):
        names = read_names(name, value)
        if not names:
            msg = f"{name} is empty: give at least one."
            raise InputError(msg)
        return names
    return read_count(name, value, 1)


def _values(given: Mapping[str, object], params: SimulationParams) -> dict[str, object]:
    """Values per gene, target, guide or confounder: a number, a range or an array."""
    genes, targets = params.gene_names, target_names(params)
    read: dict[str, object] = {
        name: read_values(name, given[name], genes, minimum=minimum)
        for name, minimum in _GENE_VALUES.items()
        if name in given
    }
    if "cells_per_target" in given:
        read["cells_per_target"] = read_sizes("cells_per_target", given["cells_per_target"], targets)
    if "confounder_effect" in given:
        shape = (len(genes), params.n_confounders)
        read["confounder_effect"] = read_values("confounder_effect", given["confounder_effect"], genes, shape=shape)
    if "guide_efficacy" in given:
        value, shape = given["guide_efficacy"], (params.guides_per_target,)
        shape = (len(targets), *shape) if np.ndim(value) == 2 else shape
        read["guide_efficacy"] = read_values("guide_efficacy", value, (), shape=shape, minimum=0.0)
    if "off_target_effect" in given:
        shape = (params.off_targets,)
        read["off_target_effect"] = read_values("off_target_effect", given["off_target_effect"], (), shape=shape)
    return read

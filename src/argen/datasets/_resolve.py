"""From a preset and overrides to checked parameters."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from argen._bridge.validate import check_count, check_number, check_option, check_positive, name_some
from argen._core.simulate import LOG_DEPTH, SimulationParams
from argen.errors import InputError

from ._arguments import read_count_pair, read_names, read_sizes, read_values
from ._check import check_params, perturbation_names
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
_GENE_VALUES = {"intercept": -np.inf, "knockdown": -np.inf, "noise_sd": 0.0, "dispersion": 0.0}  # the least allowed


def resolve(preset: str | None, given: Mapping[str, object]) -> SimulationParams:
    """Put the arguments given in the place of the preset's, and check them all."""
    if preset is not None:
        check_option("preset", preset, list(PRESETS))
    params = SimulationParams() if preset is None else PRESETS[preset]
    given = {name: value for name, value in given.items() if value is not None}
    params = replace(params, **_simple(given), **_assignment(given))
    params = replace(params, **_network(params, given, preset))
    params = _with_covariates(params, given)
    params = replace(params, **_values(given, params))
    check_params(params, given)
    return params


def _simple(given: Mapping[str, object]) -> dict[str, object]:
    """Arguments that mean the same whatever the others are."""
    read: dict[str, object] = {
        name: check_count(name, given[name], least) for name, least in _COUNTS.items() if name in given
    }
    if "depth_mean" in given:
        read["depth_mean"] = check_positive("depth_mean", given["depth_mean"])
    if "depth_log_sd" in given:
        read["depth_log_sd"] = check_number("depth_log_sd", given["depth_log_sd"], 0.0)
    if "guide_counts" in given:
        check_option("guide_counts", given["guide_counts"], (True, False))
        read["guide_counts"] = given["guide_counts"]
    return read


def _assignment(given: Mapping[str, object]) -> dict[str, object]:
    """Whether groups have exact sizes or cells draw their group: by what is given, else as in the preset."""
    sizes = [name for name in ("n_controls", "cells_per_perturbation") if name in given]
    if sizes and "n_cells" in given:
        msg = f"n_cells lets every cell draw its group, {name_some(sizes)} would fix its size: give one or the other."
        raise InputError(msg)
    if sizes:
        return {"assignment": "fixed"}
    return {"assignment": "random"} if "n_cells" in given else {}


def _with_covariates(params: SimulationParams, given: Mapping[str, object]) -> SimulationParams:
    """Put covariates in the place of the preset's; what a preset says about one that is gone goes with it."""
    readers: dict[str, Callable[[str, object], object]] = {
        "numeric_covariates": lambda label, value: read_values(label, value, params.gene_names),
        "batch_covariates": lambda label, value: check_count(label, value, 1),
    }
    read = {name: _read_mapping(name, given[name], reader) for name, reader in readers.items() if name in given}
    params = replace(params, **read)
    known = {*params.numeric_covariates, *params.batch_covariates, LOG_DEPTH}
    said = ("control_slope", "target_slope", "confounder_slope", "covariate_scale")
    left = {name: {key: value for key, value in getattr(params, name).items() if key in known} for name in said}
    return replace(params, **left)


def _read_mapping(name: str, values: object, read: Callable[[str, object], object]) -> dict[str, object]:
    if not isinstance(values, Mapping):
        msg = f"{name}={values!r} is not a mapping from covariates, such as {{'L': 0.5}}."
        raise InputError(msg)
    return {key: read(f"{name}[{key!r}]", value) for key, value in values.items()}


def _network(params: SimulationParams, given: Mapping[str, object], preset: str | None) -> dict[str, object]:
    """Genes, graph, perturbations and omissions."""
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
    if "perturbations" in given:
        read["perturbations"] = _count_or_names("perturbations", given["perturbations"])
    if "responders" in given:
        read |= _with_responders(given, names)
    if "omit" in given:
        read["omit"] = read_names("omit", given["omit"])
    return read | _random_graph(given)


def _with_responders(given: Mapping[str, object], genes: tuple[str, ...]) -> dict[str, object]:
    """Further genes that nobody perturbs, beside `genes`, all of which are perturbed."""
    for name in ("perturbations", "dag"):
        if not isinstance(given.get(name, "random"), str):
            msg = f"responders adds genes that nobody perturbs; {name} says itself which these are: give one of them."
            raise InputError(msg)
    n = check_count("responders", given["responders"], 1)
    further = tuple(f"R{number:0{len(str(n))}d}" for number in range(1, n + 1))
    return {"genes": (*genes, *further), "perturbations": tuple(genes)}


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
    return check_count(name, value, 1)


def _values(given: Mapping[str, object], params: SimulationParams) -> dict[str, object]:
    """Values per gene, perturbation, guide or confounder: a number, a range or an array."""
    genes, perturbations = params.gene_names, perturbation_names(params)
    read: dict[str, object] = {
        name: read_values(name, given[name], genes, minimum=minimum)
        for name, minimum in _GENE_VALUES.items()
        if name in given
    }
    if "cells_per_perturbation" in given:
        read["cells_per_perturbation"] = read_sizes(
            "cells_per_perturbation", given["cells_per_perturbation"], perturbations
        )
    if "confounder_effect" in given:
        shape = (len(genes), params.n_confounders)
        read["confounder_effect"] = read_values("confounder_effect", given["confounder_effect"], genes, shape=shape)
    if "guide_efficacy" in given:
        value, shape = given["guide_efficacy"], (params.guides_per_target,)
        shape = (len(perturbations), *shape) if np.ndim(value) == 2 else shape
        read["guide_efficacy"] = read_values("guide_efficacy", value, (), shape=shape, minimum=0.0)
    if "off_target_effect" in given:
        shape = (params.off_targets,)
        read["off_target_effect"] = read_values("off_target_effect", given["off_target_effect"], (), shape=shape)
    return read

"""Covariates of a simulation and what refers to them by name: effects, scales, slopes."""

from collections.abc import Callable, Mapping

import numpy as np

from argen._core.simulate import SimulationParams
from argen.errors import InputError

from ._arguments import read_count, read_number, read_values
from ._check import target_names

__all__ = ["read_covariates"]


def read_covariates(given: Mapping[str, object], params: SimulationParams) -> dict[str, dict[str, object]]:
    """Read every mapping whose keys are covariates."""
    readers: dict[str, Callable[[str, object], object]] = {
        "numeric_covariates": lambda label, value: read_values(label, value, params.gene_names),
        "batch_covariates": lambda label, value: read_count(label, value, 1),
        "covariate_scale": _read_scale,
        "control_slope": read_number,
        "confounder_slope": read_number,
        "target_slope": lambda label, value: _read_target_slope(label, value, params),
    }
    return {name: _read_mapping(name, given[name], read) for name, read in readers.items() if name in given}


def _read_mapping(name: str, values: object, read: Callable[[str, object], object]) -> dict[str, object]:
    if not isinstance(values, Mapping):
        msg = f"{name}={values!r} is not a mapping from covariates, such as {{'L': 0.5}}."
        raise InputError(msg)
    return {key: read(f"{name}[{key!r}]", value) for key, value in values.items()}


def _read_scale(label: str, scale: object) -> tuple[float, float]:
    """Read the mean and the standard deviation of a numeric covariate."""
    if not isinstance(scale, tuple | list) or len(scale) != 2:
        msg = f"{label}={scale!r} is not a pair (mean, standard deviation)."
        raise InputError(msg)
    return read_number(label, scale[0]), read_number(label, scale[1], (0.0, np.inf), strict=True)


def _read_target_slope(label: str, value: object, params: SimulationParams) -> float | np.ndarray:
    """Read one slope for all targets or, if cells are assigned at random, one for each."""
    if np.ndim(value) == 0:
        return read_number(label, value)
    if params.assignment != "random":
        msg = f"{label} differs between targets, which needs assignment='random': give one number instead."
        raise InputError(msg)
    if isinstance(value, tuple):
        msg = f"{label} is a tuple: give one number, or an array with one slope per target."
        raise InputError(msg)
    return read_values(label, value, (), shape=(len(target_names(params)),))

"""Settings of the steps: as a user gives them, as frozen records, and as ``uns`` keeps them."""

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np

from argen._bridge.validate import check_count, check_level, check_option, counted
from argen._core.descendants.tests import TESTS
from argen._core.glm.families import FAMILIES
from argen._core.glm.sandwich import HC
from argen._core.measured.shifts import ADJUST
from argen.errors import InputError

__all__ = [
    "CLOSURES",
    "DescendantOptions",
    "DescendantSettings",
    "JointSettings",
    "LevelledDescendantOptions",
    "NetworkSettings",
    "from_uns",
    "plain",
    "to_uns",
    "wanted_responders",
    "with_level",
]

CLOSURES = ("acyclic", True, False)
# The covariance that goes with a test unless the user says otherwise; HC0 is the paper's.
USUAL_HC = {"auto": "HC3", "wald": "HC0", "score": "HC3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendantSettings:
    """Which data an analysis uses, and how the descendant step tests them; arguments of :func:`argen_descendants`."""

    perturbation_key: str = "argen_perturbation"
    control: tuple[str, ...] = ("control",)
    covariates: str | tuple[str, ...] | None = None
    depth: str | None = None
    layer: str | None = None
    perturbations: tuple[str, ...] | None = None
    min_cells: int = 10
    family: str = "poisson"
    closure: str | bool = "acyclic"
    test: str = "auto"
    hc: str = "HC3"
    pooled: bool = False
    adjust: str | None = "auto"
    alpha: float = 0.01
    responders: str | tuple[str, ...] | None = "auto"
    min_counts: int = 20
    gene_symbols: str | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "DescendantSettings":
        """Check the arguments that a user gave, and put the usual ones in the place of the others."""
        value = {field.name: field.default for field in fields(cls)} | {"hc": None} | dict(given)
        check_option("family", value["family"], tuple(FAMILIES))
        check_option("closure", value["closure"], CLOSURES)
        check_option("test", value["test"], TESTS)
        check_option("hc", value["hc"], (None, *HC))
        check_option("pooled", value["pooled"], (True, False))
        check_option("adjust", value["adjust"], (None, *ADJUST))
        check_level("alpha", value["alpha"])
        covariates, responders = value["covariates"], value["responders"]
        return cls(
            **value
            | {
                "control": _names("control", value["control"]),
                "covariates": covariates if isinstance(covariates, str) else _names("covariates", covariates),
                "perturbations": _names("perturbations", value["perturbations"]),
                "min_cells": check_count("min_cells", value["min_cells"], 2),
                "hc": value["hc"] or USUAL_HC[value["test"]],
                "responders": wanted_responders(responders),
                "min_counts": check_count("min_counts", value["min_counts"], 1),
            }
        )


class DescendantOptions(TypedDict, total=False):
    """Arguments of :func:`argen.tl.argen_descendants` for functions that have a level of their own."""

    perturbation_key: str
    control: str | Sequence[str]
    covariates: str | Sequence[str] | None
    depth: str | None
    layer: str | None
    perturbations: Sequence[str] | None
    family: Literal["poisson", "negative_binomial"]
    closure: Literal["acyclic", True, False]
    test: Literal["auto", "wald", "score"]
    hc: Literal["HC0", "HC1", "HC3"] | None
    pooled: bool
    adjust: Literal["auto", "perturbations", "genes", "both"] | None
    min_cells: int
    responders: Literal["auto", "all"] | str | Iterable[str] | None
    min_counts: int
    gene_symbols: str | None


class LevelledDescendantOptions(DescendantOptions, total=False):
    """The same with the level, for functions that have none."""

    alpha: float


def with_level(descendants_kwargs: Mapping[str, Any], alpha: float | None) -> dict[str, Any]:
    """Arguments of the descendant step, its level among them where one is given."""
    if alpha is None:
        return dict(descendants_kwargs)
    check_level("descendants_alpha", alpha)
    return {**descendants_kwargs, "alpha": alpha}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """How :func:`argen_dag` searched."""

    descendants: str
    method: str = "argen"
    first_stage: str
    covariance: str
    edges_hc: str
    alpha: float
    fdr: str
    robust: bool
    groups: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSettings:
    """How :func:`argen_joint` searched."""

    descendants: str
    method: str = "joint"
    alpha: float
    chains: int
    shifts: bool
    seed: int


Settings = TypeVar("Settings")


def to_uns(settings: object) -> dict[str, Any]:
    """Settings, a record or a mapping, as h5ad and zarr can hold them: no None, sequences as arrays."""
    named = settings if isinstance(settings, Mapping) else {f.name: getattr(settings, f.name) for f in fields(settings)}
    return {name: _storable(value) for name, value in named.items() if value is not None}


def from_uns(cls: type[Settings], stored: Mapping[str, Any]) -> Settings:
    """The record that was stored; what is not there was None."""
    return cls(**{field.name: plain(stored.get(field.name)) for field in fields(cls)})


def plain(value: Any) -> Any:
    """A stored value as Python's own type, whatever file it went through."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def _storable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _storable(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        is_text = not value or isinstance(value[0], str)
        return np.array(value, dtype=object if is_text else None)
    return value


def wanted_responders(value: object) -> str | tuple[str, ...] | None:
    """The argument `responders` as it is stored; names may come from any iterable, which is read once."""
    if value is None or isinstance(value, str):
        return value
    given = list(value) if isinstance(value, Iterable) else []
    if any(isinstance(one, bool | np.bool_) for one in given):
        msg = (
            f"responders is a mask of {counted(len(given), 'value')}, and masks are not taken. Make it a column of "
            "adata.var, and name that: adata.var['chosen'] = mask and responders='chosen'."
        )
        raise InputError(msg)
    if not given:
        what = f"responders={value!r}" if isinstance(value, Sized) or np.isscalar(value) else "responders names nothing"
        msg = f"{what}: give 'all', names of genes, or the name of a column of adata.var with True and False."
        raise InputError(msg)
    return tuple(str(name) for name in given)


def _names(argument: str, value: object) -> tuple[str, ...] | None:
    """One name or several as a tuple of texts, since the labels of a column of integers are compared as texts."""
    if value is None and argument != "control":
        return None
    several = isinstance(value, Iterable) and not isinstance(value, str)
    names = tuple(str(name) for name in value) if several else (str(value),)
    if value is None or (not names and argument != "covariates"):
        msg = f"{argument}={value!r} names nothing: give at least one label of the column perturbation_key."
        raise InputError(msg)
    return names or None

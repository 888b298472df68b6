"""The descendant step that a tool builds on: run if it is missing, checked if it is there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from argen._bridge.results import slots
from argen._bridge.results.belonging import check_free, screen_of_step
from argen._bridge.results.prior import stored_prior
from argen._bridge.results.provenance import digest_of
from argen._bridge.runtime import announce_compilation
from argen._bridge.validate import check_anndata, check_key, check_level, name_some
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.prior import Prior
from argen._core.results import Dag, DescendantTests, Relation
from argen._core.screen import Screen
from argen.errors import ArgenError, InputError, StaleResultError
from argen.tl._descendants import argen_descendants

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["OpenNetwork", "OpenStep", "open_network", "open_step", "relation_with", "undone_on_error", "with_level"]


@dataclass(frozen=True, slots=True)
class OpenStep:
    """The object to write to, and the step's data and results."""

    adata: "AnnData"
    screen: Screen
    tests: DescendantTests
    relation: Relation
    phi: np.ndarray  # dispersion of each gene, 0 for Poisson
    added: str  # name of the descendant step if it was run now, else empty


def open_step(
    adata: "AnnData",
    function: Callable,
    given: Mapping[str, Any],
    *,
    descendants_key: str,
    key_added: str,
    n_jobs: int | None,
    copy: bool,
) -> OpenStep:
    """Read ``uns[descendants_key]``; run the descendant step with the arguments `given` if it is not there."""
    check_anndata(adata)
    _check_keys(key_added, descendants_key)
    check_free(adata, key_added, function.__name__)
    _check_known(function, given)
    is_stored = descendants_key in adata.uns
    if is_stored:
        _check_same(_read_step(adata, descendants_key), given, descendants_key)
    adata = adata.copy() if copy else adata
    if not is_stored:
        argen_descendants(adata, **given, n_jobs=n_jobs, key_added=descendants_key)
    step = _read_step(adata, descendants_key)
    screen = screen_of_step(adata, step, descendants_key)
    announce_compilation()
    tests, relation = slots.read_descendants(step, screen.genes)
    return OpenStep(
        adata, screen, tests, relation, slots.read_dispersions(step, screen.genes), "" if is_stored else descendants_key
    )


@contextmanager
def undone_on_error(step: OpenStep) -> Iterator[None]:
    """Take a descendant step that was run now away again if what follows fails: the object stays as it was."""
    try:
        yield
    except ArgenError:
        if step.added:
            slots.remove_descendants(step.adata, step.added)
        raise


@dataclass(frozen=True, slots=True)
class OpenNetwork:
    """A network of :func:`argen_dag` with the descendant step it was searched with."""

    step: OpenStep
    relation: Relation  # the one that was searched
    dag: Dag
    prior: Prior
    params: Mapping[str, Any]
    descendants_params: Mapping[str, Any]


def open_network(
    adata: "AnnData", function: Callable, key: str, *, key_added: str, n_jobs: int | None, copy: bool
) -> OpenNetwork:
    """Read the network ``uns[key]``, checked to belong to the data and to the descendant step that are there."""
    check_key("key_added", key_added)
    result = slots.read_result(adata, key, "ag.tl.argen_dag", "equations")
    params = result["params"]
    if "covariance" not in params:
        msg = f"adata.uns[{key!r}] is a network of another method; {function.__name__} needs one of ag.tl.argen_dag."
        raise InputError(msg)
    if key_added == key:
        msg = f"key_added={key_added!r} would overwrite the network of that name. Choose another name."
        raise InputError(msg)
    descendants_key = str(params["descendants_key"])
    _read_step(adata, descendants_key)  # a missing step is an error here, it is not run again
    step = open_step(
        adata, function, {}, descendants_key=descendants_key, key_added=key_added, n_jobs=n_jobs, copy=copy
    )
    if digest_of(step.tests, step.relation) != result["provenance"].get("descendants"):
        msg = (
            f"adata.uns[{key!r}] was searched with another descendant step than the one that is now in "
            f"adata.uns[{descendants_key!r}]. Run ag.tl.argen_dag again."
        )
        raise StaleResultError(msg)
    dag = slots.read_dag(result, step.screen.genes)
    made = step.adata.uns[descendants_key]["params"]
    prior = stored_prior(result, step.screen.genes)
    return OpenNetwork(step, relation_with(prior, step, made), dag, prior, params, made)


def relation_with(prior: Prior, step: OpenStep, descendants_params: Mapping[str, Any]) -> Relation:
    """The descendant relation of the stored step, made again where prior knowledge changes it."""
    if prior.is_empty:
        return step.relation
    closure = descendants_params["closure"]
    closure = closure if isinstance(closure, str) else bool(closure)
    return descendant_relation(step.tests, closure, float(descendants_params["alpha"]), prior)


def with_level(descendants_kwargs: Mapping[str, Any], alpha: float | None) -> dict[str, Any]:
    """Arguments of the descendant step, its level among them where one is given."""
    if alpha is None:
        return dict(descendants_kwargs)
    check_level("descendants_alpha", alpha)
    return {**descendants_kwargs, "alpha": alpha}


def _check_known(function: Callable, given: Mapping[str, Any]) -> None:
    known = {*argen_descendants.__kwdefaults__} - {"n_jobs", "key_added", "copy"}
    if unknown := sorted(set(given) - known):
        own = sorted(set(function.__kwdefaults__))
        msg = (
            f"{function.__name__} has no argument {name_some(map(repr, unknown))}. Its own are {name_some(own, 30)}; "
            f"to the descendant step it hands on {name_some(sorted(known), 20)}."
        )
        raise InputError(msg)


def _check_keys(key_added: str, descendants_key: str) -> None:
    check_key("key_added", key_added)
    check_key("descendants_key", descendants_key)
    if key_added == descendants_key:
        msg = f"key_added={key_added!r} would overwrite the descendant step of that name. Choose another name."
        raise InputError(msg)


def _read_step(adata: "AnnData", key: str) -> Mapping[str, Any]:
    return slots.read_result(adata, key, "ag.tl.argen_descendants", "pairs")


def _check_same(step: Mapping[str, Any], given: Mapping[str, Any], key: str) -> None:
    """Arguments given now must be those that made the stored step."""
    for name, value in given.items():
        stored = step["params"].get(name)
        if _texts(value) != _texts(stored):
            stored = _texts(stored) if isinstance(stored, np.ndarray) else stored
            msg = (
                f"{name}={value!r}, but adata.uns[{key!r}] was made with {name}={stored!r}. Leave the argument out to "
                "use that step again, or run ag.tl.argen_descendants with the new one."
            )
            raise InputError(msg)


def _texts(value: object) -> list[str] | None:
    """A parameter as it can be compared whatever file it went through; no names are the same as none."""
    return None if value is None else [str(item) for item in np.atleast_1d(np.asarray(value, dtype=object))] or None

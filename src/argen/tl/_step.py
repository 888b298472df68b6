"""The descendant step that a tool builds on: run if it is missing, checked if it is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argen._bridge import slots
from argen._bridge.runtime import announce_compilation
from argen._bridge.validate import check_anndata, name_some
from argen._core.results import DescendantTests, Relation
from argen._core.screen import Screen
from argen.errors import InputError
from argen.tl._dag import _check_keys, _check_same, _screen_of, _step
from argen.tl._descendants import argen_descendants

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["OpenStep", "open_step"]


@dataclass(frozen=True, slots=True)
class OpenStep:
    """The object to write to, and the step's data and results."""

    adata: "AnnData"
    screen: Screen
    tests: DescendantTests
    relation: Relation


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
    _check_known(function, given)
    is_stored = descendants_key in adata.uns
    if is_stored:
        _check_same(_step(adata, descendants_key), given, descendants_key)
    adata = adata.copy() if copy else adata
    if not is_stored:
        argen_descendants(adata, **given, n_jobs=n_jobs, key_added=descendants_key)
    step = _step(adata, descendants_key)
    screen = _screen_of(adata, step, descendants_key)
    announce_compilation()
    return OpenStep(adata, screen, *slots.read_descendants(step, screen.genes))


def _check_known(function: Callable, given: Mapping[str, Any]) -> None:
    known = {*argen_descendants.__kwdefaults__} - {"n_jobs", "key_added", "copy"}
    if unknown := sorted(set(given) - known):
        own = sorted(set(function.__kwdefaults__))
        msg = (
            f"{function.__name__} has no argument {name_some(map(repr, unknown))}. Its own are {name_some(own, 30)}; "
            f"to the descendant step it hands on {name_some(sorted(known), 20)}."
        )
        raise InputError(msg)

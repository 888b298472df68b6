"""Which results belong together, and to the data that are there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from argen._bridge.inputs import check_in_memory, read_screen
from argen._bridge.results.provenance import digest_of, digest_of_network, fingerprint
from argen._bridge.results.slots import read_descendants, read_design_params, read_result
from argen._bridge.runtime import warn_user
from argen._bridge.validate import name_some
from argen._core.screen import Screen
from argen.errors import ArgenError, InputError, MissingResultError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "check_free",
    "diagnostics_of",
    "fits_data",
    "is_current",
    "made_from",
    "named_network",
    "networks_of_step",
    "networks_step",
    "screen_of_step",
    "step_key_of_network",
    "step_of_network",
    "warn_if_stale",
]

# What an entry of uns is, by the tables that only it has; the first that fits.
_KINDS = (
    ("a network", {"nodes", "edges"}),
    ("quality control", {"rules"}),
    ("descendants", {"pairs", "dropped_pairs"}),
    ("a comparison of guides", {"pairs", "equations"}),
    ("guide calls", {"guides", "cells"}),
    ("a sensitivity analysis", {"variations"}),
    ("a calibration", {"summary", "qq"}),
    ("a stability analysis", {"edges"}),
)
_KIND_OF_FUNCTION = {
    "argen_descendants": "descendants",
    "argen_sensitivity": "a sensitivity analysis",
    "argen_calibration": "a calibration",
    "argen_stability": "a stability analysis",
    "argen_overidentification": "a comparison of guides",
}


def check_free(adata: "AnnData", key: str, function: str) -> None:
    """Raise unless ``adata.uns[key]`` is free or holds what `function` writes itself."""
    if key not in adata.uns:
        return
    entry = adata.uns[key]
    tables = set(entry) if isinstance(entry, Mapping) and "schema_version" in entry else set()
    found = next((kind for kind, needed in _KINDS if needed <= tables), "something that argen did not write")
    if found != _KIND_OF_FUNCTION.get(function, "a network"):
        msg = f"key_added={key!r}: adata.uns[{key!r}] holds {found}, which would be lost. Choose another name."
        raise InputError(msg)


def fits_data(adata: "AnnData", step: Mapping[str, Any]) -> bool:
    """Whether a descendant step was made from the cells, counts, targets and covariates that the object holds now."""
    try:
        screen, _ = read_screen(adata, read_design_params(step))
    except ArgenError:
        return False
    return fingerprint(screen, adata.obs_names) == step["provenance"]["fingerprint"]


def screen_of_step(adata: "AnnData", step: Mapping[str, Any], key: str) -> Screen:
    """The data of the descendant step ``uns[key]``, checked to be what it was made from.

    Data that were not read from their file yet need not be stale: they are an error of their own.
    """
    params = read_design_params(step)
    check_in_memory(adata, params.layer)
    cure = f"Run ag.tl.argen_descendants again to renew adata.uns[{key!r}]."
    try:
        screen, _ = read_screen(adata, params)
    except ArgenError as error:
        msg = f"The design of adata.uns[{key!r}] does not fit this object any more: {error} {cure}"
        raise StaleResultError(msg) from error
    if fingerprint(screen, adata.obs_names) != step["provenance"]["fingerprint"]:
        msg = f"adata.uns[{key!r}] was made from other cells, genes, counts, targets, depths or covariates. {cure}"
        raise StaleResultError(msg)
    return screen


def warn_if_stale(adata: "AnnData", key: str) -> None:
    """Warn if the diagnostic ``uns[key]`` was made from another network than the one that is there now."""
    result = adata.uns[key]
    made = str(result.get("provenance", {}).get("network", ""))
    name = str(result["params"].get("key", ""))
    network = adata.uns.get(name)
    if made and isinstance(network, Mapping) and "order" in network and digest_of_network(network) != made:
        msg = (
            f"adata.uns[{key!r}] was made from an older network than the one in adata.uns[{name!r}] now: run it again."
        )
        warn_user(msg)


def made_from(adata: "AnnData", key: str) -> list[str]:
    """Networks in uns that were searched with the descendant step under `key`."""
    networks = {name: entry for name, entry in adata.uns.items() if isinstance(entry, Mapping) and "edges" in entry}
    return [name for name, entry in networks.items() if entry.get("params", {}).get("descendants_key") == key]


def diagnostics_of(adata: "AnnData", key: str) -> list[str]:
    """Names in uns of the diagnostics that were made from the network under `key`."""
    entries = {name: entry for name, entry in adata.uns.items() if isinstance(entry, Mapping) and name != key}
    own = {name: entry for name, entry in entries.items() if "network" in entry.get("provenance", {})}
    return [name for name, entry in own.items() if str(entry.get("params", {}).get("key")) == key]


def networks_step(adata: "AnnData", network: str, key: str) -> Mapping[str, Any] | None:
    """The network ``uns[network]`` if it was searched with the step that is in ``uns[key]`` now, else None."""
    found = adata.uns.get(network)
    if not isinstance(found, Mapping) or "edges" not in found:
        return None
    if str(found.get("params", {}).get("descendants_key")) != key:
        return None
    return found if is_current(adata.uns[key], found) else None


def networks_of_step(adata: "AnnData", key: str) -> list[str]:
    """Networks in uns that were searched with the very step that is in ``uns[key]`` now."""
    return [name for name in made_from(adata, key) if networks_step(adata, name, key) is not None]


def named_network(adata: "AnnData", network: object, key: str) -> Mapping[str, Any]:
    """The network that a user named, checked to be made from the step that is in ``uns[key]`` now."""
    if not isinstance(network, str):
        msg = f"network={network!r} is not the name of a network, such as 'argen_dag'."
        raise InputError(msg)
    try:
        found = read_result(adata, network, "ag.tl.argen_dag", "nodes")
    except MissingResultError as error:
        msg = f"{error} {_others_to_name(adata, key)}"
        raise MissingResultError(msg) from error
    step = found["params"].get("descendants_key")
    if str(step) != key:
        made = f"from the descendant step {str(step)!r}" if step is not None else "without a descendant step"
        msg = f"network={network!r} was made {made}, not from key={key!r}. {_others_to_name(adata, key)}"
        raise InputError(msg)
    if not is_current(adata.uns[key], found):
        msg = (
            f"network={network!r} was not made from the descendant step that is in adata.uns[{key!r}] now. Run "
            "ag.tl.argen_dag again."
        )
        raise StaleResultError(msg)
    return found


def _others_to_name(adata: "AnnData", key: str) -> str:
    others = networks_of_step(adata, key)
    return f"Made from it: {name_some(others)}." if others else f"None was made from {key!r} yet: run ag.tl.argen_dag."


def step_of_network(adata: "AnnData", network: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The descendant step that a network was made from, None if it is not there any more."""
    step = adata.uns.get(str(network.get("params", {}).get("descendants_key")))
    is_step = isinstance(step, Mapping) and "pairs" in step and "targets" in step
    return step if is_step and is_current(step, network) else None


def step_key_of_network(adata: "AnnData", key: str, *, can_name: bool = False) -> str:
    """Name of the descendant step that the network ``uns[key]`` was made from, checked to be that very step.

    `can_name`: whether the caller takes the name of another step as ``descendants_key``, which the message then says.
    """
    network = read_result(adata, key, "ag.tl.argen_dag", "edges")
    name = str(network["params"].get("descendants_key"))
    if step_of_network(adata, network) is None:
        other = ", or name the step to compare with by descendants_key=" if can_name else ""
        msg = (
            f"adata.uns[{name!r}] is not the descendant step that the network in adata.uns[{key!r}] was made from: it "
            f"is gone or was replaced. Run ag.tl.argen_dag again{other}."
        )
        raise StaleResultError(msg)
    return name


def is_current(step: Mapping[str, Any], network: Mapping[str, Any]) -> bool:
    """Whether a network was made from this very descendant step: same data and, where it is known, same numbers."""
    made = network["provenance"]
    digest = made.get("descendants")
    if digest is None:  # the network of a baseline
        return str(made.get("fingerprint")) == str(step["provenance"]["fingerprint"])
    targets = step["targets"]
    genes = targets.loc[targets["status"].astype(str) == "kept", "target"].astype(str).tolist()
    return digest_of(*read_descendants(step, genes)) == str(digest)

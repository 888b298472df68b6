"""Networks beside the descendant steps that they were made from, and the diagnostics that were made from them."""

from typing import TYPE_CHECKING

from argen._bridge.results.entries import KINDS, Entry, entries, find_entry, read_entry
from argen._bridge.runtime import warn_user
from argen._bridge.validate import name_some
from argen.errors import InputError, MissingResultError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "diagnostics_of",
    "diagnostics_of_responders",
    "has_its_responders",
    "is_current",
    "named_network",
    "network_of_step",
    "networks_of",
    "networks_of_step",
    "run_with_responders",
    "step_key_of_network",
    "step_of_network",
    "warn_if_stale",
]


def is_current(step: Entry, network: Entry) -> bool:
    """Whether a network was made from this very descendant step."""
    return network.made_from.get("descendants") == step.id


def step_of_network(adata: "AnnData", network: Entry) -> Entry | None:
    """The descendant step that a network was made from, None if it is not there any more."""
    step = find_entry(adata, network.settings["descendants"])
    return step if step is not None and step.kind == "descendants" and is_current(step, network) else None


def step_key_of_network(adata: "AnnData", key: str, *, can_name: bool = False) -> str:
    """Name of the descendant step that the network ``uns[key]`` was made from, checked to be that very step.

    `can_name`: whether the caller takes the name of another step as ``descendants``, which the message then says.
    """
    network = read_entry(adata, key, "network")
    name = network.settings["descendants"]
    if not name:
        msg = f"adata.uns[{key!r}] is a network that was read from elsewhere, without a descendant step: "
        msg += "name the step to compare with by descendants=." if can_name else "this needs a network of argen's own."
        raise InputError(msg)
    if step_of_network(adata, network) is None:
        other = ", or name the step to compare with by descendants=" if can_name else ""
        msg = (
            f"adata.uns[{name!r}] is not the descendant step that the network in adata.uns[{key!r}] was made from: it "
            f"is gone or was replaced. Run ag.tl.argen_dag again{other}."
        )
        raise StaleResultError(msg)
    return name


def networks_of(adata: "AnnData", key: str) -> list[Entry]:
    """Networks that were searched with a descendant step under `key`, whether it is still the same or not."""
    return [network for network in entries(adata, "network") if network.settings["descendants"] == key]


def networks_of_step(adata: "AnnData", key: str) -> list[str]:
    """Names of the networks that were searched with the very step that is in ``uns[key]`` now."""
    step = read_entry(adata, key, "descendants")
    return [network.key for network in networks_of(adata, key) if is_current(step, network)]


def network_of_step(adata: "AnnData", network: str, key: str) -> Entry | None:
    """The network ``uns[network]`` if it was searched with the step that is in ``uns[key]`` now, else None."""
    return read_entry(adata, network, "network") if network in networks_of_step(adata, key) else None


def named_network(adata: "AnnData", network: object, key: str) -> Entry:
    """The network that a user named, checked to be made from the step that is in ``uns[key]`` now."""
    if not isinstance(network, str):
        msg = f"network={network!r} is not the name of a network, such as 'argen_dag'."
        raise InputError(msg)
    try:
        found = read_entry(adata, network, "network")
    except MissingResultError as error:
        msg = f"{error} {_others_to_name(adata, key)}"
        raise MissingResultError(msg) from error
    if (step := found.settings["descendants"]) != key:
        made = f"was made from the descendant step {step!r}" if step else "was read from elsewhere"
        msg = f"network={network!r} {made}, not from key={key!r}. {_others_to_name(adata, key)}"
        raise InputError(msg)
    if not is_current(read_entry(adata, key, "descendants"), found):
        msg = (
            f"network={network!r} was not made from the descendant step that is in adata.uns[{key!r}] now. Run "
            "ag.tl.argen_dag again."
        )
        raise StaleResultError(msg)
    return found


def _others_to_name(adata: "AnnData", key: str) -> str:
    others = networks_of_step(adata, key)
    return f"Made from it: {name_some(others)}." if others else f"None was made from {key!r} yet: run ag.tl.argen_dag."


def diagnostics_of(adata: "AnnData", key: str) -> list[Entry]:
    """Diagnostics that were made from a network under `key`, whether it is still the same or not."""
    return [entry for entry in entries(adata) if "network" in entry.made_from and entry.settings["key"] == key]


def diagnostics_of_responders(adata: "AnnData", key: str) -> list[Entry]:
    """Diagnostics that were made from a result for responders under `key`, whether it is still the same or not."""
    made = (entry for entry in entries(adata) if "network" in entry.made_from)
    return [entry for entry in made if entry.settings.get("responders") == key]


def has_its_responders(adata: "AnnData", diagnostic: Entry) -> bool:
    """Whether the very result for responders that a diagnostic was made from is there; True if it needed none."""
    made = diagnostic.made_from.get("responders")
    return "responders" not in diagnostic.settings or any(found.id == made for found in entries(adata, "responders"))


def run_with_responders(diagnostic: Entry, responders: str | None = None) -> str:
    """The call that makes a diagnostic again; from the result for responders that it names unless another is given."""
    key, name = diagnostic.settings["key"], responders or diagnostic.settings["responders"]
    argument = "network" if diagnostic.kind == "comparison" else "key"
    network = "" if key == "argen_dag" else f"{argument}={key!r}, "
    return f"{KINDS[diagnostic.kind].function}({network}responders={name!r})"


def warn_if_stale(adata: "AnnData", diagnostic: Entry, *, responders: bool = False) -> None:
    """Warn if a diagnostic was made from another network than the one that is there now.

    `responders`: also if the result for responders that it was made from is not there any more.
    """
    name = diagnostic.settings["key"]
    network = find_entry(adata, name)
    if network is not None and network.kind == "network" and network.id != diagnostic.made_from["network"]:
        warn_user(
            f"adata.uns[{diagnostic.key!r}] was made from an older network than the one in adata.uns[{name!r}] now: "
            "run it again."
        )
    elif responders and not has_its_responders(adata, diagnostic):
        warn_user(
            f"adata.uns[{diagnostic.key!r}] was made from a result for responders that is gone or was replaced "
            f"(adata.uns[{diagnostic.settings['responders']!r}]): run {run_with_responders(diagnostic)} again."
        )

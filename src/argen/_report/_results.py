"""The results that a report shows: the network, its descendant step, and the diagnostics, each with its doubts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from argen._bridge.results.belonging import fits_data, is_current
from argen._bridge.results.provenance import digest_of_network
from argen._bridge.results.slots import read_result

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["DIAGNOSTICS", "Diagnostic", "Results", "read_results"]

Entry = Mapping[str, Any]

# By name: the function that computes it, and tables by which its entry is known.
DIAGNOSTICS = {
    "calibration": ("ag.tl.argen_calibration", ("summary", "pseudo_targets")),
    "sensitivity": ("ag.tl.argen_sensitivity", ("variations", "edges")),
    "stability": ("ag.tl.argen_stability", ("edges",)),
    "over-identification": ("ag.tl.argen_overidentification", ("pairs", "edges", "equations")),
}
_SLOTS = {"over-identification": "argen_overidentification"}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An entry of uns and the reasons to doubt that it belongs to the network."""

    key: str
    entry: Entry
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """What there is to report."""

    adata: "AnnData"
    key: str
    network: Entry
    step_key: str
    step: Entry | None
    doubts: tuple[str, ...]
    diagnostics: Mapping[str, Diagnostic]

    @property
    def network_of_step(self) -> str | Literal[False]:
        """The network to count with the targets; none if it was made from another step than the one shown."""
        return self.key if self.step is not None and is_current(self.step, self.network) else False


def read_results(adata: "AnnData", key: str) -> Results:
    """Collect the results and compare what they were made from."""
    network = read_result(adata, key, "ag.tl.argen_dag", "nodes")
    step_key = str(network["params"].get("descendants_key", "argen_descendants"))
    step = adata.uns.get(step_key)
    step = step if isinstance(step, Mapping) and "pairs" in step and "targets" in step else None
    found = {name: _diagnostic(adata, key, network, name) for name in DIAGNOSTICS}
    return Results(
        adata=adata,
        key=key,
        network=network,
        step_key=step_key,
        step=step,
        doubts=_doubts_of_network(adata, key, network, step_key, step),
        diagnostics={name: diagnostic for name, diagnostic in found.items() if diagnostic is not None},
    )


def _doubts_of_network(
    adata: "AnnData", key: str, network: Entry, step_key: str, step: Entry | None
) -> tuple[str, ...]:
    if step is None:
        return (f"uns[{step_key!r}], the descendant step of the network, is not in this object.",)
    doubts = []
    if _fingerprint(step) != _fingerprint(network):
        doubts.append(
            f"Stale: the network uns[{key!r}] was made from other data (cells, counts, targets or covariates) than the "
            f"descendant step uns[{step_key!r}] that is shown. Run ag.tl.argen_dag again."
        )
    elif not is_current(step, network):
        doubts.append(
            f"Stale: the network uns[{key!r}] was made with another descendant step than the one that is in "
            f"uns[{step_key!r}] now. Run ag.tl.argen_dag again."
        )
    elif not fits_data(adata, step):
        doubts.append(
            "Stale: the cells, counts, targets or covariates that the object holds now are not those that the results "
            "were made from. Run ag.tl.argen_descendants and ag.tl.argen_dag again."
        )
    genes = network["nodes"]["gene"].astype(str)
    if gone := int((~genes.isin(adata.var_names)).sum()):
        doubts.append(
            f"{gone} of the {len(genes)} genes of the network are not in this object; their rows are left out."
        )
    return tuple(doubts)


def _diagnostic(adata: "AnnData", key: str, network: Entry, name: str) -> Diagnostic | None:
    """The diagnostic of this network: under its usual name, or under any name that says which network it is of."""
    usual, tables = _SLOTS.get(name, f"argen_{name}"), DIAGNOSTICS[name][1]
    for slot in [usual, *sorted(set(map(str, adata.uns)) - {usual})]:
        entry = adata.uns.get(slot)
        if not isinstance(entry, Mapping) or any(table not in entry for table in tables) or "nodes" in entry:
            continue
        if slot != usual and not (str(entry.get("params", {}).get("key")) == key and _KINDS[name](entry)):
            continue
        if str(entry.get("params", {}).get("key", key)) == key:
            return Diagnostic(slot, entry, _doubts(slot, entry, network, DIAGNOSTICS[name][0]))
    return None


_KINDS: dict[str, Callable[[Entry], bool]] = {
    "calibration": lambda _: True,
    "sensitivity": lambda _: True,
    "stability": lambda entry: "stability" in entry["edges"],
    "over-identification": lambda entry: "variations" not in entry,
}


def _doubts(slot: str, entry: Entry, network: Entry, function: str) -> tuple[str, ...]:
    cure = f"Run {function} again."
    if _fingerprint(entry) not in ("", _fingerprint(network)):
        return (f"Stale: uns[{slot!r}] was made from other data than the network. {cure}",)
    made, now = (str(e.get("provenance", {}).get("descendants", "")) for e in (entry, network))
    if made and made != now:
        return (f"Stale: uns[{slot!r}] was made with another descendant step than the network. {cure}",)
    made = str(entry.get("provenance", {}).get("network", ""))
    if made and made != digest_of_network(network):
        return (f"Stale: uns[{slot!r}] was made from another network than the one that is shown. {cure}",)
    return ()


def _fingerprint(entry: Entry) -> str:
    return str(entry.get("provenance", {}).get("fingerprint", ""))

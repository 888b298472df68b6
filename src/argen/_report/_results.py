"""The results that a report shows: the network, its descendant step, and the diagnostics, each with its doubts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from argen import get
from argen._bridge.results.entries import KINDS, Entry, find_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import diagnostics_of, has_its_responders, is_current, run_with_responders
from argen._bridge.results.steps import fits_data
from argen.get._opened import OpenedNetwork

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Diagnostic", "Results", "read_results"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An entry of uns and the reasons to doubt it.

    Attributes
    ----------
    entry
        By the names to show.
    doubts
        That it belongs to the network, or that what it says of responders does to a result that is there.
    of_network
        Whether it belongs to the network.
    """

    entry: Entry
    doubts: tuple[str, ...]
    of_network: bool


@dataclass(frozen=True, slots=True)
class Results:
    """What there is to report.

    Attributes
    ----------
    opened
        The network.
    step
        What is under the name of its descendant step now, be it another step.
    perturbations
        Of that step, with what rests on them if the network was made from it; None without a step.
    pairs
        Of that step; None without one.
    doubts
        About the network.
    diagnostics
        By kind.
    """

    opened: OpenedNetwork
    step: Entry | None
    perturbations: pd.DataFrame | None
    pairs: pd.DataFrame | None
    doubts: tuple[str, ...]
    diagnostics: Mapping[str, Diagnostic]

    @property
    def adata(self) -> "AnnData":
        """The object."""
        return self.opened.adata

    @property
    def network(self) -> Entry:
        """What is stored of the network, by the names to show."""
        return self.opened.shown

    @property
    def gene_symbols(self) -> str | None:
        """Column of ``var`` with the names to show, if one was asked for."""
        return self.opened.names.gene_symbols

    @property
    def key(self) -> str:
        """Name of the network."""
        return self.network.key

    @property
    def step_key(self) -> str:
        """Name of the descendant step of the network."""
        return self.network.settings["descendants"]


def read_results(adata: "AnnData", key: str, gene_symbols: str | None = None) -> Results:
    """Collect the results and compare what they were made from."""
    opened = OpenedNetwork(adata, key, gene_symbols=gene_symbols)
    network = opened.entry
    step_key = network.settings["descendants"]
    step = find_entry(adata, step_key)
    step = step if step is not None and step.kind == "descendants" else None
    perturbations, pairs = opened.perturbations, opened.pairs
    if step is not None and opened.step is None:  # another one than that of the network
        perturbations = get.perturbations(adata, key=step_key, network=False, gene_symbols=gene_symbols)
        pairs = get.pairs(adata, key=step_key, gene_symbols=gene_symbols)
    doubts = _doubts_of_network(adata, network, step_key, step)
    shown = None if step is None else opened.names.entry(step)
    diagnostics = _diagnostics(adata, network, opened.names)
    return Results(opened, shown, perturbations, pairs, doubts, diagnostics)


def _doubts_of_network(adata: "AnnData", network: Entry, step_key: str, step: Entry | None) -> tuple[str, ...]:
    if not step_key:
        return (f"uns[{network.key!r}] was read from elsewhere: what a descendant step says is not known.",)
    if step is None:
        return (f"uns[{step_key!r}], the descendant step of the network, is not in this object.",)
    doubts = []
    if step.made_from["data"] != network.made_from["data"]:
        doubts.append(
            f"Stale: the network uns[{network.key!r}] was made from other data (cells, counts, perturbations or "
            "covariates) "
            f"than the descendant step uns[{step_key!r}] that is shown. Run ag.tl.argen_dag again."
        )
    elif not is_current(step, network):
        doubts.append(
            f"Stale: the network uns[{network.key!r}] was made with another descendant step than the one that is in "
            f"uns[{step_key!r}] now. Run ag.tl.argen_dag again."
        )
    elif not fits_data(adata, step):
        doubts.append(
            "Stale: the cells, counts, perturbations or covariates that the object holds now are not those that the "
            "results "
            "were made from. Run ag.tl.argen_descendants and ag.tl.argen_dag again."
        )
    genes = network.tables["nodes"]["gene"].astype(str)
    if gone := int((~genes.isin(adata.var_names)).sum()):
        doubts.append(
            f"{gone} of the {len(genes)} genes of the network are not in this object; their rows are left out."
        )
    return tuple(doubts)


def _diagnostics(adata: "AnnData", network: Entry, names: ShownNames) -> dict[str, Diagnostic]:
    """The diagnostics of this network, one of each kind: that under the usual name, else the first by name."""
    found: dict[str, Diagnostic] = {}
    for entry in sorted(diagnostics_of(adata, network.key), key=lambda e: (e.key != f"argen_{e.kind}", e.key)):
        doubts = _doubts(entry, network)
        shown = doubts or _doubts_of_responders(adata, entry)
        found.setdefault(entry.kind, Diagnostic(names.entry(entry), shown, of_network=not doubts))
    return found


def _doubts(entry: Entry, network: Entry) -> tuple[str, ...]:
    """The first thing that differs between what a diagnostic and the network were made from."""
    made, now = entry.made_from, network.made_from
    slot, cure = f"uns[{entry.key!r}]", f"Run {KINDS[entry.kind].function} again."
    if made.get("data") != now.get("data", made.get("data")):  # an imported network was made from none
        return (f"Stale: {slot} was made from other data than the network. {cure}",)
    if made.get("descendants") != now.get("descendants", made.get("descendants")):
        return (f"Stale: {slot} was made with another descendant step than the network. {cure}",)
    if made["network"] != network.id:
        return (f"Stale: {slot} was made from another network than the one that is shown. {cure}",)
    return ()


def _doubts_of_responders(adata: "AnnData", entry: Entry) -> tuple[str, ...]:
    """That the edges to responders of a diagnostic are of a result that is not there; all else in it holds."""
    if has_its_responders(adata, entry):
        return ()
    return (
        f"Stale: the edges to genes that are no nodes in uns[{entry.key!r}] are of a result for responders that is "
        f"gone or was replaced (uns[{entry.settings['responders']!r}]). Run {run_with_responders(entry)} again.",
    )

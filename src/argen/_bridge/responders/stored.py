"""Results for responders that were made from a network: found, and their candidate edges read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.results.entries import Entry, entries, read_entry
from argen._bridge.results.searched import SearchedNetwork
from argen.errors import InputError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["CandidateEdges", "asked_responders", "read_responders", "responders_of"]

USUAL = "argen_responders"


def responders_of(adata: "AnnData", network: Entry) -> Entry | None:
    """The result that was made from this very network, the one with the usual name first; None if there is none."""
    found = [entry for entry in entries(adata, "responders") if entry.made_from.get("network") == network.id]
    return min(found, key=lambda entry: (entry.key != USUAL, entry.key), default=None)


def _named(adata: "AnnData", network: Entry, responders: object) -> Entry:
    """The result that is meant, made from whatever network."""
    if responders is not True and not isinstance(responders, str):
        msg = f"responders={responders!r}: give True, False, or the name of a result of ag.tl.argen_responders."
        raise InputError(msg)
    found = responders_of(adata, network) if responders is True else None
    return found or read_entry(adata, USUAL if responders is True else responders, "responders")


def read_responders(adata: "AnnData", network: Entry, responders: object) -> Entry:
    """The result that was made from a network; `responders` names it, True the usual one."""
    entry = _named(adata, network, responders)
    if entry.made_from.get("network") != network.id:
        msg = (
            f"adata.uns[{entry.key!r}] was not made from the network in adata.uns[{network.key!r}]. Run "
            f"ag.tl.argen_responders(network={network.key!r}) again, or name another result in responders=."
        )
        raise StaleResultError(msg)
    return entry


@dataclass(frozen=True, slots=True)
class CandidateEdges:
    """Candidate edges to responders as they are stored.

    Attributes
    ----------
    entry
        The result.
    responders
        Names of the R responders.
    source, target
        Positions among the nodes and the responders of everything that stands in an equation, shape (n,).
    table
        Its rows, in the same order; possible mediators are not ``tested``.
    """

    entry: Entry
    responders: np.ndarray
    source: np.ndarray
    target: np.ndarray
    table: pd.DataFrame

    def inside(self, *, tested: bool) -> np.ndarray:
        """[node, responder]: what stands in the equations, or what is tested of it."""
        mask = np.zeros((len(self.entry.tables["nodes"]), len(self.responders)), dtype=bool)
        mask[self.source, self.target] = True
        if tested:
            mask[self.source, self.target] = self.table["tested"].to_numpy(dtype=bool)
        return mask


def asked_responders(adata: "AnnData", network: SearchedNetwork, responders: object) -> CandidateEdges | None:
    """Candidate edges of the result that is asked for: None for False, the usual result for True, or that of a name."""
    if responders is False:
        return None
    named = _named(adata, network.entry, responders)
    if named.settings["method"] == "joint":
        msg = (
            f"adata.uns[{named.key!r}] was made from a joint network, which has no equations: this needs those of "
            f"a network of ag.tl.argen_dag. Run ag.tl.argen_responders(network={network.entry.key!r}, key_added=...) "
            "and name that result in responders=."
        )
        raise InputError(msg)
    entry = read_responders(adata, network.entry, responders)
    nodes, names = network.step.screen.genes, entry.tables["genes"]["gene"].to_numpy(dtype=object)
    table = entry.tables["edges"]
    source = pd.Index(nodes).get_indexer(table["source"].astype(str))
    target = pd.Index(names).get_indexer(table["target"].astype(str))
    # Ancestors whose knock-down is unknown are listed, and stand in no equation.
    used = np.isfinite(np.diag(network.step.tests.effect))[source]
    return CandidateEdges(entry, names, source[used], target[used], table[used].reset_index(drop=True))

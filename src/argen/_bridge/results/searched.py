"""A network of argen's search, opened with all that a diagnostic needs to search or test again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from argen._bridge.results import slots
from argen._bridge.results.entries import Entry, check_free, new_entry, read_entry
from argen._bridge.results.prior import stored_prior
from argen._bridge.results.steps import DescendantStep, read_step
from argen._bridge.runtime import announce_compilation
from argen._bridge.settings import NetworkSettings, from_uns
from argen._bridge.validate import check_key
from argen._core.descendants.prior import Prior
from argen._core.parallel import Map
from argen._core.results import Dag, Relation
from argen.errors import InputError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["SearchedNetwork", "open_network", "open_with_step"]


@dataclass(frozen=True, slots=True)
class SearchedNetwork:
    """A network with the descendant step it was searched with.

    Attributes
    ----------
    entry, settings, step, dag, prior
        What is stored.
    relation
        The one that was searched: the step's, made again where prior knowledge changes it.
    """

    entry: Entry
    settings: NetworkSettings
    step: DescendantStep
    relation: Relation
    dag: Dag
    prior: Prior

    def whole(self, map_: Map) -> "SearchedNetwork":
        """The same with all numbers of all pairs, see :meth:`DescendantStep.whole`."""
        return replace(self, step=self.step.whole(map_))

    def diagnostic(
        self,
        key: str,
        kind: str,
        settings: Mapping[str, Any],
        tables: Mapping[str, Any],
        *,
        responders: Entry | None = None,
    ) -> Entry:
        """An entry that is made from this network and, if there is one, a result for responders."""
        settings = {"key": self.entry.key, **settings}
        made_from = self.step.made_from | {"network": self.entry.id}
        if responders is not None:
            settings["responders"], made_from["responders"] = responders.key, responders.id
        return new_entry(key, kind, settings, tables, made_from)


def open_network(adata: "AnnData", function: Callable, key: str, *, key_added: str, kind: str) -> SearchedNetwork:
    """Read the network ``uns[key]``, checked to belong to the data and to the descendant step that are there.

    `function` will write an entry of this `kind` under `key_added`.
    """
    entry, step = open_with_step(adata, function, key, key_added=key_added, kind=kind)
    settings = from_uns(NetworkSettings, entry.settings)
    prior = stored_prior(entry, step.screen.genes)
    dag = slots.read_dag(entry, step.screen.genes)
    return SearchedNetwork(entry, settings, step, step.relation_with(prior), dag, prior)


def open_with_step(
    adata: "AnnData",
    function: Callable,
    key: str,
    *,
    key_added: str,
    kind: str,
    methods: Mapping[str, str] = MappingProxyType({"argen": "ag.tl.argen_dag"}),
) -> tuple[Entry, DescendantStep]:
    """A network of one of these `methods` (with what makes them) and its step, checked as in :func:`open_network`."""
    check_key("key_added", key_added)
    entry = read_entry(adata, key, "network")
    if entry.settings.get("method") not in methods:
        needed = " or ".join(methods.values())
        other = "that was read from elsewhere" if entry.settings.get("method") == "imported" else "of another method"
        msg = f"adata.uns[{key!r}] is a network {other}; {function.__name__} needs one of {needed}."
        raise InputError(msg)
    if "groups" in entry.settings:
        msg = (
            f"adata.uns[{key!r}] was searched within groups of genes; {function.__name__} would search among all of "
            "them. Give it a network of one group: ag.tl.argen_dag(perturbations=..., key_added=...)."
        )
        raise InputError(msg)
    descendants = str(entry.settings["descendants"])
    for taken, what in ((key, "network"), (descendants, "descendant step")):
        if key_added == taken:
            msg = f"key_added={key_added!r} would overwrite the {what} of that name. Choose another name."
            raise InputError(msg)
    read_entry(adata, descendants, "descendants")  # a missing step is an error here, it is not run again
    check_free(adata, key_added, kind)
    announce_compilation()
    step = read_step(adata, descendants)
    if step.entry.id != entry.made_from["descendants"]:
        again = methods[entry.settings["method"]]
        msg = (
            f"adata.uns[{key!r}] was searched with another descendant step than the one that is now in "
            f"adata.uns[{descendants!r}]. Run {again} again."
        )
        raise StaleResultError(msg)
    return entry, step

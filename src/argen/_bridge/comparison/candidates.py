"""The equations of a stored network, of whatever method: what is estimated in each level."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.diagnostics.calibration import Notes
from argen._bridge.results import slots
from argen._bridge.results.entries import Entry, check_free, read_entry
from argen._bridge.results.prior import stored_prior
from argen._bridge.results.steps import DescendantStep, read_step
from argen._bridge.runtime import announce_compilation
from argen._bridge.validate import check_key, name_some
from argen._core.compare.refit import Equations, HowToFit, equations_of_edges
from argen._core.glm.families import FAMILIES
from argen._core.results import EdgeStatus
from argen.errors import InputError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Compared", "open_compared"]

# Of networks that argen's search did not find: how their equations are estimated.
_USUAL = {"first_stage": "shrunk", "covariance": "murphy-topel", "hc": "HC0"}
_AGAINST_THE_ORDER = "candidates that run against the causal order of the network"


@dataclass(frozen=True, slots=True)
class Compared:
    """A network whose equations are to be estimated again.

    Attributes
    ----------
    entry, step
        The network, and the descendant step whose design is used.
    equations, how
        What is estimated, and how.
    edges
        Candidate edges: ``source``, ``target``, ``selected``.
    """

    entry: Entry
    step: DescendantStep
    equations: Equations
    how: HowToFit
    edges: pd.DataFrame


def open_compared(adata: "AnnData", key: str, descendants: str, *, key_added: str, kind: str, notes: Notes) -> Compared:
    """Read the network ``uns[key]`` and the step it was made from, `descendants` where it was made from none."""
    check_key("key_added", key_added)
    check_key("network", key)
    entry = read_entry(adata, key, "network")
    name = str(entry.settings.get("descendants", "")) or descendants
    for taken, what in ((key, "network"), (name, "descendant step")):
        if key_added == taken:
            msg = f"key_added={key_added!r} would overwrite the {what} of that name. Choose another name."
            raise InputError(msg)
    read_entry(adata, name, "descendants")
    check_free(adata, key_added, kind)
    announce_compilation()
    step = read_step(adata, name)
    made = entry.made_from.get("descendants")
    if made not in (None, step.entry.id):
        msg = (
            f"adata.uns[{key!r}] was made with another descendant step than the one that is now in adata.uns[{name!r}]."
            " Run its function again."
        )
        raise StaleResultError(msg)
    find = _of_search if entry.settings.get("method") == "argen" else _of_edges
    return find(entry, step, notes)


def _how(step: DescendantStep, **of_edges: str) -> HowToFit:
    how = step.settings
    return HowToFit(
        **of_edges,
        total_effects={"test": how.test, "hc": how.hc, "pooled": how.pooled},
        negative_binomial=FAMILIES[how.family].needs_dispersion,
    )


def _of_search(entry: Entry, step: DescendantStep, notes: Notes) -> Compared:
    """All candidates of :func:`argen.tl.argen_dag`, in its order."""
    genes = step.screen.genes
    dag, prior = slots.read_dag(entry, genes), stored_prior(entry, genes)
    allowed = dag.status != EdgeStatus.FORBIDDEN
    if not allowed.all():
        notes.add("edges", "forbidden by prior knowledge", int((~allowed).sum()))
    edges = _table(genes, dag.source[allowed], dag.target[allowed], dag.selected[allowed])
    settings = entry.settings
    how = _how(step, first_stage=settings["first_stage"], covariance=settings["covariance"], hc=settings["edges_hc"])
    return Compared(entry, step, Equations(genes, step.relation_with(prior), dag.order, prior), how, edges)


def _of_edges(entry: Entry, step: DescendantStep, notes: Notes) -> Compared:
    """The listed candidates of a joint network, the edges of others; each gene on its listed parents."""
    genes, table = step.screen.genes, entry.tables["edges"]
    ends = {end: table[end].astype(str).to_numpy() for end in ("source", "target")}
    selected = table["selected"].to_numpy(dtype=bool)
    wanted = np.ones(len(table), dtype=bool) if entry.settings.get("method") == "joint" else selected.copy()
    position = {gene: j for j, gene in enumerate(genes)}
    known = np.array([s in position and t in position for s, t in zip(*ends.values(), strict=True)], dtype=bool)
    if (outside := wanted & ~known).any():
        names = name_some(f"{s} → {t}" for s, t in zip(ends["source"][outside], ends["target"][outside], strict=True))
        reason = f"one of the genes is not perturbed and measured in {step.entry.key!r}: {names}"
        notes.add("edges", reason, int(outside.sum()))
    wanted &= known
    source, target = (np.array([position.get(gene, 0) for gene in ends[end]], dtype=np.int64) for end in ends)
    order = _order(entry, genes, source[wanted & selected], target[wanted & selected])
    place = np.argsort(order)
    against = wanted & (place[source] > place[target])
    if against.any():
        notes.add("edges", _AGAINST_THE_ORDER, int(against.sum()))
    wanted &= ~against
    source, target, selected = source[wanted], target[wanted], selected[wanted]
    return Compared(
        entry,
        step,
        equations_of_edges(genes, source, target, order),
        _how(step, **_USUAL),
        _table(genes, source, target, selected),
    )


def _order(entry: Entry, genes: tuple[str, ...], source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A causal order of the edges, that of the network where it has one; a cycle is an error."""
    place = {str(gene): i for i, gene in enumerate(entry.tables["order"])}
    first = np.argsort([place.get(gene, len(place)) for gene in genes], kind="stable")
    left, order = set(range(len(genes))), []
    parents = [set(source[target == t].tolist()) for t in range(len(genes))]
    while left:
        free = [g for g in first.tolist() if g in left and not parents[g] & left]
        if not free:
            names = name_some(f"{genes[s]} → {genes[t]}" for s, t in _cycle(parents, left))
            msg = (
                f"The network in adata.uns[{entry.key!r}] has a cycle: {names}. Two-stage equations need an acyclic "
                "graph; leave one of these edges out, or compare a network of ag.tl.argen_dag or ag.tl.argen_joint."
            )
            raise InputError(msg)
        left.remove(free[0])
        order.append(free[0])
    return np.array(order, dtype=np.int64)


def _cycle(parents: list[set[int]], left: set[int]) -> list[tuple[int, int]]:
    """Edges of one cycle: every gene that is left has a parent among them."""
    path = [min(left)]
    while (parent := min(parents[path[-1]] & left)) not in path:
        path.append(parent)
    loop = [*path[path.index(parent) :], parent][::-1]
    return list(pairwise(loop))


def _table(genes: tuple[str, ...], source: np.ndarray, target: np.ndarray, selected: np.ndarray) -> pd.DataFrame:
    names = np.array(genes, dtype=object)
    return pd.DataFrame({"source": names[source], "target": names[target], "selected": selected})

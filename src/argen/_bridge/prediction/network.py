"""Any network as a prediction reads it: direct effects, knock-downs, what the screen itself saw, findings on edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.responders.stored import read_responders, responders_of
from argen._bridge.responders.total import family_of, total_key
from argen._bridge.results.entries import Entry, find_entry, read_entry
from argen._bridge.results.joint import LOOP, UNSTABLE
from argen._bridge.results.network import step_key_of_network, step_of_network
from argen._bridge.results.pairs import all_pairs, positions
from argen._bridge.validate import name_some
from argen._core.predict.effects import spectral_radius
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Leaves", "SeenEffects", "StoredNetwork", "fit_of_network", "read_leaves", "read_network"]

# Findings on edges that a prediction through them carries along.
WEAK = "weak edge"


@dataclass(frozen=True, slots=True)
class SeenEffects:
    """Total effects that the screen saw, [perturbation, gene], NaN where there is none; shape (p, genes)."""

    effect: np.ndarray
    se: np.ndarray


@dataclass(frozen=True, slots=True)
class StoredNetwork:
    """A network; arrays are in the order of `nodes`.

    Attributes
    ----------
    entry, step
        What is stored: the network, and the descendant step it was made from, None where there is none.
    nodes
        Names of the genes.
    theta
        Direct effects of the selected edges [source, target], shape (p, p).
    findings
        By name the mask [source, target] of the edges with this finding, shape (p, p).
    tau, tau_se
        Effect of each perturbation on its own gene, NaN where that is not known, shape (p,).
    seen
        Total effects among the nodes, own genes on the diagonal; None without a step.
    why_unseen
        Why an effect on the own gene may be missing, in words.
    """

    entry: Entry
    step: Entry | None
    nodes: tuple[str, ...]
    theta: np.ndarray
    findings: dict[str, np.ndarray]
    tau: np.ndarray
    tau_se: np.ndarray
    seen: SeenEffects | None
    why_unseen: str

    @property
    def key(self) -> str:
        """Name in ``uns``."""
        return self.entry.key

    @property
    def method(self) -> str:
        """The method that found it."""
        return str(self.entry.settings["method"])

    @property
    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """What the screen saw each perturbation do to its own gene, with its error, as in `seen`; τ without a step."""
        return (self.tau, self.tau_se) if self.seen is None else (np.diag(self.seen.effect), np.diag(self.seen.se))

    def positions(self, genes: Sequence[str]) -> np.ndarray:
        """Positions of genes among the nodes, −1 for others."""
        return pd.Index(self.nodes).get_indexer(list(genes))


@dataclass(frozen=True, slots=True)
class Leaves:
    """Responders with edges from the network.

    Attributes
    ----------
    entry
        The result that they are from.
    genes
        All responders of it.
    theta, se
        Direct effects [node, responder] of the selected edges and their standard errors, shape (p, R); 0 elsewhere.
    findings
        As of :class:`StoredNetwork`, shape (p, R) each.
    seen
        Total effects of the nodes on them; None where they are not stored any more.
    """

    entry: Entry
    genes: tuple[str, ...]
    theta: np.ndarray
    se: np.ndarray
    findings: dict[str, np.ndarray]
    seen: SeenEffects | None


def read_network(adata: "AnnData", key: str, descendants: str = "argen_descendants") -> StoredNetwork:
    """Read ``uns[key]``, a network of whatever method; `descendants` is the step of one that was made from none."""
    entry = read_entry(adata, key, "network")
    nodes = tuple(sorted(str(gene) for gene in entry.tables["order"]))  # the order that screens have
    step = step_of_network(adata, entry) if entry.settings.get("descendants") else _other_step(adata, descendants)
    edges = entry.tables["edges"]
    theta, findings = _matrices(edges[edges["selected"].to_numpy(bool)], nodes, nodes, key)
    if (radius := spectral_radius(theta)) >= 1.0:
        msg = (
            f"The network in adata.uns[{key!r}] has cycles whose effects do not die down (spectral radius "
            f"{radius:.2f}, it has to be below 1): it predicts nothing. Search an acyclic one, such as "
            "ag.tl.argen_dag."
        )
        raise InputError(msg)
    tau, tau_se, why = _strengths(entry, step, nodes)
    return StoredNetwork(entry, step, nodes, theta, findings, tau, tau_se, _seen(step, nodes), why)


def _other_step(adata: "AnnData", descendants: str) -> Entry | None:
    """A step that the network was not made from, if it is there."""
    step = find_entry(adata, descendants)
    return step if step is not None and step.kind == "descendants" else None


def read_leaves(adata: "AnnData", network: StoredNetwork, responders: object) -> Leaves | None:
    """Responders of a network; ``True`` takes the result that was made from it, if there is one."""
    if responders is False or (responders is True and responders_of(adata, network.entry) is None):
        return None
    entry = read_responders(adata, network.entry, responders)
    genes = tuple(entry.tables["genes"]["gene"].astype(str))
    edges = entry.tables["edges"]
    edges = edges[edges["selected"].to_numpy(bool)]
    theta, findings = _matrices(edges, network.nodes, genes, entry.key)
    se = np.zeros(theta.shape)
    se[_places(edges, network.nodes, genes)] = edges["se"].to_numpy(float)
    return Leaves(entry, genes, theta, se, findings, _seen_on_leaves(adata, network, genes))


def fit_of_network(adata: "AnnData", key: str) -> pd.DataFrame:
    """Total effects that the screen saw, and those that a network has for the same perturbations, pair by pair."""
    step_key_of_network(adata, key)  # raises where the step is gone
    network = read_network(adata, key)
    response = np.linalg.inv(np.eye(len(network.nodes)) - network.theta)
    # Without cycles the diagonal is 1; round them a knock-down is what it came to in the end.
    predicted = network.tau[:, None] * response / np.diag(response)[:, None] + 0.0  # no negative zeros
    seen = network.seen
    source, target = np.nonzero(np.isfinite(seen.effect) & np.isfinite(predicted))
    at = (source, target)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = (seen.effect[at] - predicted[at]) / seen.se[at]
    return pd.DataFrame(
        {
            "source": np.array(network.nodes, dtype=object)[source],
            "target": np.array(network.nodes, dtype=object)[target],
            "observed": seen.effect[at],
            "predicted": predicted[at],
            "residual": np.where(np.isfinite(residual), residual, np.nan),
        }
    )


def _places(edges: pd.DataFrame, nodes: Sequence[str], targets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    source = pd.Index(nodes).get_indexer(edges["source"].astype(str))
    return source, pd.Index(targets).get_indexer(edges["target"].astype(str))


def _matrices(
    edges: pd.DataFrame, nodes: Sequence[str], targets: Sequence[str], key: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Coefficients and findings of selected edges."""
    at, shape = _places(edges, nodes, targets), (len(nodes), len(targets))
    coef = edges["coef"].to_numpy(np.float64)
    if (missing := ~np.isfinite(coef)).any():
        ends = edges.loc[missing, ["source", "target"]].astype(str)
        some = name_some(f"{source} → {target}" for source, target in ends.to_numpy())
        msg = f"adata.uns[{key!r}] has edges without a coefficient, through which nothing can be predicted: {some}."
        raise InputError(msg)
    theta = np.zeros(shape)
    theta[at] = coef
    words = edges["flags"].astype(str) if "flags" in edges else pd.Series("", index=edges.index)
    loops = edges["loop"].astype(str) != "" if "loop" in edges else words.str.contains(LOOP, regex=False)
    weak = edges["weak"] if "weak" in edges else pd.Series(data=False, index=edges.index)
    masks = {WEAK: weak, LOOP: loops, UNSTABLE: words.str.contains(UNSTABLE, regex=False)}
    findings = {}
    for name, rows in masks.items():
        findings[name] = np.zeros(shape, dtype=bool)
        findings[name][at] = rows.to_numpy(bool)
    return theta, findings


def _strengths(entry: Entry, step: Entry | None, nodes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, str]:
    """τ and its standard error, and why one is missing."""
    if entry.settings["method"] == "joint":
        table = entry.tables["strengths"].set_index("perturbation").reindex(list(nodes))
        silent = ~table["instrument"].to_numpy(bool)
        tau, se = (np.where(silent, np.nan, table[name].to_numpy(float)) for name in ("tau", "tau_se"))
        return (
            tau,
            se,
            ("it does not move its own gene, so that the joint network has no edges out of it. Leave it out."),
        )
    if step is None:
        nothing = np.full(len(nodes), np.nan)
        return (
            nothing,
            nothing,
            ("the network has no descendant step in this object. Give a fold instead of 'observed'."),
        )
    table = step.tables["perturbations"]
    kept = table[table["status"].astype(str) == "kept"].set_index("perturbation")
    kept.index = kept.index.astype(str)
    kept = kept.reindex(list(nodes))
    return (
        kept["effect"].to_numpy(float),
        kept["se"].to_numpy(float),
        ("it was not perturbed, or has no counts. Give a fold instead of 'observed'."),
    )


def _seen(step: Entry | None, nodes: Sequence[str]) -> SeenEffects | None:
    if step is None:
        return None
    pairs, shape = all_pairs(step), (len(nodes), len(nodes))
    effect, se = np.full(shape, np.nan), np.full(shape, np.nan)
    source, target = positions(pairs, nodes)
    there = (source >= 0) & (target >= 0)
    at = source[there], target[there]
    effect[at], se[at] = pairs["effect"].to_numpy(float)[there], pairs["se"].to_numpy(float)[there]
    table = step.tables["perturbations"]
    own = pd.Index(nodes).get_indexer(table["perturbation"].astype(str))
    known = own >= 0
    effect[own[known], own[known]] = table["effect"].to_numpy(float)[known]
    se[own[known], own[known]] = table["se"].to_numpy(float)[known]
    return SeenEffects(effect, se)


def _seen_on_leaves(adata: "AnnData", network: StoredNetwork, genes: Sequence[str]) -> SeenEffects | None:
    if network.step is None:
        return None
    entry = find_entry(adata, total_key(network.step.key))
    if entry is None or entry.kind != "total_effects" or entry.made_from.get("descendants") != network.step.id:
        return None
    family = family_of(entry)
    if not np.isin(genes, family.genes).all():
        return None
    effect, se, _ = family.on(np.array(genes, dtype=object), network.nodes, entry)
    return SeenEffects(effect, se)

"""Direct effects on responders given a joint network."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.responders.blocks import GENES_PER_BLOCK, GeneReader
from argen._bridge.responders.total import KEPT, family_of
from argen._bridge.results.entries import Entry
from argen._bridge.results.joint import LOOP
from argen._bridge.results.steps import DescendantStep
from argen._bridge.results.tables import categorical
from argen._bridge.validate import name_some
from argen._core.joint.sums import group_sums
from argen._core.joint.table import Noise, noise_of
from argen._core.parallel import Map
from argen._core.responders.joint import (
    CONSENSUS,
    GivenNetwork,
    JointEdges,
    Responders,
    edges_of_blocks,
    select_joint,
)

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["JointResponders", "joint_effects"]

# Pairs below both are not listed, as in the network's own table.
LEAST_INCLUSION, LARGEST_P = 0.01, 0.05
BLOCKS_AT_ONCE = 16  # of responders, whose edges are sought in parallel: bounds the memory of their sums


@dataclass(frozen=True, slots=True)
class JointResponders:
    """Edges to responders given a joint network.

    Attributes
    ----------
    edges, genes
        The tables that are stored.
    n_pairs, spread
        Pairs that were tested, and what divided their scores.
    """

    edges: pd.DataFrame
    genes: pd.DataFrame
    n_pairs: int
    spread: float


def joint_effects(
    adata: "AnnData",
    network: Entry,
    step: DescendantStep,
    effects: Entry,
    *,
    alpha: float,
    seed: int,
    map_: Map,
    bar: Callable,
) -> JointResponders:
    """Estimate and test the edges from every instrument of the network to every responder."""
    nodes = list(step.screen.genes)
    T, error, relative, instrument = _total_effects(network, nodes)
    genes = effects.tables["genes"]
    responders = genes.loc[(genes["status"] == KEPT).to_numpy(), "gene"].to_numpy(dtype=object)
    reader = GeneReader(adata, step.settings, step.depth_genes, step.entry.tables["shifts"])
    rows = pd.Index(reader.perturbations).get_indexer(nodes)
    family = family_of(effects)
    on_responders = family.on(responders, nodes, effects)
    columns, sigma = reader.genes.get_indexer(responders), float(network.tables["search"]["sigma"].iloc[0])
    among_nodes = _observed_effects(network, step, nodes)
    given = GivenNetwork(T, error, relative, instrument, among_nodes, step.relation.descendant)

    def read(lo: int) -> Responders:
        block = slice(lo, lo + GENES_PER_BLOCK)
        noise = _rows_of(noise_of(group_sums(reader.screen(columns[block]), map_, correlated=False)), rows)
        return Responders(noise, list(responders[block]), tuple(values[:, block] for values in on_responders))

    starts = range(0, len(responders), GENES_PER_BLOCK)

    def found_by_block() -> Iterator[JointEdges]:
        for lo in range(0, len(starts), BLOCKS_AT_ONCE):
            some = [read(start) for start in starts[lo : lo + BLOCKS_AT_ONCE]]
            yield from edges_of_blocks(given, some, sigma=sigma, seed=seed, map_=map_)

    parts = list(bar("responders, blocks of genes", len(starts))(found_by_block()))
    found = JointEdges(*(np.concatenate([getattr(p, name) for p in parts], axis=-1) for name in JointEdges.__slots__))
    spread = float(np.sqrt(max(1.0, found.misfit.sum() / max(found.df.sum(), 1.0))))
    p, padj, selected = select_joint(found.z, found.inclusion, spread, alpha)
    significant = family.significant_on(responders, nodes, effects)
    table = pd.DataFrame(
        {
            "gene": responders,
            "n_significant": significant.sum(axis=0),
            "n_candidates": np.isfinite(p).sum(axis=0),
            "n_edges": selected.sum(axis=0),
        }
    )
    edges = _edges_table(nodes, responders, found, significant, (p, padj, selected), spread, _loops(network))
    return JointResponders(edges, table, int(np.isfinite(p).sum()), spread)


def _total_effects(network: Entry, nodes: list[str]) -> tuple[np.ndarray, ...]:
    """T as the network has it without its offsets, its variance, relative errors of own effects, and the instruments.

    T = diag(τ)(I − Θ)⁻¹ has the error of the rows' τ, and that of every edge a → b by T_la B_bm.

    A perturbation that does not move its own gene has no coefficients, and its row says nothing about those of others.
    """
    strengths = network.tables["strengths"].set_index("perturbation").loc[nodes]
    fit, instrument = network.tables["fit"], strengths["instrument"].to_numpy(bool)
    at = pd.Index(nodes)
    source, target = (at.get_indexer(fit[end].astype(str)) for end in ("source", "target"))
    T = np.zeros((len(nodes),) * 2)
    T[source, target] = fit["predicted"].to_numpy(float)
    T[source, target] -= strengths["row_shift"].to_numpy(float)[source]
    T[source, target] -= strengths["column_offset"].to_numpy(float)[target]
    T[~instrument] = 0.0
    T[:, ~instrument] = 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.abs(strengths["tau_se"].to_numpy(float) / strengths["tau"].to_numpy(float))
    relative = np.where(instrument & np.isfinite(relative), relative, 0.0)
    tau = np.where(instrument, strengths["tau"].to_numpy(float), 1.0)
    B = T / tau[:, None]
    edges = network.tables["edges"]
    edges = edges[edges["inclusion"] > CONSENSUS]
    of_edges = np.zeros_like(T)
    of_edges[tuple(at.get_indexer(edges[end].astype(str)) for end in ("source", "target"))] = edges["se"] ** 2
    error = T**2 * relative[:, None] ** 2 + T**2 @ np.nan_to_num(of_edges) @ B**2
    return T, error, relative, instrument


def _observed_effects(network: Entry, step: DescendantStep, nodes: list[str]) -> tuple[np.ndarray, ...]:
    """Total effects among the nodes without the offsets of the network, with standard errors and p-values."""
    strengths = network.tables["strengths"].set_index("perturbation").loc[nodes]
    effect = step.tests.effect - strengths["row_shift"].to_numpy(float)[:, None]
    effect = effect - strengths["column_offset"].to_numpy(float)
    return effect, step.tests.se, step.tests.p


def _loops(network: Entry) -> dict[str, str]:
    """By node the edges whose reverse the network does not explain: an effect of one end may be that of the other."""
    edges = network.tables["edges"]
    edges = edges[edges["selected"] & edges["flags"].astype(str).str.startswith(LOOP)]
    found: dict[str, list[str]] = {}
    for source, target in zip(edges["source"].astype(str), edges["target"].astype(str), strict=True):
        for end in (source, target):
            found.setdefault(end, []).append(f"{source}⇄{target}")
    return {node: name_some(loops) for node, loops in found.items()}


def _rows_of(noise: Noise, rows: np.ndarray) -> Noise:
    """The rows of the nodes."""
    return Noise(
        S=noise.S[rows],
        E=noise.E[rows],
        kappa=noise.kappa[rows],
        inflation=noise.inflation[rows],
        drift=noise.drift[rows],
        offset_variance=noise.offset_variance,
        usual=noise.usual,
    )


def _edges_table(
    nodes: list[str],
    responders: np.ndarray,
    found: JointEdges,
    significant: np.ndarray,
    selection: tuple[np.ndarray, ...],
    spread: float,
    loops: Mapping[str, str],
) -> pd.DataFrame:
    """All pairs that a draw or a test says anything for."""
    p, padj, selected = selection
    listed = (found.inclusion >= LEAST_INCLUSION) | (np.nan_to_num(p, nan=1.0) <= LARGEST_P) | selected
    at = np.nonzero(listed & np.isfinite(p))
    return pd.DataFrame(
        {
            "source": categorical(at[0], nodes),
            "target": categorical(at[1], responders),
            "coef": found.coef[at],
            "se": found.se[at] * spread,
            "z": found.z[at] / spread,
            "p": p[at],
            "padj": padj[at],
            "inclusion": found.inclusion[at],
            "selected": selected[at],
            "significant": significant[at],
            "loop": np.array([loops.get(nodes[k], "") for k in at[0]], dtype=object),
        }
    )

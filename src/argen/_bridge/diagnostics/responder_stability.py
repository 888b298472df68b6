"""Stability of the edges to responders: total effects and saturated forms from AnnData, a table out of the draws."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.responders.saturated import SaturatedScreen
from argen._bridge.responders.stored import CandidateEdges
from argen._bridge.responders.total import KEPT, family_of, read_total_effects
from argen._bridge.results.entries import Entry
from argen._bridge.results.searched import SearchedNetwork
from argen._bridge.results.tables import EDGE_FLAGS
from argen._bridge.validate import counted
from argen._core.dag.covariance import COVARIANCES
from argen._core.diagnostics.responder_stability import (
    DrawnOptions,
    NodeRows,
    ResponderStability,
    SaturatedDraws,
    TotalEffects,
    draw_responders,
    fill_moves,
)
from argen._core.diagnostics.stability import Draws
from argen._core.glm.sandwich import HC
from argen._core.normal import size_of_z
from argen._core.parallel import Map
from argen._core.responders.direct import saturated_forms
from argen._core.results import EdgeStatus
from argen.errors import InputError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["MOST_MOVES", "StableResponders", "responders_to_draw", "stability_of_responders", "stability_table"]

# Moves that are held at a time, one per draw, perturbation and gene: .8 GB.
MOST_MOVES = 200_000_000


@dataclass(frozen=True, slots=True)
class StableResponders:
    """What is drawn: candidate edges as they are stored, and the total effects that they were made from."""

    edges: CandidateEdges
    total: Entry


def responders_to_draw(
    adata: "AnnData", network: SearchedNetwork, edges: CandidateEdges, n_draws: int
) -> StableResponders:
    """The total effects beside the candidate edges, checked to belong to them and to be few enough."""
    total = read_total_effects(adata, network.step.entry)
    genes = total.tables["genes"]
    kept = genes.loc[(genes["status"] == KEPT).to_numpy(), "gene"].to_numpy(dtype=object)
    if kept.tolist() != edges.responders.tolist():
        msg = (
            f"adata.uns[{edges.entry.key!r}] was made from total effects on other genes than those now in "
            f"adata.uns[{total.key!r}]. Run ag.tl.argen_responders(network={network.entry.key!r}) again."
        )
        raise StaleResultError(msg)
    n_perturbations, n_nodes = len(total.tables["perturbations"]), len(network.step.screen.genes)
    if n_perturbations * (n_nodes + len(kept)) * n_draws > MOST_MOVES:
        fewer = MOST_MOVES // (n_perturbations * (n_nodes + len(kept)))
        most = MOST_MOVES // (n_perturbations * n_draws) - n_nodes
        cures = [f"n_draws={fewer}"] if fewer >= 2 else []
        cures += [f"{counted(most, 'responder')} (responders= of ag.tl.argen_responders)"] if most >= 1 else []
        msg = (
            f"{n_draws} draws of {counted(len(kept), 'responder')} under {n_perturbations} perturbations are more "
            f"than fit into memory. What fits: {', or '.join(cures) or 'nothing of this size'}."
        )
        raise InputError(msg)
    return StableResponders(edges, total)


def stability_of_responders(
    adata: "AnnData", network: SearchedNetwork, drawn: StableResponders, draws: Draws, map_: Map, bar: Callable
) -> ResponderStability:
    """Draw the cells of all perturbations again; `draws` says how often, the kind of residuals is the result's own."""
    edges, settings, step = drawn.edges, drawn.edges.entry.settings, network.step.settings
    draws = Draws(draws.n, draws.seed, hc3=HC[settings["hc"]].hc3)
    saturated = _saturated(adata, network, edges.responders, draws, map_, bar)
    options = DrawnOptions(
        closure=step.closure,
        descendants_alpha=step.alpha,
        prior=network.prior,
        total_alpha=drawn.total.settings["alpha"],
        first_stage=settings["first_stage"],
        alpha=settings["alpha"],
        with_first_stage_variance=COVARIANCES[settings["covariance"]].counts_first_stage,
    )
    equations, rows = _equations(edges)
    coef = edges.table["coef"].to_numpy()
    found = draw_responders(
        network.step.tests,
        _totals(drawn, network.step.screen.genes),
        saturated,
        network.relation.descendant,
        equations,
        coef[rows],
        options,
        map_=map_,
        track=bar("stability, responders", draws.n),
    )
    ends = np.full((2, len(coef)), np.nan)
    ends[:, rows] = found.low, found.high
    ends[:, (edges.table["flags"] == EDGE_FLAGS[EdgeStatus.SEPARATED]).to_numpy()] = np.nan  # no weight moves them
    return ResponderStability(found.stability, found.candidate, *ends)


def _saturated(
    adata: "AnnData", network: SearchedNetwork, responders: np.ndarray, draws: Draws, map_: Map, bar: Callable
) -> SaturatedDraws:
    """Saturated forms of nodes and responders, and their moves."""
    screen = SaturatedScreen(adata, network)
    nodes, p = screen.nodes, len(screen.nodes)
    of_nodes, how = screen.of_nodes(), {"hc3": draws.hc3, "map_": map_}
    forms = saturated_forms(of_nodes, nodes, phi=screen.phi_of_nodes, **how)
    moves = np.zeros((draws.n, of_nodes.n_groups, p + len(responders)), dtype=np.float32)
    fill_moves(of_nodes, nodes, forms, draws, moves[:, :, :p], map_)
    rows = [NodeRows.of(form, nodes) for form in forms]
    track = bar("stability, responders by blocks of genes", screen.n_blocks(len(responders)))
    for block in track(screen.blocks(responders, np.arange(len(responders)), map_, with_nodes=False)):
        forms = saturated_forms(block.screen, block.genes, phi=block.phi, **how)
        at = slice(p + block.responders[0], p + block.responders[-1] + 1)
        fill_moves(block.screen, block.genes, forms, draws, moves[:, :, at], map_)
        rows += [NodeRows.of(form, nodes) for form in forms]
    return SaturatedDraws(nodes, rows, moves)


def _totals(drawn: StableResponders, nodes: tuple[str, ...]) -> TotalEffects:
    """Total effects of the family on the nodes, then on the responders."""
    family = family_of(drawn.total)
    at = pd.Index(family.genes).get_indexer([*nodes, *drawn.edges.responders])
    sign = np.where(family.effect < 0, -1.0, 1.0)
    z = np.where(family.in_family, sign * size_of_z(family.log_p), np.nan)
    # Nodes are tested where there are perturbations that are none.
    z, se = (np.where(at >= 0, values[:, at], np.nan) for values in (z, family.se))
    return TotalEffects(z, se)


def _equations(edges: CandidateEdges) -> tuple[list[tuple[int, np.ndarray]], np.ndarray]:
    """Responder and nodes of every stored equation, and the rows of the table that they stand in."""
    order = np.lexsort((edges.source, edges.target))
    target, first = np.unique(edges.target[order], return_index=True)
    sources = np.split(edges.source[order], first[1:]) if len(target) else []
    return [(int(t), A) for t, A in zip(target, sources, strict=True)], order


def stability_table(network: SearchedNetwork, edges: CandidateEdges, found: ResponderStability) -> pd.DataFrame:
    """Every candidate edge to a responder, and every pair that a draw selected."""
    row = np.full(found.stability.shape, -1, dtype=np.int64)
    tested = edges.table["tested"].to_numpy(dtype=bool)
    row[edges.source[tested], edges.target[tested]] = np.flatnonzero(tested)
    source, target = np.nonzero((row >= 0) | (found.stability > 0))
    at = row[source, target]
    low, high = (np.where(at >= 0, np.append(ends, np.nan)[at], np.nan) for ends in (found.low, found.high))
    selected = np.append(edges.table["selected"].to_numpy(dtype=bool), False)[at]
    table = pd.DataFrame(
        {
            "source": np.array(network.step.screen.genes, dtype=object)[source],
            "target": edges.responders[target],
            "selected": (at >= 0) & selected,
            "stability": found.stability[source, target],
            "candidate_frequency": found.candidate[source, target],
            "ci_low": low,
            "ci_high": high,
        }
    )
    order = np.lexsort(
        (table["target"], table["source"], -table["candidate_frequency"], -table["stability"], ~table["selected"])
    )
    return table.iloc[order].reset_index(drop=True)

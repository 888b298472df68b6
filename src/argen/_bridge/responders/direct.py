"""Direct effects on responders: the equations of a network's genes for every gene that none of them is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.features import gene_positions
from argen._bridge.responders.saturated import SaturatedScreen
from argen._bridge.responders.total import KEPT, Family, family_of
from argen._bridge.results.entries import Entry
from argen._bridge.results.searched import SearchedNetwork
from argen._bridge.results.tables import EDGE_FLAGS, ROBUST_SETS, WEAK_F, categorical, flags, loop_name
from argen._bridge.validate import name_some
from argen._core.dag.covariance import COVARIANCES
from argen._core.dag.influence import CellInfluence
from argen._core.dag.loops import loop_pairs
from argen._core.glm.sandwich import HC
from argen._core.parallel import Map
from argen._core.responders.direct import (
    POSSIBLE,
    Selection,
    Wanted,
    candidates_of,
    equations,
    select,
)
from argen._core.responders.mediators import Observed
from argen._core.results import EdgeStatus, Equation, Instruments

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["DirectEffects", "ResponderScreen", "direct_effects", "edges_table", "effects_matrix", "genes_table"]


@dataclass(frozen=True, slots=True)
class ResponderScreen:
    """A network, the total effects on responders, and the candidate edges to them.

    Attributes
    ----------
    network
        Its genes are the nodes.
    family
        Total effects on all tested genes.
    nodes
        Position of each node among the perturbations of `family`, shape (p,).
    responders
        Names of the R responders.
    significant, candidates, mediators, untestable
        [node, responder]: significant total effects; candidate edges; nodes that are adjusted for without being tested;
        ancestors whose knock-down is unknown, which can be no candidates. Shape (p, R).
    """

    network: SearchedNetwork
    family: Family
    nodes: np.ndarray
    responders: np.ndarray
    significant: np.ndarray
    candidates: np.ndarray
    mediators: np.ndarray
    untestable: np.ndarray

    @classmethod
    def of(cls, network: SearchedNetwork, effects: Entry) -> "ResponderScreen":
        """Read the candidates off the relation of the network and the significant total effects."""
        family, screen = family_of(effects), network.step.screen
        sources = pd.Index(effects.tables["perturbations"]["perturbation"].astype(str))
        nodes = sources.get_indexer(list(screen.genes))
        genes = effects.tables["genes"]
        responders = genes.loc[(genes["status"] == KEPT).to_numpy(), "gene"].to_numpy(dtype=object)
        significant = family.significant_on(responders, screen.genes, effects)
        above = candidates_of(significant, network.relation.descendant)
        tests = network.step.tests
        on_responders = family.on(responders, screen.genes, effects)
        below = network.relation.descendant
        seen = Observed(tests.effect, tests.se, tests.p, *on_responders, below)
        between = seen.mediators(above, POSSIBLE)
        usable = np.isfinite(np.diag(network.step.tests.effect))[:, None]
        kinds = above & usable, between & usable, above & ~usable
        return cls(network, family, nodes, responders, significant, *kinds)


@dataclass(frozen=True, slots=True)
class DirectEffects:
    """Candidate edges to responders, by responder; arrays of shape (m,).

    Attributes
    ----------
    source, target
        Positions among the nodes and among the responders.
    equations
        One per responder with candidates.
    """

    source: np.ndarray
    target: np.ndarray
    coef: np.ndarray
    se: np.ndarray
    status: np.ndarray
    instruments: Instruments
    tested: np.ndarray
    selection: Selection
    equations: tuple[Equation, ...]


def direct_effects(
    adata: "AnnData",
    data: ResponderScreen,
    *,
    first_stage: str,
    covariance: str,
    hc: str,
    alpha: float,
    robust: bool,
    map_: Map,
    bar: Callable,
) -> DirectEffects:
    """Estimate and test every candidate edge to a responder."""
    hc3, needs_influence = HC[hc].hc3, robust or COVARIANCES[covariance].needs_influence
    saturated = SaturatedScreen(adata, data.network)
    first = saturated.first_stages(first_stage, hc3=hc3, map_=map_)
    wanted = np.flatnonzero(data.candidates.any(axis=0))
    how = {"first": first, "covariance": covariance, "hc3": hc3, "robust": robust}
    found: list[Equation] = []
    track = bar("responders, blocks of genes", saturated.n_blocks(len(wanted)))
    for block in track(saturated.blocks(data.responders, wanted, map_, with_nodes=needs_influence)):
        cells = CellInfluence(block.screen, hc3=hc3) if needs_influence else block.screen
        A = [np.flatnonzero(data.candidates[:, r] | data.mediators[:, r]) for r in block.responders]
        wanted_here = [
            Wanted(int(gene), data.nodes[k], float(block.phi[gene])) for gene, k in zip(block.genes, A, strict=True)
        ]
        solved = equations(cells, wanted_here, how, map_)
        # Responders and candidates as they are called here again.
        found += [
            replace(equation, target=int(r), candidates=k)
            for equation, r, k in zip(solved, block.responders, A, strict=True)
        ]
    return _joined(data, found, alpha)


def _joined(data: ResponderScreen, equations: list[Equation], alpha: float) -> DirectEffects:
    """All candidates in one table, and the selection; ancestors that could be no candidate follow, without estimate."""
    source, target = np.nonzero(data.untestable)
    nothing = np.full(len(source), np.nan)
    sources = [*(e.candidates for e in equations), source]
    coef = np.concatenate([*(e.coef for e in equations), nothing])
    se = np.concatenate([*(e.se for e in equations), nothing])
    status = np.full(len(source), int(EdgeStatus.UNTESTABLE))
    source = np.concatenate(sources)
    target = np.concatenate([*(np.full(len(e.coef), e.target) for e in equations), target])
    tested = data.candidates[source, target]
    return DirectEffects(
        source=source,
        target=target,
        tested=tested,
        coef=coef,
        se=se,
        status=np.concatenate([*(e.status for e in equations), status]),
        instruments=Instruments.joined([*(e.instruments for e in equations), Instruments.nothing(len(nothing))]),
        selection=select(coef, se, alpha, tested),
        equations=tuple(equations),
    )


def edges_table(data: ResponderScreen, found: DirectEffects, alpha: float) -> pd.DataFrame:
    """Every candidate edge to a responder."""
    condition = np.full(len(data.responders), np.nan)
    for equation in found.equations:
        condition[equation.target] = equation.condition
    tested = np.isfinite(found.selection.padj)
    rejected = int(found.selection.selected.sum())
    level = alpha * max(rejected, 1) / max(int(tested.sum()), 1)
    return pd.DataFrame(
        {
            "source": categorical(found.source, data.network.step.screen.genes),
            "target": categorical(found.target, data.responders),
            "coef": found.coef,
            "se": found.se,
            "z": found.selection.z,
            "p": found.selection.p,
            "padj": found.selection.padj,
            "threshold": np.where(tested, level, np.nan),
            "selected": found.selection.selected,
            "tested": tested,
            "F": found.instruments.strength,
            "weak": found.instruments.strength < WEAK_F,
            "condition": condition[found.target],
            "p_robust": found.instruments.p,
            "ci_low_robust": found.instruments.low,
            "ci_high_robust": found.instruments.high,
            "robust_set": flags(found.instruments.shape, ROBUST_SETS),
            "significant": data.significant[found.source, found.target],
            "loop": _loops(data)[found.target],
            "flags": flags(found.status, EDGE_FLAGS),
        }
    )


def _loops(data: ResponderScreen) -> np.ndarray:
    """Names of the loops of the network of which the equation of each responder holds both genes."""
    genes = data.network.step.screen.genes
    pairs = loop_pairs(data.network.relation, data.network.dag.order)
    inside = data.candidates | data.mediators
    held = [inside[a] & inside[b] for a, b in pairs.tolist()]
    names = [loop_name(genes, pair) for pair in pairs.tolist()]
    texts = [name_some([n for n, h in zip(names, held, strict=True) if h[r]]) for r in range(len(data.responders))]
    return np.array(texts, dtype=object)


def genes_table(data: ResponderScreen, found: DirectEffects) -> pd.DataFrame:
    """Every responder, with what reaches it and what was found."""
    chosen = found.selection.selected
    return pd.DataFrame(
        {
            "gene": data.responders,
            "n_significant": data.significant.sum(axis=0),
            "n_candidates": data.candidates.sum(axis=0),
            "n_mediators": data.mediators.sum(axis=0),
            "n_edges": np.bincount(found.target[chosen], minlength=len(data.responders)),
        }
    )


def effects_matrix(adata: "AnnData", edges: pd.DataFrame, nodes: Sequence[str]) -> sparse.csr_matrix:
    """Selected direct effects of a table of edges, genes of the object × nodes."""
    chosen = edges[edges["selected"]]
    rows = gene_positions(adata, chosen["target"].astype(str))
    columns = pd.Index(nodes).get_indexer(chosen["source"].astype(str))
    return sparse.csr_matrix((chosen["coef"], (rows, columns)), shape=(adata.n_vars, len(nodes)))

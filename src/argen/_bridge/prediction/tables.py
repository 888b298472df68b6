"""Tables of a prediction: genes, and the paths that carry the effects."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from argen._bridge.prediction.given import BEYOND, Given
from argen._bridge.prediction.network import Leaves, SeenEffects, StoredNetwork
from argen._bridge.prediction.observed import added_up
from argen._bridge.prediction.uncertainty import Estimates
from argen._core.predict.effects import Effects, is_acyclic
from argen._core.predict.paths import Path, best_paths, number_of_paths

__all__ = ["KINDS_OF_GENES", "genes_table", "paths_table"]

KINDS_OF_GENES = PERTURBED, NODE, RESPONDER = ("perturbed", "node", "responder")
_ROUNDING = 1e-12  # relative error of sums of contributions
NO_PATH, NOT_SELECTED, BEYOND_SEEN = "no path", "edges not selected", "beyond the effects seen"


def genes_table(
    network: StoredNetwork,
    given: Given,
    effects: Effects,
    nodes: Estimates,
    leaves: Leaves | None,
    on_leaves: Estimates | None,
    correlation: np.ndarray | None,
) -> pd.DataFrame:
    """One row per gene of the network and per responder: perturbed ones first, then by the size of the effect.

    `correlation`: that of the effects seen on the nodes, see :func:`~argen._bridge.prediction.observed.added_up`.
    """
    perturbed = np.isin(np.arange(len(network.nodes)), given.position)
    parts = [
        _rows(
            network.nodes,
            np.where(perturbed, PERTURBED, NODE),
            nodes,
            _direct(effects, len(network.nodes)),
            _paths_within(effects, len(network.nodes)),
            added_up(given, network, network.seen, network.nodes, correlation),
            _flags(network.findings, effects, nodes, network.seen, perturbed),
        )
    ]
    if leaves is not None:
        acting = np.zeros((len(network.nodes), len(leaves.genes)))
        acting[effects.reached] = leaves.theta[effects.reached]
        n_paths = _paths_within(effects, len(network.nodes)) @ (acting != 0)
        parts.append(
            _rows(
                leaves.genes,
                np.full(len(leaves.genes), RESPONDER),
                on_leaves,
                (acting[effects.sources] != 0).any(axis=0),
                n_paths,
                added_up(given, network, leaves.seen, leaves.genes),
                _leaf_flags(network, leaves, effects, on_leaves),
            )
        )
    table = pd.concat(parts, ignore_index=True)
    order = np.lexsort((table["gene"], -table["effect"].abs(), table["kind"] != PERTURBED))
    return table.iloc[order].reset_index(drop=True)


def _rows(
    genes: Sequence[str],
    kind: np.ndarray,
    found: Estimates,
    direct: np.ndarray,
    n_paths: np.ndarray,
    seen: tuple[np.ndarray, np.ndarray],
    flags: Sequence[str],
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene": np.array(genes, dtype=object),
            "kind": kind.astype(object),
            "effect": found.effect,
            "se": found.se,
            "ci_low": found.low,
            "ci_high": found.high,
            "fold": np.exp(found.effect),
            "direct": direct,
            "n_paths": n_paths,
            "observed": seen[0],
            "observed_se": seen[1],
            "flags": np.array(flags, dtype=object),
        }
    )


def _direct(effects: Effects, p: int) -> np.ndarray:
    """Genes with an edge from a perturbed one."""
    direct = np.zeros(p, dtype=bool)
    at = np.searchsorted(effects.reached, effects.sources)
    direct[effects.reached] = (effects.theta[at] != 0).any(axis=0)
    return direct


def _paths_within(effects: Effects, p: int) -> np.ndarray:
    """Number of paths of one edge or more to each node, ∞ round cycles; and for perturbed ones their own shift."""
    n_paths = np.zeros(p)
    n_paths[effects.reached] = number_of_paths(effects.theta, np.searchsorted(effects.reached, effects.sources))
    return n_paths


def _below(effects: Effects, p: int) -> np.ndarray:
    """[source, target]: an effect on the source reaches the target, itself included; False for what is not reached."""
    below = np.zeros((p, p), dtype=bool)
    below[np.ix_(effects.reached, effects.reached)] = effects.response != 0
    return below


def _on_the_way(mask: np.ndarray, effects: Effects, below: np.ndarray) -> np.ndarray:
    """Nodes to which an edge of the mask, out of a gene that is reached, is on the way; shape (p,)."""
    acts = np.zeros(mask.shape, dtype=bool)
    within = np.ix_(effects.reached, effects.reached)
    acts[within] = mask[within] & (effects.theta != 0)
    return (acts.any(axis=0)[:, None] & below).any(axis=0)


def _flags(
    findings: dict[str, np.ndarray],
    effects: Effects,
    found: Estimates,
    seen: SeenEffects | None,
    perturbed: np.ndarray,
) -> list[str]:
    p = len(found.effect)
    below, reached = _below(effects, p), np.zeros(p, dtype=bool)
    reached[effects.reached] = True
    masks = {name: _on_the_way(mask, effects, below) for name, mask in findings.items()}
    masks[BEYOND_SEEN] = _beyond(found.effect, seen) & ~perturbed
    return _joined(masks | _unreached(~reached, found))


def _unreached(unreached: np.ndarray, found: Estimates) -> dict[str, np.ndarray]:
    """Genes to which no path of selected edges leads; draws of a joint network may have others."""
    drawn = unreached & np.isfinite(found.se)
    return {NOT_SELECTED: drawn, NO_PATH: unreached & ~drawn}


def _leaf_flags(network: StoredNetwork, leaves: Leaves, effects: Effects, found: Estimates) -> list[str]:
    p = len(network.nodes)
    below, reached = _below(effects, p), np.zeros(p, dtype=bool)
    reached[effects.reached] = True
    acting = (leaves.theta != 0) & reached[:, None]
    masks = {}
    for name, mask in network.findings.items():
        above = _on_the_way(mask, effects, below)
        masks[name] = (acting & (above[:, None] | leaves.findings[name])).any(axis=0)
    masks[BEYOND_SEEN] = _beyond(found.effect, leaves.seen)
    return _joined(masks | _unreached(~acting.any(axis=0), found))


def _beyond(effect: np.ndarray, seen: SeenEffects | None) -> np.ndarray:
    """Effects larger than any that the screen saw on the gene, by more than so many times."""
    if seen is None:
        return np.zeros(len(effect), dtype=bool)
    largest = np.fmax.reduce(seen.effect, axis=0, initial=0.0)
    smallest = np.fmin.reduce(seen.effect, axis=0, initial=0.0)
    return (effect > BEYOND * largest) | (effect < BEYOND * smallest)


def _joined(masks: dict[str, np.ndarray]) -> list[str]:
    names = list(masks)
    return [
        "; ".join(name for name, is_so in zip(names, row, strict=True) if is_so)
        for row in zip(*masks.values(), strict=True)
    ]


def paths_table(
    network: StoredNetwork, effects: Effects, leaves: Leaves | None, n_paths: int, total: pd.DataFrame
) -> pd.DataFrame:
    """The `n_paths` largest contributions to each effect of the network, and what all other paths add.

    `total` is the table of genes; the paths are those of the selected edges.
    """
    rows = list(_path_rows(network, effects, leaves, n_paths))
    columns = ["gene", "rank", "source", "path", "n_edges", "contribution"]
    table = pd.DataFrame(rows, columns=columns).astype({"rank": np.int64, "n_edges": np.int64, "contribution": float})
    through = dict(zip(network.nodes, effects.effect, strict=True))
    if leaves is not None:
        through |= dict(zip(leaves.genes, effects.effect @ leaves.theta, strict=True))
    whole = table["gene"].map(through).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        table["share"] = np.where(whole != 0, table["contribution"] / whole, np.nan)
    listed = table["contribution"].groupby(table["gene"])
    others = whole - listed.transform("sum").to_numpy(float)
    rounding = _ROUNDING * table["contribution"].abs().groupby(table["gene"]).transform("sum").to_numpy(float)
    table["others"] = np.where(np.abs(others) <= rounding, 0.0, others)
    place = {gene: i for i, gene in enumerate(total["gene"])}
    order = np.lexsort((table["rank"], table["gene"].map(place)))
    return table.iloc[order].reset_index(drop=True)


def _path_rows(
    network: StoredNetwork, effects: Effects, leaves: Leaves | None, n_paths: int
) -> Iterator[tuple[str, int, str, str, int, float]]:
    at = np.searchsorted(effects.reached, effects.sources)
    names = [network.nodes[i] for i in effects.reached]
    paths = best_paths(effects.theta, at, effects.shift, n_paths, acyclic=is_acyclic(effects.theta))
    for gene, found in zip(names, paths, strict=True):
        yield from _rows_of(gene, [([names[i] for i in path.genes], path.contribution) for path in found])
    if leaves is None:
        return
    for r, gene in enumerate(leaves.genes):
        parents = np.flatnonzero(leaves.theta[effects.reached, r])
        longer: list[Path] = []
        for k in parents.tolist():
            coef = float(leaves.theta[effects.reached[k], r])
            longer += [Path(path.genes, path.contribution * coef) for path in paths[k]]
        best = sorted(longer, key=lambda path: (-abs(path.contribution), len(path.genes), path.genes))[:n_paths]
        yield from _rows_of(gene, [([*(names[i] for i in path.genes), gene], path.contribution) for path in best])


def _rows_of(gene: str, paths: list[tuple[list[str], float]]) -> Iterator[tuple[str, int, str, str, int, float]]:
    for rank, (genes, contribution) in enumerate(paths, start=1):
        yield gene, rank, genes[0], " → ".join(genes), len(genes) - 1, contribution

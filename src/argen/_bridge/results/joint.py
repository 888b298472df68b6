"""Slots of the joint search: edges with inclusion probabilities, the fitted table, and what the chains agree on."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.results.entries import Entry, new_entry, write_entry
from argen._bridge.results.slots import on_genes, write_places
from argen._bridge.results.tables import categorical
from argen._core.joint.network import JointNetwork
from argen._core.joint.table import EffectTable

if TYPE_CHECKING:
    from anndata import AnnData

    from argen._bridge.results.steps import DescendantStep

__all__ = ["joint_entry", "write_joint"]

# Pairs below both are not listed: with hundreds of genes they are nearly all.
LEAST_INCLUSION, LARGEST_P = 0.01, 0.05
LOOP, UNSTABLE, REQUIRED = "loop, direction undetermined", "unstable", "required"


def joint_entry(
    key: str, settings: object, step: "DescendantStep", table: EffectTable, network: JointNetwork, prior: pd.DataFrame
) -> Entry:
    """The network as it will be stored."""
    genes = list(step.screen.genes)
    order = network.order
    tables = {
        "edges": _edges(genes, network, prior),
        "nodes": pd.DataFrame({"gene": [genes[i] for i in order], "layer": network.layer[order]}),
        "order": np.array([genes[i] for i in order], dtype=object),
        "prior": prior,
        "strengths": _strengths(genes, network),
        "fit": _fit(genes, table, network),
        "search": _search(network),
    }
    return new_entry(key, "network", settings, tables, step.made_from)


def write_joint(adata: "AnnData", entry: Entry, step: "DescendantStep", network: JointNetwork) -> None:
    """Write a joint network; the slots are described in :func:`argen.tl.argen_joint`."""
    genes, at = step.screen.genes, np.nonzero(network.selected)
    adata.varp[entry.key] = on_genes(adata, genes, *at, network.coef[at])
    write_places(adata, entry.key, genes, network.order, network.layer)
    write_entry(adata, entry)


def _edges(genes: list[str], network: JointNetwork, prior: pd.DataFrame) -> pd.DataFrame:
    """All pairs that the search or a test says anything for, the weakest evidence first."""
    likely = np.nan_to_num(network.inclusion) >= LEAST_INCLUSION
    likely |= network.agreement.hinging
    source, target = np.nonzero(likely | (np.nan_to_num(network.p, nan=1.0) <= LARGEST_P) | network.selected)
    at = (source, target)
    strength = np.argsort(np.abs(np.nan_to_num(network.z[at])), kind="stable")
    source, target = source[strength], target[strength]
    at = (source, target)
    required = set(map(tuple, prior.loc[prior["rule"] == "required", ["source", "target"]].to_numpy()))
    columns = {name: getattr(network, name)[at] for name in ("coef", "se", "z", "p", "padj", "inclusion", "selected")}
    return pd.DataFrame(
        {
            "source": categorical(source, genes),
            "target": categorical(target, genes),
            **columns,
            "reverse_residual": network.residual[target, source],
            "required": np.array([(genes[s], genes[t]) in required for s, t in zip(*at, strict=True)], dtype=bool),
            "flags": pd.Categorical(
                _flags(network.loop[at], (network.agreement.unstable | network.agreement.hinging)[at])
            ),
        }
    )


def _flags(loop: np.ndarray, unstable: np.ndarray) -> np.ndarray:
    both = f"{LOOP}; {UNSTABLE}"
    return np.select([loop & unstable, loop, unstable], [both, LOOP, UNSTABLE], "").astype(object)


def _strengths(genes: list[str], network: JointNetwork) -> pd.DataFrame:
    """What each perturbation does to its own gene, and the shifts of its row and of its gene's column."""
    return pd.DataFrame(
        {
            "perturbation": genes,
            "instrument": network.instrument,
            "tau": network.tau,
            "tau_se": network.tau_se,
            "row_shift": network.row_shift,
            "column_shift": network.column_shift,
            "column_offset": network.column_offset,
        }
    )


def _fit(genes: list[str], table: EffectTable, network: JointNetwork) -> pd.DataFrame:
    """Total effects as they were observed and as the network has them, own genes included."""
    source, target = np.nonzero(np.isfinite(network.residual))
    at = (source, target)
    observed = np.log((table.S[at] + 0.5) / (table.E[at] + 0.5))
    return pd.DataFrame(
        {
            "source": categorical(source, genes),
            "target": categorical(target, genes),
            "observed": observed,
            "predicted": network.predicted[at],
            "residual": network.residual[at],
        }
    )


def _search(network: JointNetwork) -> pd.DataFrame:
    """One row about the search as a whole."""
    return pd.DataFrame(
        {
            "n_edges": [int(network.selected.sum())],
            "expected_false": [network.expected_false],
            "jaccard": [network.agreement.jaccard],
            "largest_difference": [network.agreement.largest_difference],
            "misfit": [network.misfit],
            "tail": [network.tail],
            "heavy_tailed": [bool(network.is_heavy_tailed)],
            "sigma": [network.sigma],
        }
    )

"""Digests that tell what a result was made from."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from argen._core.results import DescendantTests, Relation
from argen._core.screen import Screen

__all__ = ["digest_of", "digest_of_network", "fingerprint", "provenance"]

_VERSIONED = ("argen", "anndata", "numpy", "scipy", "numba", "pandas")


def fingerprint(screen: Screen, cell_names: pd.Index) -> str:
    """Digest of everything that the arithmetic sees: cells, genes, counts, targets, depth, covariates.

    It does not depend on the order of the cells, nor on the last bits of numbers that were standardised elsewhere.
    """
    hashes = pd.util.hash_array(cell_names[screen.cell].astype(str).to_numpy(dtype=object))
    order = np.argsort(hashes, kind="stable")
    design, stratum = screen.design, screen.stratum
    # A sum of (hash of the cell) × (count) per gene, modulo 2⁶⁴: no order, no copy of the counts.
    products = np.append(hashes[screen.indices] * screen.data.astype(np.uint64), np.uint64(0))
    sums = np.add.reduceat(products, screen.indptr[:-1])
    sums[np.diff(screen.indptr) == 0] = 0
    columns = (
        screen.group,
        design.stratum_level[stratum],
        design.stratum_dummies[stratum],
        design.depth,
        design.numeric,
    )
    digest = hashlib.sha256("\n".join(screen.genes).encode())
    for array in (sums, hashes[order], *(np.asarray(column, dtype=np.float32)[order] for column in columns)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def digest_of(tests: DescendantTests, relation: Relation) -> str:
    """Digest of a descendant step's numbers: two steps on the same data may differ in their options."""
    digest = hashlib.sha256()
    for array in (np.nan_to_num(tests.effect), np.nan_to_num(tests.se), np.nan_to_num(tests.z), relation.descendant):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def digest_of_network(result: Mapping[str, Any]) -> str:
    """Digest of a stored network: order, candidates, their effects and which were selected."""
    edges = result["edges"]
    digest = hashlib.sha256("\n".join(str(gene) for gene in result["order"]).encode())
    for end in ("source", "target"):
        digest.update("\n".join(edges[end].astype(str)).encode())
    for name in ("coef", "se", "selected"):
        digest.update(np.nan_to_num(edges[name].to_numpy(dtype=np.float64)).tobytes())
    return digest.hexdigest()


def provenance(screen: Screen, cell_names: pd.Index) -> dict[str, str]:
    """Versions that made a result and the fingerprint of what it was made from."""
    from importlib.metadata import version

    return {**{f"{name}_version": version(name) for name in _VERSIONED}, "fingerprint": fingerprint(screen, cell_names)}

"""Digest that tells what data a result was made from."""

import hashlib

import numpy as np
import pandas as pd

from argen._core.screen import Screen

__all__ = ["fingerprint"]


def fingerprint(screen: Screen, cell_names: pd.Index) -> str:
    """Digest of everything that the arithmetic sees: cells, genes, counts, perturbations, depth, covariates.

    It does not depend on the order of the cells, nor on the last bits of numbers that were standardised elsewhere.
    """
    hashes = pd.util.hash_array(cell_names[screen.cell].astype(str).to_numpy(dtype=object))
    order = np.argsort(hashes, kind="stable")
    design, stratum = screen.design, screen.stratum
    # A sum of (hash of the cell) × (count) per gene, modulo 2⁶⁴: no order, no copy of the counts.
    sums = screen.counts.hashed(hashes)
    columns = (
        screen.group,
        design.stratum_level[stratum],
        design.stratum_dummies[stratum],
        design.depth,
        design.numeric.T,
    )
    digest = hashlib.sha256("\n".join(screen.genes).encode())
    for array in (sums, hashes[order], *(np.asarray(column, dtype=np.float32)[order] for column in columns)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

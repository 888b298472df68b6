"""What the truth of a simulated screen implies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argen._core.simulate import total_effects

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData

__all__ = ["true_total_effects"]


def true_total_effects(adata: AnnData) -> np.ndarray:
    """True log fold change of every gene (column) when a gene (row) is perturbed."""
    return total_effects(adata.varp["truth"], adata.var["knockdown"].to_numpy())

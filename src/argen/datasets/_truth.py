"""What the truth of a simulated screen implies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from argen._bridge.results.entries import read_entry
from argen._core.simulate import total_effects
from argen.errors import MissingResultError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

__all__ = ["true_total_effects"]


def true_total_effects(data: AnnData | MuData) -> pd.DataFrame:
    """Compute the true total effects of a simulated screen.

    :math:`τ^*_{jk} = τ_j [(I − Θ)^{-1}]_{jk}`, with Θ the direct effects (row = parent, column = child) among
    all genes that were simulated, so paths through omitted genes count. τ_j is the knock-down by a guide of
    efficacy 1; off-targets do not count.

    Parameters
    ----------
    data
        What :func:`argen.datasets.simulate` returned, or a part of it.

    Returns
    -------
    Natural log fold changes of the genes in `data` (columns) when a gene of `data` is perturbed (rows); the diagonal
    holds the knock-downs.

    Raises
    ------
    argen.errors.MissingResultError
        If `data` was not simulated.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2", rng=1)
    >>> round(float(ag.datasets.true_total_effects(adata).loc["X7", "X2"]), 2)  # −5 × (−.5 − .5 × .5)
    3.75
    """
    import pandas as pd

    adata = data["rna"] if hasattr(data, "mod") else data
    if "simulation" not in adata.uns:
        msg = "uns['simulation'] is missing: only what argen.datasets.simulate returned has a known truth."
        raise MissingResultError(msg)
    truth = read_entry(adata, "simulation", "simulation").tables
    genes = pd.Index(truth["genes"]["gene"])
    rows, columns = genes.get_indexer(truth["edges"]["parent"]), genes.get_indexer(truth["edges"]["child"])
    theta = sparse.csr_matrix((truth["edges"]["coef"].to_numpy(), (rows, columns)), shape=(genes.size, genes.size))
    effects = total_effects(theta, truth["genes"]["knockdown"].to_numpy())
    here = genes.isin(adata.var_names)
    perturbed = here & truth["genes"]["perturbed"].to_numpy(dtype=bool)
    table = pd.DataFrame(effects[np.ix_(perturbed, here)], index=genes[perturbed], columns=genes[here])
    return table.rename_axis(index="source", columns="target")

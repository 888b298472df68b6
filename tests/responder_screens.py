"""A screen with a network of three genes and a responder below the last of them, analysed."""

from functools import cache

from anndata import AnnData
from toy import KWARGS, toy

import argen as ag

N_OTHERS = 60  # so many that the depth is not composed of the effects


@cache
def analysed() -> AnnData:
    """A → B → C → D, where nobody perturbs D; copy it before it is changed."""
    adata = toy(n_others=N_OTHERS)
    adata.obs["gene"] = adata.obs["gene"].where(adata.obs["gene"] != "D", "unassigned")
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_responders(adata)
    return adata

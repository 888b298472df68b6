"""Screens with responders, analysed: three genes with one below the last of them, and a simulated one with many."""

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


@cache
def simulated() -> AnnData:
    """Eight perturbed genes above eighty that are not; most pairs are no edge. Copy it before it is changed."""
    adata = ag.datasets.simulate(
        genes=8, responders=80, n_controls=1500, cells_per_perturbation=120, intercept=(0.5, 2.0), rng=5,
        edge_effect=(0.4, 0.9), knockdown=(-2.0, -1.0),
    )  # fmt: skip
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    ag.tl.argen_responders(adata)
    return adata

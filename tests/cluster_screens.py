"""A screen with several blocks of genes, and what the log says of them."""

import re

from toy import KWARGS, toy

import argen as ag

GENES = tuple(f"G{i:02}" for i in range(20))


def screen(seed=0):
    return toy(seed=seed, genes=GENES, n_per_target=20, n_control=100, n_others=4)


def with_responders():
    """A chain of eight genes, the last two of which nobody perturbs: there are edges among nodes, and to responders."""
    adata = toy(genes=GENES[:8], n_control=300, n_others=9)
    adata.obs["gene"] = adata.obs["gene"].where(~adata.obs["gene"].isin(GENES[6:8]), "unassigned")
    return adata


def equations(adata=None, *, covariance="murphy-topel", **how):
    """Network and responders with all that is made of equations."""
    adata, first_stage = with_responders() if adata is None else adata, how.pop("first_stage", "shrunk")
    network = {"first_stage": first_stage, "covariance": covariance, "robust": True, "responders": "all"}
    ag.tl.argen_dag(adata, **KWARGS | network | how)
    ag.tl.argen_responders(adata, first_stage=first_stage, robust=True, **how)
    return adata


def analysed(adata=None, **how):
    adata = screen() if adata is None else adata
    ag.tl.argen_descendants(adata, **KWARGS | how)
    return adata


def blocks(text):
    """Blocks that were read and computed, as the log has them."""
    counts = re.findall(r"checkpoint: (\d+) blocks? read, (\d+) computed", text)
    return tuple(sum(map(int, column)) for column in zip(*counts, strict=True))

"""A screen with several blocks of genes, and what the log says of them."""

import re

from toy import KWARGS, toy

import argen as ag

GENES = tuple(f"G{i:02}" for i in range(20))


def screen(seed=0):
    return toy(seed=seed, genes=GENES, n_per_target=20, n_control=100, n_others=4)


def analysed(adata=None, **how):
    adata = screen() if adata is None else adata
    ag.tl.argen_descendants(adata, **KWARGS | how)
    return adata


def blocks(text):
    """Blocks that were read and computed, as the log has them."""
    counts = re.findall(r"checkpoint: (\d+) blocks? read, (\d+) computed", text)
    return tuple(sum(map(int, column)) for column in zip(*counts, strict=True))

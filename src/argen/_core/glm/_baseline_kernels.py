"""The baseline of a reduced form as moment tables: made from the cells, and followed when instruments leave or join."""

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._moment_kernels import add_cells, empty_tables
from argen._core.glm._segment_kernels import cells_between, shift_weights, weight_components

__all__ = ["change_baseline", "instrument_sums", "tabulate_baseline"]


@kernel
def tabulate_baseline(y, design, mono, row, gamma):
    """Moment tables, at γ, of the cells of all groups that are no instruments."""
    tables, w = empty_tables(design, mono, gamma), np.empty(len(y))
    for j in range(len(row)):
        if row[j] < 0:
            add_group(y, design, mono, j, 1.0, w, tables)
    return tables


@kernel
def change_baseline(y, design, mono, row, before, tables):
    """Add the instruments of `before` that are none in `row` to the tables, and take out those that are new.

    Both hold the row of each group among the instruments, −1 for the baseline; shape (p + 1,).
    """
    w = np.empty(len(y))
    for j in range(len(row)):
        if row[j] < 0 and before[j] >= 0:
            add_group(y, design, mono, j, 1.0, w, tables)
        elif row[j] >= 0 and before[j] < 0:
            add_group(y, design, mono, j, -1.0, w, tables)


@kernel
def add_group(y, design, mono, j, sign, w, tables):
    """Add the cells of group j to the tables, or take them out (`sign` −1); `w` gets their weights."""
    first, last = design.group_seg[j], design.group_seg[j + 1]
    weights_of_group(design, j, tables.gamma, w)
    add_cells(y, w, np.empty(0), design, mono, first, last, sign, tables)


@kernel
def weights_of_group(design, j, gamma, w):
    """W = ℓ exp(m'γ) of the cells of group j."""
    lo, hi = design.seg_start[design.group_seg[j]], design.seg_start[design.group_seg[j + 1]]
    for i in cells_between(lo, hi):
        w[i] = design.depth[i]
    shift_weights(design.numeric, design.numeric_bound, lo, hi, gamma, w)


@kernel
def instrument_sums(design, row, gamma, w, sums):
    """Weights at γ of the cells of the instruments, and components of their segments."""
    for j in range(len(row)):
        if row[j] >= 0:
            weights_of_group(design, j, gamma, w)
            weight_components(design.numeric, design.seg_start, design.group_seg[j], design.group_seg[j + 1], w, sums)

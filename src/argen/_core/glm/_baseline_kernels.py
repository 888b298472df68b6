"""The baseline of a reduced form as moment tables: made from the cells, and followed when instruments leave or join."""

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._linear_kernels import copy_to
from argen._core.glm._moment_kernels import add_cells, empty_tables
from argen._core.glm._segment_kernels import shift_weights, weight_components

__all__ = ["move_to_baseline", "tabulate_baseline", "take_from_baseline"]


@kernel
def tabulate_baseline(y, design, mono, row, gamma, w, sums):
    """Weights of all cells at γ, components of the instrument groups, moment tables of all other cells."""
    copy_to(design.depth, w)
    shift_weights(design.numeric, design.numeric_bound, 0, len(w), gamma, w)
    tables, ones = empty_tables(design, mono, gamma), np.ones(len(w))
    for j in range(len(row)):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        if row[j] >= 0:
            weight_components(design.numeric, design.seg_start, first, last, w, sums)
        else:
            add_cells(y, w, ones, design, mono, first, last, 1.0, tables)
    return tables


@kernel
def move_to_baseline(y, design, mono, j, gamma, w, ones, tables):
    """Add instrument group j, whose weights are at `gamma`, to the tables of the baseline; `ones`: (n,)."""
    first, last = design.group_seg[j], design.group_seg[j + 1]
    lo, hi, shift = design.seg_start[first], design.seg_start[last], np.empty(len(gamma))
    for a in range(len(gamma)):
        shift[a] = tables.gamma[a] - gamma[a]
    shift_weights(design.numeric, design.numeric_bound, lo, hi, shift, w)
    add_cells(y, w, ones, design, mono, first, last, 1.0, tables)


@kernel
def take_from_baseline(y, design, mono, j, gamma, w, ones, sums, tables):
    """Take group j, whose weights are at the tables' γ, out of the baseline; its weights and components at `gamma`."""
    first, last = design.group_seg[j], design.group_seg[j + 1]
    lo, hi, shift = design.seg_start[first], design.seg_start[last], np.empty(len(gamma))
    add_cells(y, w, ones, design, mono, first, last, -1.0, tables)
    for a in range(len(gamma)):
        shift[a] = gamma[a] - tables.gamma[a]
    shift_weights(design.numeric, design.numeric_bound, lo, hi, shift, w)
    weight_components(design.numeric, design.seg_start, first, last, w, sums)

"""Segments as moment tables: their components at a slightly shifted γ without touching the cells again (METHOD 5.3).

For one numeric covariate m and cell weight w, Σ w e^{mΔ} m^c = Σ_e Δ^e / e! · Σ w m^{c+e} over the cells of a segment.
Newton's steps shrink so fast that after the first long one a short series serves all that are left, and one exponential
per cell and gene is enough. Several covariates are summed cell by cell: their tables hold more numbers than the few
cells of a segment.
"""

from argen._core._jit import lean_inlined, lean_kernel
from argen._core.glm._segment_kernels import any_used, cells_between, shift_weights, weight_components

__all__ = ["N_MOMENTS", "move_components", "reweight_moments", "series_reaches"]

_ORDER = 4
N_MOMENTS = 3 + _ORDER
# |Δ| max|m| up to which the first term that is left out, x^5 / 5!, is below 1e-12.
_REACH = 0.01


@lean_inlined
def series_reaches(design, shift):
    """Whether the series of :func:`move_components` is exact to 1e-12 at this shift of γ."""
    return design.numeric.shape[0] == 1 and design.numeric_bound[0] * abs(shift[0]) <= _REACH


@lean_kernel
def reweight_moments(design, used, shift, w, moments, sums):
    """W ← w · exp(m'shift) and the components of the segments, for the groups with a used segment.

    With one numeric covariate `moments`, (N_MOMENTS, n_seg), gets what :func:`move_components` needs.
    """
    start, numeric = design.seg_start, design.numeric
    for j in range(len(design.group_seg) - 1):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        if not any_used(used, first, last):
            continue
        shift_weights(numeric, design.numeric_bound, start[first], start[last], shift, w)
        if numeric.shape[0] == 1:
            segment_moments(numeric, start, first, last, w, moments, sums)
        else:
            weight_components(numeric, start, first, last, w, sums)


@lean_kernel
def segment_moments(numeric, start, first, last, w, moments, sums):
    """Moments Σ w m^e of the segments first … last-1; the first three are their components."""
    for seg in range(first, last):
        v0, v1, v2, v3, v4, v5, v6 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in cells_between(start[seg], start[seg + 1]):
            m = numeric[0, i]
            v, m2 = w[i], m * m
            vm, vm2 = v * m, v * m2
            vm4 = vm2 * m2
            v0 += v
            v1 += vm
            v2 += vm2
            v3 += vm * m2
            v4 += vm4
            v5 += vm4 * m
            v6 += vm4 * m2
        sums[seg, 0], sums[seg, 1], sums[seg, 2] = v0, v1, v2
        moments[0, seg], moments[1, seg], moments[2, seg], moments[3, seg] = v0, v1, v2, v3
        moments[4, seg], moments[5, seg], moments[6, seg] = v4, v5, v6


@lean_kernel
def move_components(design, used, moments, shift, sums):
    """Components at γ + shift of the segments of all groups with a used one, from the moments at γ."""
    d = shift[0]
    d2, d3, d4 = d * d / 2.0, d * d * d / 6.0, d * d * d * d / 24.0
    for j in range(len(design.group_seg) - 1):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        if not any_used(used, first, last):
            continue
        for c in range(3):
            for seg in range(first, last):
                near = moments[c, seg] + d * moments[c + 1, seg] + d2 * moments[c + 2, seg]
                sums[seg, c] = near + d3 * moments[c + 3, seg] + d4 * moments[c + 4, seg]

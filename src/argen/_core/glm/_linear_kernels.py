"""Small dense systems in which a coefficient may be unknown: Cholesky with skipped pivots."""

import numpy as np

from argen._core._jit import kernel, lean_inlined, lean_kernel, reassociated

__all__ = [
    "add_scaled",
    "apply",
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "copy_to",
    "dot",
    "gram",
    "largest_entry",
    "product",
    "small_inverse",
    "symmetrise",
]

_SKIP = 1e-10  # a pivot this small against its own scale: nothing is known about the coefficient


@kernel
def dot(x, y):
    """Inner product x'y."""
    return np.dot(x, y)


@kernel
def apply(A, x, out):
    """Out = Ax."""
    copy_to(np.dot(A, x), out)


@kernel
def product(A, B):
    """AB."""
    return np.dot(A, B)


@kernel
def gram(A, B):
    """A'B."""
    return np.dot(A.T, B)


@lean_inlined
def copy_to(x, out):
    """Out = x: numba's assignment of arrays brings the text of an error message for other shapes."""
    for a in range(len(x)):
        out[a] = x[a]


@lean_inlined
def add_scaled(x, factor, y):
    """X ← x + factor · y in place."""
    for a in range(len(x)):
        x[a] += factor * y[a]


@lean_inlined
def largest_entry(x):
    """Largest |x|, NaN if one is."""
    largest = 0.0
    for value in x:
        if np.isnan(value):
            return value
        largest = max(largest, abs(value))
    return largest


@lean_kernel
def symmetrise(square):
    """Copy the lower triangle to the upper one."""
    for a in range(square.shape[0]):
        for b in range(a):
            square[b, a] = square[a, b]


@reassociated
def _row_product(L, a, b, first, last):
    """Σ L[a, c] L[b, c] over the columns first … last-1."""
    total = 0.0
    for c in range(first, last):
        total += L[a, c] * L[b, c]
    return total


@lean_kernel
def cholesky(matrix, scale, L, skipped):
    """Lower Cholesky factor; a pivot below 1e-10 of `scale` is skipped (its row and column become zero).

    The zeros that a row begins with stay zero and cost nothing: without instruments no cell joins two levels.
    """
    q = matrix.shape[0]
    count = 0
    for a in range(q):
        first = 0
        while first < a and matrix[a, first] == 0.0:
            L[a, first] = 0.0
            first += 1
        for b in range(first, a):
            value = matrix[a, b] - _row_product(L, a, b, first, b)
            L[a, b] = value / L[b, b] if L[b, b] > 0.0 else 0.0
        pivot = matrix[a, a] - _row_product(L, a, a, first, a)
        skipped[a] = not pivot > _SKIP * scale[a]
        if skipped[a]:
            L[a, : a + 1] = 0.0
            count += 1
        else:
            L[a, a] = np.sqrt(pivot)
    return count


@lean_kernel
def cholesky_solve(L, x):
    """X ← (LL')⁻ x in place, zero for skipped coefficients."""
    q = len(x)
    for a in range(q):
        if L[a, a] == 0.0:
            x[a] = 0.0
            continue
        value = x[a]
        for c in range(a):
            value -= L[a, c] * x[c]
        x[a] = value / L[a, a]
    for a in range(q - 1, -1, -1):
        if L[a, a] == 0.0:
            continue
        value = x[a]
        for c in range(a + 1, q):
            value -= L[c, a] * x[c]
        x[a] = value / L[a, a]


@lean_kernel
def small_inverse(L, out):
    """(LL')⁻¹ of few rows into `out`, with zero rows and columns for skipped coefficients."""
    out[:] = 0.0
    for a in range(L.shape[0]):  # symmetric: the solutions are rows as well as columns
        out[a, a] = 1.0
        cholesky_solve(L, out[a])


@kernel
def cholesky_inverse(L):
    """(LL')⁻¹ with zero rows and columns for skipped coefficients."""
    q = L.shape[0]
    half = np.zeros((q, q))  # L⁻¹, by rows
    for a in range(q):
        if L[a, a] == 0.0:
            continue
        half[a, a] = 1.0
        for c in range(a):
            lac = L[a, c]
            if lac != 0.0:
                for b in range(c + 1):
                    half[a, b] -= lac * half[c, b]
        for b in range(a + 1):
            half[a, b] /= L[a, a]
    return gram(half, half)

"""How every kernel is compiled."""

from numba import njit

__all__ = ["kernel"]

# Without the GIL, for threads over genes; cached on disk; division by zero as in numpy, without a branch for it.
kernel = njit(nogil=True, cache=True, error_model="numpy")

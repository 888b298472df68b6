"""The sandwich covariances A⁻¹BA⁻¹ of the fits, one row each: what takes the place of the residuals in B."""

from dataclasses import dataclass

__all__ = ["HC", "Sandwich"]


@dataclass(frozen=True, slots=True)
class Sandwich:
    """One sandwich.

    Attributes
    ----------
    name
        As an argument.
    code
        What the kernels call it.
    normal
        Whether the test of a total effect refers to the normal law, as the paper's does; else to Student's t.
    hc3
        Whether residuals are divided by 1 − leverage.
    of_edges
        Whether the edges can have it, too.
    """

    name: str
    code: int
    normal: bool = False
    hc3: bool = False
    of_edges: bool = False


_ROWS = (
    Sandwich("HC0", 0, normal=True, of_edges=True),
    Sandwich("HC1", 1),  # times n / (n − k)
    Sandwich("HC3", 3, hc3=True, of_edges=True),
)
HC = {row.name: row for row in _ROWS}

"""The guide callers, one row each; a new one is a module of its own and a row here."""

from collections.abc import Callable
from dataclasses import dataclass

from scipy import sparse

from .by_count import call_gaussian, call_poisson_gauss
from .calls import CallOptions, GuideCalls
from .maximum import call_maximum
from .mixture import call_mixture
from .threshold import call_threshold

__all__ = ["CALLERS", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """One way to know the guides of a cell.

    Attributes
    ----------
    name
        As the argument `method`.
    call
        From counts to calls; None where somebody else has called, and labels are read.
    uses
        Arguments of :func:`argen.pp.argen_guides` that have a part in it, in the order in which they are recorded.
    """

    name: str
    call: Callable[[sparse.csr_array, CallOptions], GuideCalls] | None
    uses: tuple[str, ...] = ()


_ROWS = (  # the first of those that call from counts is the usual one
    Caller("mixture", call_mixture, ("min_umi", "probability", "dispersion", "batch", "guide_depth")),
    Caller("gaussian", call_gaussian, ("min_umi", "probability")),
    Caller("poisson_gauss", call_poisson_gauss, ("min_umi", "probability")),
    Caller("threshold", call_threshold, ("min_umi",)),
    Caller("max", call_maximum, ("min_umi", "min_fraction")),
    Caller("labels", None),
)
CALLERS = {row.name: row for row in _ROWS}

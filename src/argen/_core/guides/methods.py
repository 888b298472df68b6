"""The methods that call guides from counts, by name; a new one is a module of its own and a line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from scipy import sparse

from .by_count import call_gaussian, call_poisson_gauss
from .calls import CallOptions, GuideCalls
from .maximum import call_maximum
from .mixture import call_mixture
from .threshold import call_threshold

__all__ = ["METHODS"]

METHODS: Mapping[str, Callable[[sparse.csr_array, CallOptions], GuideCalls]] = MappingProxyType(
    {
        "mixture": call_mixture,
        "gaussian": call_gaussian,
        "poisson_gauss": call_poisson_gauss,
        "threshold": call_threshold,
        "max": call_maximum,
    }
)

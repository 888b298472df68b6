"""The methods that call guides from counts, by name; a new one is a module of its own and a line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from scipy import sparse

from .calls import CallOptions, GuideCalls
from .maximum import call_maximum

__all__ = ["METHODS"]

METHODS: Mapping[str, Callable[[sparse.csr_array, CallOptions], GuideCalls]] = MappingProxyType({"max": call_maximum})

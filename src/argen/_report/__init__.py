"""One page about a network, for a reviewer."""

from ._report import report

__all__ = ["report"]

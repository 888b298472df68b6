"""One page about a network, for a reviewer."""

from ._report import check_path, report

__all__ = ["check_path", "report"]

"""The end of every public plot: show the figure, or hand out what was drawn."""

import sys
from typing import TypeVar

import matplotlib.pyplot as plt

__all__ = ["finish"]

Drawn = TypeVar("Drawn")


def finish(drawn: Drawn, show: bool | None) -> Drawn | None:  # noqa: FBT001
    """Show all figures and return `None` if `show` says so (by default scanpy's setting), else return `drawn`."""
    if _shows_by_default() if show is None else show:
        plt.show()
        return None
    return drawn


def _shows_by_default() -> bool:
    """Scanpy's setting, which is True where nobody has loaded scanpy to change it."""
    scanpy = sys.modules.get("scanpy")
    return True if scanpy is None else scanpy.settings.autoshow

"""The end of every public plot: show the figure, or hand out what was drawn."""

from typing import TypeVar

import matplotlib.pyplot as plt

__all__ = ["finish"]

Drawn = TypeVar("Drawn")


def finish(drawn: Drawn, show: bool | None) -> Drawn | None:  # noqa: FBT001
    """Show all figures and return `None` if `show` says so (by default scanpy's setting), else return `drawn`."""
    import scanpy as sc  # slow to import, and only its setting is needed

    if sc.settings.autoshow if show is None else show:
        plt.show()
        return None
    return drawn

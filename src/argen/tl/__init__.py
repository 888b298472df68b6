"""Tools: what argen computes."""

from ._dag import argen_dag
from ._descendants import argen_descendants

__all__ = ["argen_dag", "argen_descendants"]

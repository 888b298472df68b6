"""Tools: what argen computes."""

from ._dag import argen_dag
from ._descendants import argen_descendants
from ._external import external_dag
from ._inspre import inspre
from ._naive import argen_naive

__all__ = ["argen_dag", "argen_descendants", "argen_naive", "external_dag", "inspre"]

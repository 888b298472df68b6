"""Other methods, to compare with; `argen.tl` has their functions too."""

from ._external.external import external_dag
from ._inspre.inspre import inspre
from ._naive.naive import argen_naive

__all__ = ["argen_naive", "external_dag", "inspre"]

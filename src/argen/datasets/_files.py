"""Where the files of public data are, and how they are read."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.mudatas import columns_stay
from argen.errors import MissingDataError

if TYPE_CHECKING:
    import h5py
    from anndata import AnnData
    from mudata import MuData

__all__ = ["find_file", "read_screen"]

PACKAGED = Path(__file__).parent / "files"
REPOSITORY = Path(__file__).parents[3] / "tests" / "data" / "screens"  # there if argen runs from a clone


def find_file(name: str, source: str) -> Path:
    """Path of a file in the package, else in the repository; `source` is where else its data are."""
    for folder in (PACKAGED, REPOSITORY):
        if (folder / name).is_file():
            return folder / name
    msg = (
        f"{name} is too large for the installed package and comes with a clone of argen's repository only: clone it "
        f"and install from there (pip install -e .), or take the data from their source, {source}."
    )
    raise MissingDataError(msg)


def read_screen(name: str, source: str) -> "AnnData | MuData":
    """Read an h5ad or h5mu file whose counts are dense in small integers; they become CSR of int32."""
    return _read(find_file(name, source))


def _read(path: Path) -> "AnnData | MuData":
    import h5py
    from anndata.io import read_elem

    with h5py.File(path) as file:
        if "mod" not in file:
            return _anndata(file)
        parts = {modality: _anndata(file["mod"][modality]) for modality in file["mod"].attrs["mod-order"]}
        return _mudata(parts, read_elem(file["uns"]))


def _anndata(group: "h5py.Group") -> "AnnData":
    """Cells × genes with obs, var and uns."""
    from anndata import AnnData
    from anndata.io import read_elem
    from scipy import sparse

    counts = sparse.csr_matrix(group["X"][()].astype(np.int32))
    return AnnData(counts, **{slot: read_elem(group[slot]) for slot in ("obs", "var", "uns")})


def _mudata(parts: "dict[str, AnnData]", uns: dict) -> "MuData":
    import mudata

    with columns_stay():
        mdata = mudata.MuData(parts)
    mdata.uns.update(uns)
    return mdata

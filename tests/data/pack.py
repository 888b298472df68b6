"""Pack an h5ad or h5mu file as small as h5py can: ``python tests/data/pack.py screen.h5mu packed.h5mu``.

The result is a valid file of the same format. Counts are dense, gene by gene, in the smallest unsigned integers, which
compresses better than sparse indices do; strings have a fixed length, since HDF5 compresses no others; tables keep
their types. The tables over all modalities of an h5mu file lose their columns, which are those of the modalities.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
from scipy import sparse

SMALL = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
USERBLOCK = 512  # by which mudata knows its files


def packed_counts(group: h5py.Group) -> np.ndarray:
    """Cells × genes of a CSR matrix, in the smallest type."""
    parts = tuple(group[name][()] for name in ("data", "indices", "indptr"))
    dense = sparse.csr_matrix(parts, shape=tuple(group.attrs["shape"])).toarray()
    return dense.astype(np.min_scalar_type(int(dense.max())))


def packed_strings(values: np.ndarray) -> np.ndarray:
    """Texts of a fixed length in bytes."""
    encoded = np.char.encode(values.astype(str), "utf-8") if values.size else np.zeros(values.shape, "S1")
    return encoded.astype(h5py.string_dtype("utf-8", max(encoded.dtype.itemsize, 1)))


def write(target: h5py.Group, name: str, values: np.ndarray, attrs: dict, chunks: tuple | None = None) -> None:
    target.create_dataset(name, data=values, chunks=chunks or values.shape, **SMALL).attrs.update(attrs)


def pack_dataset(source: h5py.Dataset, target: h5py.Group, name: str) -> None:
    if not source.shape:
        source.parent.copy(source, target, name)
    elif h5py.check_string_dtype(source.dtype):
        write(target, name, packed_strings(source.asstr()[()]), dict(source.attrs))
    else:
        write(target, name, source[()], dict(source.attrs))


def pack_part(part: h5py.Group | h5py.Dataset, target: h5py.Group, name: str) -> None:
    """Copy one entry, and everything below it, in its small form."""
    kind = part.attrs.get("encoding-type", "")
    if kind == "csr_matrix":
        counts = packed_counts(part)
        write(target, name, counts, {"encoding-type": "array", "encoding-version": "0.2.0"}, (len(counts), 1))
    elif kind == "nullable-string-array":  # anndata before 0.12 cannot read it
        pack_part(part["values"], target, name)
    elif isinstance(part, h5py.Dataset):
        pack_dataset(part, target, name)
    else:
        pack_group(part, target.create_group(name))


def pack_group(source: h5py.Group, target: h5py.Group, names: list[str] | None = None) -> None:
    """Copy the entries `names` of a group; default all."""
    target.attrs.update(source.attrs)
    for name in source if names is None else names:
        pack_part(source[name], target, name)


def pack(source_path: Path, target_path: Path) -> None:
    is_mudata = source_path.suffix == ".h5mu"
    with h5py.File(source_path) as source, h5py.File(target_path, "w", userblock_size=USERBLOCK * is_mudata) as target:
        pack_group(source, target, [name for name in source if not (is_mudata and name == "obs")])
        if is_mudata:
            pack_group(source["obs"], target.create_group("obs"), [source["obs"].attrs["_index"]])
            target["obs"].attrs["column-order"] = np.array([], dtype=float)
    if is_mudata:
        with source_path.open("rb") as source, target_path.open("r+b") as target:
            target.write(source.read(USERBLOCK))


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))

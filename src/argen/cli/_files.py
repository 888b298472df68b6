"""Counts from the file, or the data set of argen, that a user names."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argen._bridge import log
from argen.cli._arguments import DATA_SETS
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["check_out", "one_line", "read_file"]


def check_out(out: Path, names: Iterable[str]) -> None:
    """Raise :class:`~argen.errors.InputError` if files of these names cannot be written there; nothing is made yet."""
    from argen._bridge.files import check_folder

    check_folder(out, "--out", parents=True)
    if taken := [str(out / name) for name in names if (out / name).is_dir()]:
        msg = f"--out {out}: {', '.join(taken)} would be written, and is a folder. Name another --out, or remove it."
        raise InputError(msg)


def read_file(path: Path) -> "AnnData | MuData":
    """Read it, with a line in the log."""
    reader = _data_set if str(path) in DATA_SETS else partial(_read, reader=_reader(path))
    start = log.info(f"reading {path}")
    data = reader(path)
    log.info(f"    {data.n_obs} cells", time=start)
    return data


def _data_set(path: Path) -> "AnnData | MuData":
    from argen import datasets

    return getattr(datasets, str(path))()


def _read(path: Path, reader: Callable[[Path], Any]) -> Any:
    if not path.is_file():
        msg = f"{path}: there is no such file."
        raise InputError(msg)
    try:
        return reader(path)
    except Exception as error:  # the readers of these formats raise errors of any type
        msg = f"{path} cannot be read as {path.suffix}: {one_line(error)}"
        raise InputError(msg) from error


def _reader(path: Path) -> "Callable[[Path], AnnData | MuData]":
    if path.suffix == ".h5ad":
        from anndata import read_h5ad

        return read_h5ad
    if path.suffix == ".h5mu":
        return _read_h5mu
    msg = f"{path}: the name of the file has to end in .h5ad or .h5mu."
    raise InputError(msg)


def _read_h5mu(path: Path) -> "MuData":
    from mudata import read_h5mu

    from argen._bridge.mudatas import columns_stay

    with columns_stay():
        return read_h5mu(path)


def one_line(message: object) -> str:
    """A message without its line breaks."""
    return " ".join(str(message).split())

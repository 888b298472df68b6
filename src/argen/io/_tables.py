"""Tables as CSV, TSV and Parquet."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.diagnostics.power import with_responder_mde
from argen._bridge.files import check_folder, check_path, replaced
from argen._bridge.modality import takes_mudata
from argen._bridge.runtime import warn_user
from argen._bridge.validate import check_option
from argen.errors import InputError
from argen.get._opened import OpenedNetwork
from argen.get._responders import edges_to_responders, responder_pairs_of

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["check_parquet", "write_table", "write_tables"]

FORMATS = ("csv", "tsv", "parquet")
_INSTALL = 'Parquet needs pyarrow: pip install "argen[parquet]"'


def write_table(table: pd.DataFrame, path: str | Path) -> Path:
    """Write a table of :mod:`argen.get`, all digits of its numbers included.

    Categories are written as text. CSV and TSV: numbers with the digits that give the same number when they are read
    (before pandas 3.1 with ``read_csv(path, float_precision="round_trip")``), missing ones empty, infinite ones
    ``inf``, truth values ``True`` and ``False``. Parquet keeps the types as well, and tells an empty text from a
    missing one.

    Parameters
    ----------
    table
        Any table; its index is written only if it has a name.
    path
        File to write, ending in ``.csv``, ``.tsv`` or ``.parquet``, which says how; one that is there is replaced, once
        the new one is complete.

    Returns
    -------
    The path of the file.

    Raises
    ------
    ImportError
        Parquet without pyarrow; a note says how to get it.
    argen.errors.InputError
        `table` is no table; `path` has another ending, is a folder, or is in a folder that is not there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import argen as ag
    >>> import pandas as pd
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = ag.io.write_table(ag.get.edges(adata), Path(folder) / "edges.csv")
    ...     edges = pd.read_csv(path, converters={"coef": float})
    >>> edges["coef"].equals(ag.get.edges(adata)["coef"])
    True
    """
    if not isinstance(table, pd.DataFrame):
        msg = f"table is a {type(table).__name__}: give a table, such as ag.get.edges(adata)."
        raise InputError(msg)
    path = check_path(path, tuple(f".{name}" for name in FORMATS), "edges.csv")
    with replaced(path) as temporary:
        _write(table, temporary)
    return path


@takes_mudata
def write_tables(
    adata: "AnnData | MuData",
    folder: str | Path,
    *,
    key: str = "argen_dag",
    format: Literal["csv", "tsv", "parquet"] = "csv",
    responders: bool | str = False,
    gene_symbols: str | None = None,
) -> list[Path]:
    """Write the tables of a network into a folder, all of them or none.

    ``edges`` (:func:`argen.get.edges`), ``candidates`` (the same with every edge that was tested), ``nodes`` (the genes
    with the attributes of :func:`argen.get.graph`) and, if the descendant step that the network was made from is still
    there, ``perturbations`` (:func:`argen.get.perturbations`) and ``pairs`` (:func:`argen.get.pairs`). See
    :func:`write_table` for how.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    folder
        Folder for ``edges.csv`` and so on; made if it is missing. Files of these names are replaced, others stay.
    key
        Name of the network.
    format
        ``"csv"``, ``"tsv"`` or ``"parquet"``, which is the ending of the files too.
    responders
        Also ``responders``, the selected edges to genes that are no nodes (:func:`argen.get.responders`),
        ``responder_candidates`` (the same with ``selected=False``: every candidate, and the possible mediators), and
        ``responder_pairs``, the total effects outside the network's own family of tests (those of
        :func:`argen.get.pairs` with the kind ``"responder"``): ``True``, or the name of the result of
        :func:`argen.tl.argen_responders`.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The paths of the files.

    Raises
    ------
    ImportError
        Parquet without pyarrow; a note says how to get it.
    argen.errors.MissingResultError
        No network under `key`.
    argen.errors.InputError
        Unknown `format`; `folder` is a file, or in a folder that is not there.

    Examples
    --------
    >>> import tempfile
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in ag.io.write_tables(adata, folder)]
    ['edges.csv', 'candidates.csv', 'nodes.csv', 'perturbations.csv', 'pairs.csv']
    """
    folder = check_folder(folder)
    check_option("format", format, FORMATS)
    if format == "parquet":
        check_parquet()
    tables = _tables(adata, key, responders, gene_symbols)
    paths = {name: folder / f"{name}.{format}" for name in tables}
    if taken := [str(path) for path in paths.values() if path.is_dir()]:
        msg = f"folder={str(folder)!r}: {', '.join(taken)} would be written, and is a folder. Remove it."
        raise InputError(msg)
    folder.mkdir(exist_ok=True)
    with ExitStack() as files:  # nothing is replaced before all are written
        temporary = {name: files.enter_context(replaced(path)) for name, path in paths.items()}
        for name, table in tables.items():
            _write(table, temporary[name])
    return list(paths.values())


def _tables(
    adata: "AnnData",
    key: str,
    responders: object,
    gene_symbols: str | None,
) -> dict[str, pd.DataFrame]:
    network = OpenedNetwork(adata, key, gene_symbols=gene_symbols)
    tables = {"edges": network.edges, "candidates": network.candidates, "nodes": network.genes}
    if responders is not False:
        found = edges_to_responders(adata, network.names, network.entry, responders, selected=False)
        found = with_responder_mde(found, network.power)
        tables["responders"] = found[found["selected"]].reset_index(drop=True)
        tables["responder_candidates"] = found
    if network.step is None:
        if network.entry.settings["descendants"]:  # a network that was read has none
            warn_user(
                f"perturbations and pairs are not written: the descendant step that {key!r} was made from is gone."
            )
        return tables
    if network.entry.settings["method"] == "joint":
        from argen import get

        tables |= {"fit": get.fit(adata, key=key, gene_symbols=gene_symbols)}
    tables |= {"perturbations": network.perturbations, "pairs": network.pairs}
    if responders is not False:
        tables["responder_pairs"] = responder_pairs_of(adata, network.names, network.step, network.power)
    return tables


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write to a path, by its ending."""
    categories = table.select_dtypes("category").columns
    table = table.astype(dict.fromkeys(categories, object))
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    if path.suffix.lower() == ".parquet":
        check_parquet()
        table.to_parquet(path, engine="pyarrow", index=False)
    else:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        table.to_csv(path, sep=separator, index=False, encoding="utf-8", lineterminator="\n")


def check_parquet() -> None:
    """Raise an ImportError with a note that names the extra unless pyarrow is installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        error.add_note(_INSTALL)
        raise

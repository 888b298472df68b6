"""Entries of ``uns``: what argen writes there says what it is, what it was made from, and how.

``uns[key]`` holds ``kind`` (one of :data:`KINDS`), ``id`` (digest of its content, taken once), ``made_from`` (ids of
the data and of other entries), ``schema_version``, ``settings``, ``tables`` and ``versions``. Whether an entry is
current is a comparison of ids.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge.settings import plain, to_uns
from argen._bridge.storage import check_takes_results
from argen._bridge.validate import check_anndata
from argen.errors import InputError, MissingResultError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "KINDS",
    "SCHEMA_VERSION",
    "Entry",
    "check_free",
    "entries",
    "find_entry",
    "function_of",
    "is_entry",
    "is_leftover",
    "maker_of_name",
    "new_entry",
    "read_entry",
    "write_entry",
]

SCHEMA_VERSION = 2

_VERSIONED = ("argen", "anndata", "numpy", "scipy", "numba", "pandas", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Kind:
    """What an entry may be: in words, the function that writes it, and the tables that it always has."""

    words: str
    function: str
    tables: tuple[str, ...]


KINDS = {
    "guides": Kind("guide calls", "ag.pp.argen_guides", ("guides", "cells")),
    "qc": Kind("quality control", "ag.pp.argen_qc", ("rules",)),
    "descendants": Kind(
        "a descendant step",
        "ag.tl.argen_descendants",
        ("perturbations", "pairs", "genes", "dropped_pairs", "components", "cells", "covariates", "shifts", "findings"),
    ),
    "total_effects": Kind(
        "total effects on responders",
        "ag.tl.argen_descendants",
        ("genes", "perturbations", "effect", "se", "log_p", "count", "status"),
    ),
    "network": Kind("a network", "ag.tl.argen_dag", ("edges", "nodes", "order")),
    "responders": Kind("direct effects on responders", "ag.tl.argen_responders", ("edges", "genes", "nodes")),
    "check": Kind("a check of the assumptions", "ag.tl.argen_check", ("findings", "not_checked")),
    "calibration": Kind("a calibration", "ag.tl.argen_calibration", ("summary", "qq", "positive_controls")),
    "sensitivity": Kind("a sensitivity analysis", "ag.tl.argen_sensitivity", ("edges", "variations", "searches")),
    "stability": Kind("a stability analysis", "ag.tl.argen_stability", ("edges",)),
    "overidentification": Kind(
        "a comparison of guides", "ag.tl.argen_overidentification", ("perturbations", "guides", "pairs", "edges")
    ),
    "modules": Kind("modules", "ag.tl.argen_modules", ("modules", "genes")),
    "centrality": Kind("centralities", "ag.tl.argen_centrality", ("genes",)),
    "enrichment": Kind("tests of gene sets", "ag.tl.argen_enrichment", ("enrichment", "groups", "left_out")),
    "comparison": Kind(
        "a comparison of levels",
        "ag.tl.argen_compare",
        ("edges", "contrasts", "levels", "total_effects", "knockdowns", "designs", "skipped"),
    ),
    "prediction": Kind("a prediction", "ag.tl.argen_predict", ("genes", "paths", "perturbations")),
    "evidence": Kind("evidence from outside", "ag.tl.argen_evidence", ("candidates", "compared", "tests", "genes")),
    "simulation": Kind("a simulation", "ag.datasets.simulate", ("edges",)),
}
# Of networks that others than ag.tl.argen_dag make: by their method.
_MAKERS = {
    "joint": "ag.tl.argen_joint",
    "naive": "ag.tl.argen_naive",
    "inspre": "ag.tl.inspre",
    "imported": "ag.io.read_network",
    **dict.fromkeys(("pc", "ges", "gies", "notears"), "ag.tl.external_dag"),
}
_PARTS = ("id", "made_from", "settings", "tables", "versions")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``uns``.

    Attributes
    ----------
    key
        Name under which it is, or will be, stored.
    kind
        One of :data:`KINDS`.
    id
        Digest of the tables and of what they were made from.
    made_from
        Ids by name: ``"data"`` (cells, genes, counts, labels, depth, covariates), ``"descendants"``, ``"network"``,
        ``"responders"``.
    settings
        As Python's own types.
    tables
        Data frames and arrays of texts.
    versions
        Versions of the packages that made it.
    """

    key: str
    kind: str
    id: str
    made_from: Mapping[str, str]
    settings: Mapping[str, Any]
    tables: Mapping[str, Any]
    versions: Mapping[str, str]


def new_entry(
    key: str, kind: str, settings: object, tables: Mapping[str, Any], made_from: Mapping[str, str] | None = None
) -> Entry:
    """An entry that is not written yet, with its id."""
    from importlib.metadata import version

    made_from = dict(made_from or {})
    versions = {name: version(name) for name in _VERSIONED}
    return Entry(key, kind, _digest(kind, made_from, tables), made_from, plain(to_uns(settings)), tables, versions)


def function_of(entry: Entry) -> str:
    """The function that makes such an entry, of a network that of its method."""
    usual = KINDS[entry.kind].function
    return _MAKERS.get(str(entry.settings.get("method")), usual) if entry.kind == "network" else usual


def maker_of_name(key: str) -> str:
    """What writes a network under this name if it is not told otherwise; in words, if that cannot be told."""
    usual = {"argen_dag": KINDS["network"].function, "argen_joint": _MAKERS["joint"], "argen_naive": _MAKERS["naive"],
             "inspre": _MAKERS["inspre"], "external_dag": "ag.tl.external_dag"}  # fmt: skip
    return usual.get(key, "what makes it, such as ag.tl.argen_dag with key_added=,")


def write_entry(adata: "AnnData", entry: Entry) -> None:
    """Write it to ``uns[entry.key]``."""
    adata.uns[entry.key] = {
        "kind": entry.kind,
        "id": entry.id,
        "made_from": dict(entry.made_from),
        "schema_version": SCHEMA_VERSION,
        "settings": to_uns(entry.settings),
        "tables": dict(entry.tables),
        "versions": dict(entry.versions),
    }


def read_entry(adata: "AnnData", key: str, kind: str, *, function: str | None = None) -> Entry:
    """The entry ``uns[key]``, checked to be of this kind; `function` is what writes it, by default the usual one."""
    check_anndata(adata)
    function = function or KINDS[kind].function
    if key not in adata.uns:
        msg = f"adata.uns[{key!r}] is missing. Run {function} first, or name the key it wrote to."
        raise MissingResultError(msg)
    if (left := _leftover(adata.uns[key])) is not None:
        raise MissingResultError(_of_leftover(key, left, function))
    entry = find_entry(adata, key, function=function)
    if entry is None or entry.kind != kind:
        found = "something that argen did not write" if entry is None else KINDS[entry.kind].words
        msg = f"adata.uns[{key!r}] holds {found}, not a result of {function}. Name the key that it wrote to."
        raise MissingResultError(msg)
    return entry


def find_entry(adata: "AnnData", key: str, *, function: str = "its step") -> Entry | None:
    """The entry ``uns[key]``, None if there is none that argen wrote, or parts of one alone.

    `function` renews one of an older layout.
    """
    stored = adata.uns.get(key)
    version = None if _leftover(stored) is not None else _layout(stored)
    if version is None:
        return None
    if version != SCHEMA_VERSION:
        age, cure = ("a newer", "Update argen") if version > SCHEMA_VERSION else ("an older", f"Run {function} again")
        msg = f"adata.uns[{key!r}] was written by {age} argen (layout {version}, not {SCHEMA_VERSION}). {cure}."
        raise StaleResultError(msg)
    kind = str(stored.get("kind", ""))
    if kind not in KINDS:
        return None
    texts = ({str(name): str(text) for name, text in stored[part].items()} for part in ("made_from", "versions"))
    made_from, versions = texts
    return Entry(str(key), kind, str(stored["id"]), made_from, plain(stored["settings"]), stored["tables"], versions)


def entries(adata: "AnnData", kind: str | None = None) -> Iterator[Entry]:
    """All entries that this version of argen can read, or those of one kind."""
    for key, stored in adata.uns.items():
        entry = find_entry(adata, key) if _layout(stored) == SCHEMA_VERSION else None
        if entry is not None and kind in (None, entry.kind):
            yield entry


def is_leftover(adata: "AnnData", key: str) -> bool:
    """Whether ``uns[key]`` holds some parts of an entry and lacks others, as :func:`anndata.concat` leaves it."""
    return _leftover(adata.uns.get(key)) is not None


def _leftover(stored: object) -> str | None:
    """The kind of an entry that lacks parts or tables, '' where even that is gone; None for anything else.

    Of an older layout nothing is known to be missing: that it is old comes first.
    """
    if not isinstance(stored, Mapping) or not _is_argens(stored) or _layout(stored) not in (None, SCHEMA_VERSION):
        return None
    kind = str(stored.get("kind", ""))
    tables = stored.get("tables") or {}
    wanted = KINDS[kind].tables if kind in KINDS else ()
    whole = kind and all(part in stored for part in ("schema_version", *_PARTS)) and all(t in tables for t in wanted)
    return None if whole else kind if kind in KINDS else ""


def _is_argens(stored: Mapping) -> bool:
    """Whether something in an entry of ``uns`` is what argen alone writes."""
    versions = stored.get("versions")
    by_argen = isinstance(versions, Mapping) and "argen" in versions
    return by_argen or ("schema_version" in stored and str(stored.get("kind", "")) in KINDS)


def _of_leftover(key: str, kind: str, function: str) -> str:
    what = KINDS[kind].words if kind else "a result of argen"
    function = KINDS[kind].function if kind not in ("", "network") else function
    return (
        f"adata.uns[{key!r}] is what anndata.concat, or another change of uns, left of {what}: parts of it are "
        f"missing. Run {function} again, which replaces it, or del adata.uns[{key!r}]."
    )


def is_entry(stored: object) -> bool:
    """Whether argen wrote it, in whatever layout."""
    return _layout(stored) is not None and _leftover(stored) is None


def _layout(stored: object) -> int | None:
    """Version of the layout of an entry, None for what argen did not write."""
    version = stored.get("schema_version") if isinstance(stored, Mapping) else None
    return int(version) if isinstance(version, Integral) else None


# Kinds with a matrix under their name in varp, and the names that they have by default.
_WITH_MATRIX = ("descendants", "network")
_USUAL = ("argen_descendants", "argen_dag", "argen_joint", "argen_naive", "inspre", "external_dag", "imported")


def _check_matrix_free(adata: "AnnData", key: str, kind: str) -> None:
    """Raise where the matrix in ``varp``, or the columns of ``var``, of another would be lost."""
    if kind not in _WITH_MATRIX:
        return
    if key == "argen" or key.endswith("_total_effects"):
        msg = f"key_added={key!r} is a name that argen's own slots have. Choose another."
        raise InputError(msg)
    if key in adata.varp and key not in _USUAL:
        msg = (
            f"key_added={key!r}: adata.varp[{key!r}] is there without a result in adata.uns[{key!r}]: it is of another "
            f"program, or was left of a result that is gone. Choose another name, or del adata.varp[{key!r}]."
        )
        raise InputError(msg)


def check_free(adata: "AnnData", key: str, kind: str) -> None:
    """Raise unless an entry of this kind can be written: ``adata.uns[key]`` is free, or holds another of the kind."""
    check_takes_results(adata)
    if key not in adata.uns:
        _check_matrix_free(adata, key, kind)
        return
    stored = adata.uns[key]
    if _leftover(stored) is not None:
        return
    found = str(stored.get("kind", "")) if isinstance(stored, Mapping) else ""
    if (
        found != kind and (_layout(stored) or SCHEMA_VERSION) >= SCHEMA_VERSION
    ):  # an older layout is there to be renewed
        words = KINDS[found].words if found in KINDS else "something that argen did not write"
        msg = f"key_added={key!r}: adata.uns[{key!r}] holds {words}, which would be lost. Choose another name."
        raise InputError(msg)


def _digest(kind: str, made_from: Mapping[str, str], tables: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(repr((kind, sorted(made_from.items()))).encode())
    for name in sorted(tables):
        digest.update(name.encode())
        table = tables[name]
        columns = table.items() if isinstance(table, pd.DataFrame) else [("", table)]
        for column, values in columns:
            digest.update(str(column).encode())
            digest.update(_bytes_of(values))
    return digest.hexdigest()


def _bytes_of(values: Any) -> bytes:
    """Content of a column or an array: categories by their texts, numbers by their bits, one kind of NaN."""
    array = np.asarray(
        values.astype(object) if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype) else values
    )
    if array.dtype.kind in "biu":
        return array.astype(np.int64).tobytes()
    if array.dtype.kind == "f":
        return np.where(np.isnan(array), np.nan, array.astype(np.float64)).tobytes()
    return "\n".join(map(str, array.ravel().tolist())).encode()

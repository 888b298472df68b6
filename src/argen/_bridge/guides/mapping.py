"""The target of each guide, from whatever a user has: a column, a mapping, a table, a file or a pattern."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from argen._bridge.guides.names import clean_text
from argen._bridge.validate import name_some
from argen.errors import InputError

__all__ = ["TARGET_COLUMNS", "GuideTargetMap", "check_unique", "mapped_guides", "read_mapping", "texts"]

TARGET_COLUMNS = ("target", "gene_target", "target_gene", "grna_target")
_GUIDE_COLUMNS = ("guide", "guide_id", "grna", "grna_id", "sgrna", "sgrna_id")
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}

# How a user may give the targets of guides.
GuideTargetMap = str | Path | re.Pattern | Mapping | pd.Series | pd.DataFrame | None


def read_mapping(
    guide_target: GuideTargetMap, guides: list[str], var: pd.DataFrame | None, where: str
) -> tuple[list[str], list[str]]:
    """Target of each guide, empty where none is given, and the targets of a mapping that have no guide here.

    Parameters
    ----------
    guide_target
        As in :func:`argen.pp.argen_guides`.
    guides
        Names of the guides.
    var
        Table of the guides whose columns `guide_target` may name; `None` if there is none.
    where
        What that table is called in messages.
    """
    if var is not None and (guide_target is None or (isinstance(guide_target, str) and guide_target in var)):
        found = [name for name in TARGET_COLUMNS if name in var] if guide_target is None else [guide_target]
        if found:
            return texts(var[found[0]]), []
    pattern = _as_pattern(guide_target)
    if pattern is not None:
        return [_match(pattern, guide) for guide in guides], []
    if guide_target is None or (isinstance(guide_target, str) and not _is_file(guide_target)):
        raise InputError(_no_mapping(guide_target, var, where))
    series = _as_series(guide_target)
    here = series.index.isin(guides)
    if not here.any():
        msg = (
            f"guide_target names none of the guides: it holds {name_some(series.index, 3)}, "
            f"the guides are {name_some(guides, 3)}."
        )
        raise InputError(msg)
    lost = sorted(set(texts(series)) - set(texts(series[here])) - {""})
    return texts(series.reindex(guides)), lost


def mapped_guides(guide_target: GuideTargetMap) -> list[str]:
    """Names that a mapping holds; none without a mapping."""
    if guide_target is None or _as_pattern(guide_target) is not None:
        return []
    return list(_as_series(guide_target).index)


def texts(values: pd.Series) -> list[str]:
    """Values as clean texts, empty where missing."""
    codes, names = clean_text(values)
    return list(np.array([*names, ""], dtype=object)[codes])


def check_unique(names: pd.Index, what: str) -> None:
    """Raise :class:`~argen.errors.InputError` if names repeat."""
    if not names.is_unique:
        repeated = names[names.duplicated()].unique()
        msg = f"There are repeated {what}: {name_some(repeated)}. Give each its own name."
        raise InputError(msg)


def _no_mapping(guide_target: str | None, var: pd.DataFrame | None, where: str) -> str:
    if var is None:
        return (
            f"{where} has no table of guides: give guide_target=... as a dict, Series, DataFrame or CSV file from "
            "guide to target, or as a regular expression with one group, such as r'^(.+)g\\d+$'."
        )
    columns = " or ".join(TARGET_COLUMNS) if guide_target is None else guide_target
    return (
        f"{where} has no column {columns}; it has: {name_some(var.columns)}. Name the column with the target of each "
        "guide in guide_target=..., or give a mapping from guide to target (dict, Series, DataFrame or CSV file), or a "
        "regular expression with one group, such as r'^(.+)g\\d+$'."
    )


def _as_pattern(guide_target: GuideTargetMap) -> re.Pattern | None:
    """Regular expression on the name of a guide: compiled, or a text with a group."""
    if isinstance(guide_target, str) and "(" in guide_target and not _is_file(guide_target):
        try:
            guide_target = re.compile(guide_target)
        except re.error as error:
            msg = f"guide_target={guide_target!r} is no regular expression: {error}."
            raise InputError(msg) from error
    if not isinstance(guide_target, re.Pattern):
        return None
    if guide_target.groups != 1 and "target" not in guide_target.groupindex:
        msg = (
            f"guide_target={guide_target.pattern!r} has {guide_target.groups} groups: put the part of the guide's name "
            "that is its target into one group, such as r'^(.+)g\\d+$', or name it (?P<target>...)."
        )
        raise InputError(msg)
    return guide_target


def _match(pattern: re.Pattern, guide: str) -> str:
    """Target in the name of a guide, empty where the pattern finds none."""
    found = pattern.search(guide)
    return "" if found is None else (found["target" if "target" in pattern.groupindex else 1] or "").strip()


def _is_file(name: str | Path) -> bool:
    return isinstance(name, Path) or Path(name.removesuffix(".gz")).suffix.lower() in _SEPARATORS


def _as_series(guide_target: GuideTargetMap) -> pd.Series:
    """Target by guide."""
    if isinstance(guide_target, (str, Path)) and _is_file(guide_target):
        guide_target = _read_file(Path(guide_target))
    if isinstance(guide_target, pd.DataFrame):
        found = [name for name in TARGET_COLUMNS if name in guide_target]
        if not found:
            msg = (
                f"guide_target has no column {' or '.join(TARGET_COLUMNS)}; it has: {name_some(guide_target.columns)}."
            )
            raise InputError(msg)
        names = [name for name in _GUIDE_COLUMNS if name in guide_target]
        series = guide_target[found[0]]
        series = series.set_axis(guide_target[names[0]]) if names else series
    elif isinstance(guide_target, pd.Series):
        series = guide_target
    elif isinstance(guide_target, Mapping):
        series = pd.Series(dict(guide_target), dtype=object)
    else:
        msg = (
            "guide_target must be a dict, Series, DataFrame, CSV file or regular expression from guide to target, "
            f"not {guide_target!r}."
        )
        raise InputError(msg)
    series = series.set_axis(series.index.map(str))
    check_unique(series.index, "guides in guide_target")
    return series


def _read_file(path: Path) -> pd.DataFrame:
    """Table of guides; its first column names them unless another is called guide."""
    if not path.is_file():
        msg = f"{path}: there is no such file (guide_target)."
        raise InputError(msg)
    separator = _SEPARATORS.get(Path(path.name.removesuffix(".gz")).suffix.lower(), ",")
    try:
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        msg = f"{path} cannot be read as a table of guides: {error}"
        raise InputError(msg) from error
    return table if any(name in table for name in _GUIDE_COLUMNS) else table.set_index(table.columns[0])

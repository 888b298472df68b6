"""The target of each guide, from whatever a user has: a column, a mapping, a table, a file or a pattern."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from argen._bridge import log
from argen._bridge.guides.names import GuideLabel
from argen._bridge.guides.table_files import is_table_file
from argen._bridge.guides.tables import KNOWN_TARGETS, GuideTable, column_labels, read_table, target_column
from argen._bridge.validate import name_quoted
from argen.errors import InputError

__all__ = ["GuideTargetMap", "as_pattern", "check_unique", "mapped_guides", "match_target", "read_mapping"]

# How a user may give the targets of guides.
GuideTargetMap = str | Path | re.Pattern | Mapping | pd.Series | pd.DataFrame | None


def read_mapping(
    guide_target: GuideTargetMap, guides: list[str], var: pd.DataFrame | None, where: str
) -> tuple[list[GuideLabel], list[str]]:
    """What is said about each guide, and the targets of a mapping that have no guide here.

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
    pattern = as_pattern(guide_target, var)
    if pattern is not None:
        return [_as_label(match_target(pattern, guide)) for guide in guides], []
    column = _column_of(var, guide_target)
    if column is not None:
        table = column_labels(var, column, where)
    elif guide_target is None or (isinstance(guide_target, str) and not is_table_file(guide_target)):
        raise InputError(_no_mapping(guide_target, var, where))
    else:
        table = _opened(guide_target, guides)
    for note in table.notes:
        log.info(f"    {note}")
    here = [table.labels[guide] for guide in guides if guide in table.labels]
    if not here:
        msg = (
            f"guide_target names none of the guides: it holds {name_quoted(table.labels, 3) or 'nothing'}, "
            f"the guides are {name_quoted(guides, 3)}."
        )
        raise InputError(msg)
    lost = {name for label in table.labels.values() for name in label.targets}
    lost -= {name for label in here for name in label.targets}
    return [table.labels.get(guide, GuideLabel()) for guide in guides], sorted(lost)


def mapped_guides(guide_target: GuideTargetMap, among: Collection[str] | None = None) -> list[str]:
    """Names that a mapping holds, `among` which some are known to be; none without a mapping."""
    if guide_target is None or as_pattern(guide_target) is not None:
        return []
    return list(_opened(guide_target, among).labels)


def match_target(pattern: re.Pattern, guide: str) -> str:
    """Target in the name of a guide, empty where the pattern finds none."""
    found = pattern.search(guide)
    return "" if found is None else (found["target" if "target" in pattern.groupindex else 1] or "").strip()


def check_unique(names: pd.Index, what: str) -> None:
    """Raise :class:`~argen.errors.InputError` if names repeat."""
    if not names.is_unique:
        repeated = names[names.duplicated()].unique()
        msg = f"There are repeated {what}: {name_quoted(repeated)}. Give each its own name."
        raise InputError(msg)


def _column_of(var: pd.DataFrame | None, guide_target: GuideTargetMap) -> str | None:
    """The column of the guides' own table that holds the targets."""
    if var is None:
        return None
    if guide_target is None:
        return target_column(var, list(map(str, var.index)))
    return guide_target if isinstance(guide_target, str) and guide_target in var else None


def _as_label(target: str) -> GuideLabel:
    return GuideLabel((target,) if target else ())


def _no_mapping(guide_target: str | None, var: pd.DataFrame | None, where: str) -> str:
    mapping = "a mapping from guide to target (dict, Series, DataFrame or CSV file)"
    pattern = "a regular expression with one group, such as r'^(.+)g\\d+$'"
    is_path = guide_target is not None and any(mark in guide_target for mark in "./\\")
    no_file = " (and there is no file of that name)" if is_path else ""
    if var is None:
        given = "" if guide_target is None else f" that {guide_target!r} could be a column of{no_file}"
        return f"{where} has no table of guides{given}: give guide_target=... as {mapping}, or as {pattern}."
    column = f"known to hold targets ({KNOWN_TARGETS})" if guide_target is None else f"{guide_target!r}{no_file}"
    return (
        f"{where} has no column {column}; it has: {name_quoted(var.columns, 30) or 'none'}. Name the column "
        f"with the target of each guide in guide_target=..., or give {mapping}, or {pattern}."
    )


def as_pattern(guide_target: GuideTargetMap, var: pd.DataFrame | None = None) -> re.Pattern | None:
    """Regular expression on the name of a guide: compiled, or a text with a group that is no column of `var`."""
    is_text = isinstance(guide_target, str) and "(" in guide_target and (var is None or guide_target not in var)
    if is_text and not is_table_file(guide_target):
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


def _opened(guide_target: GuideTargetMap, among: Collection[str] | None) -> GuideTable:
    if isinstance(guide_target, (str, Path)) and is_table_file(guide_target):
        guide_target = Path(guide_target)
    if not isinstance(guide_target, (Path, Mapping, pd.Series, pd.DataFrame)):
        msg = (
            "guide_target must be a dict, Series, DataFrame, CSV file or regular expression from guide to target, "
            f"not {guide_target!r}."
        )
        raise InputError(msg)
    return read_table(guide_target, among)

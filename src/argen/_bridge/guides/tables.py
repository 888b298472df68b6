"""Tables of guides as programs write them: which column names the guides, which their targets, which are controls."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from argen._bridge.guides.names import GuideLabel, clean_text, looks_like_control
from argen._bridge.guides.table_files import read_table_file
from argen._bridge.validate import counted, name_quoted
from argen.errors import InputError

__all__ = ["KNOWN_TARGETS", "TARGET_COLUMNS", "GuideTable", "column_labels", "read_table", "target_column"]

# In order of preference; compared in lower case, letters and digits only. Names of genes go before their identifiers.
TARGET_COLUMNS = (
    "target",
    "gene_target",
    "target_gene",
    "grna_target",  # SCEPTRE
    "target_gene_name",  # Cell Ranger
    "intended_target_name",  # IGVF
    "target_gene_symbol",
    "target_name",
    "gene",
    "gene_symbol",
    "gene_name",
    "target_gene_id",  # Cell Ranger
)
# A table of all features may give a guide's own name in these.
_OWN_NAME_COLUMNS = ("gene", "gene_symbol", "gene_name")
_GUIDE_COLUMNS = (
    "guide",
    "guide_id",
    "guide_name",
    "grna",
    "grna_id",
    "grna_name",
    "sgrna",
    "sgrna_id",
    "sgrna_name",
    "guide_rna",
    "sgid_ab",  # Replogle
    "sgid",
    "id",  # Cell Ranger
    "name",
    "feature_id",
    "feature_name",
)
_KIND_COLUMNS = ("type", "guide_type")
_TRUTHS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}

KNOWN_TARGETS = ", ".join(TARGET_COLUMNS)
_NAME_THEM = "dict(zip(table['my_guide'], table['my_target']))"


@dataclass(frozen=True, slots=True)
class GuideTable:
    """What a mapping says about each of its guides, and how it was read, in lines for the log."""

    labels: dict[str, GuideLabel]
    notes: list[str] = field(default_factory=list)


def read_table(guide_target: Path | Mapping | pd.Series | pd.DataFrame, among: Collection[str] | None) -> GuideTable:
    """What a mapping from guide to target says about each guide.

    Parameters
    ----------
    guide_target
        A file, a table, or targets by guide; several targets of a guide are in several rows, or in a list.
    among
        Names of guides by which the column that holds them is known; `None` goes by the names of columns alone.
    """
    if isinstance(guide_target, Path):
        guide_target = read_table_file(guide_target)
    if isinstance(guide_target, pd.DataFrame):
        return _from_frame(guide_target, among)
    series = pd.Series(dict(guide_target), dtype=object) if isinstance(guide_target, Mapping) else guide_target
    series = series.explode() if series.dtype == object else series
    return _gathered(_guide_names(series.index, among), texts(series), [""] * len(series), [])


def target_column(table: pd.DataFrame, guides: Sequence[str] | None = None) -> str | None:
    """The column that is known to hold targets, the first that holds any; `guides` are the names by row."""
    own = _known(table, _OWN_NAME_COLUMNS) if guides is not None else []
    found = {name: texts(table[name]) for name in _known(table, TARGET_COLUMNS)}
    found = {name: values for name, values in found.items() if name not in own or values != list(guides)}
    return next((name for name, values in found.items() if any(values)), next(iter(found), None))


def column_labels(table: pd.DataFrame, column: str, where: str) -> GuideTable:
    """What a table with a row per guide, by which it is indexed, says about each; `where` is its name in the log."""
    notes = [f"targets of the guides: column {column!r} of {where}"]
    return _gathered(list(map(str, table.index)), texts(table[column]), _control_words(table), notes)


def texts(values: pd.Series | pd.Index) -> list[str]:
    """Values as clean texts, empty where missing (NA is what R writes for it)."""
    codes, names = clean_text(values)
    return ["" if text == "NA" else text for text in np.array([*names, ""], dtype=object)[codes]]


def _from_frame(table: pd.DataFrame, among: Collection[str] | None) -> GuideTable:
    table = _guide_rows(table.loc[:, ~table.columns.duplicated()])
    column = target_column(table)
    if column is None:
        msg = (
            f"guide_target has no column known to hold targets ({KNOWN_TARGETS}); it has: "
            f"{name_quoted(table.columns, 30) or 'none'}. Call two of them guide and target, or give {_NAME_THEM}."
        )
        raise InputError(msg)
    where, guides = _guide_column(table, column, among)
    column = target_column(table, guides) or column
    notes = [f"guide_target: guides from {where}, targets from column {column!r}"]
    return _gathered(guides, texts(table[column]), _control_words(table), notes)


def _guide_column(table: pd.DataFrame, target: str, among: Collection[str] | None) -> tuple[str, list[str]]:
    """What holds the guides, in words, and the guide of each row."""
    known = _known(table, _GUIDE_COLUMNS)
    choices = {f"column {name!r}": _guide_names(table[name], among) for name in known}
    if not isinstance(table.index, pd.RangeIndex):
        choices["the index"] = _guide_names(table.index, among)
    others = [name for name in table.columns if name not in (*known, target)]
    others = {f"column {name!r}": _guide_names(table[name], among) for name in others}
    if among is None:
        return next(iter((choices | others or {"the index": list(map(str, table.index))}).items()))
    hits = {where: len(set(among).intersection(names)) for where, names in (choices | others).items()}
    if any(hits[where] for where in choices):
        where = max(choices, key=hits.__getitem__)
        return where, choices[where]
    holding = [where for where in others if hits[where]]
    if len(holding) == 1:
        return holding[0], others[holding[0]]
    if holding:
        msg = f"Several columns of guide_target hold the guides ({', '.join(holding)}): give {_NAME_THEM}."
        raise InputError(msg)
    where, names = next(iter((choices | others).items()), ("the index", []))
    msg = (
        f"guide_target names none of the guides, such as {name_quoted(among, 3)}: {where} holds "
        f"{name_quoted(names, 3) or 'nothing'}. Its columns are {name_quoted(table.columns, 30)}; if none of them "
        f"names the guides as the counts do, give {_NAME_THEM} with names that do."
    )
    raise InputError(msg)


def _known(table: pd.DataFrame, wanted: Iterable[str]) -> list[str]:
    """Columns of these names, in this order, however they are spelled."""
    spelled = {}
    for name in table.columns:
        spelled.setdefault(_plain(name), name)
    return [spelled[_plain(name)] for name in wanted if _plain(name) in spelled]


def _plain(name: object) -> str:
    return re.sub(r"[\W_]+", "", str(name).lower())


def _guide_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of guides, where a column with types of features, as Cell Ranger has it, knows some."""
    for name in _known(table, ("feature_type", "feature_types")):
        is_guide = ["crispr" in text.lower() or "guide" in text.lower() for text in texts(table[name])]
        if any(is_guide):
            return table[is_guide]
    return table


def _control_words(table: pd.DataFrame) -> list[str]:
    """Word by which each row is a control in IGVF's columns `targeting` and `type`; empty where it is none."""
    words = [""] * len(table)
    for name in _known(table, _KIND_COLUMNS)[:1]:
        words = [text if looks_like_control(text) else "" for text in texts(table[name])]
    for name in _known(table, ("targeting",)):
        truths = [_TRUTHS.get(text.lower()) for text in texts(table[name])]
        by_truth = [{True: "", False: word or "non-targeting"} for word in words]
        words = [known.get(truth, word) for truth, word, known in zip(truths, words, by_truth, strict=True)]
    return words


def _guide_names(values: pd.Series | pd.Index, among: Collection[str] | None) -> list[str]:
    """Names as texts; those that are in `among` but for blanks at their ends as they are there."""
    as_counted = {name.strip(): name for name in among or ()}
    return [as_counted.get(name, name) for name in texts(values)]


def _gathered(guides: list[str], targets: list[str], control_words: list[str], notes: list[str]) -> GuideTable:
    """One label per guide: its targets in all of its rows. It is a control where every row says so."""
    names: dict[str, dict[str, None]] = {}
    words: dict[str, str] = {}
    for guide, target, word in zip(guides, targets, control_words, strict=True):
        names.setdefault(guide, {}).update({target: None} if target else {})
        words[guide] = word and words.get(guide, word)
    labels = {guide: GuideLabel(tuple(names[guide]), words[guide]) for guide in names if guide}
    return GuideTable(labels, [*notes, *_notes(labels)])


def _notes(labels: dict[str, GuideLabel]) -> list[str]:
    notes = []
    if several := [guide for guide, label in labels.items() if len(label.targets) > 1]:
        are = "is" if len(several) == 1 else "are"
        notes.append(
            f"{counted(len(several), 'guide')} {are} against several targets, one in each row or place of a list, "
            f"which makes cells with one multiple: {name_quoted(several)}"
        )
    if called := [guide for guide, label in labels.items() if _is_called_control(label)]:
        are = "is a control" if len(called) == 1 else "are controls"
        notes.append(f"{counted(len(called), 'guide')} {are} by the column targeting or type: {name_quoted(called)}")
    return notes


def _is_called_control(label: GuideLabel) -> bool:
    return bool(label.control_word) and not any(map(looks_like_control, label.targets))

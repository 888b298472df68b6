"""The words of a screen: labels of cells, targets of guides, and which of them are controls."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.validate import name_some
from argen.errors import InputError

__all__ = [
    "STATUS_WORDS",
    "GuideTargets",
    "LabelTable",
    "clean_text",
    "looks_like_control",
    "name_targets",
    "split_labels",
]

STATUS_WORDS = ("control", "multiple", "unassigned")
_MISSING_TEXTS = frozenset({"", "nan", "NaN", "<NA>", "None"})
_CONTROL = re.compile(
    r"(neg(ative)?)?(non?target(ing|ed)?|safetarget(ing|ed)?|safeharbou?r|scrambled?|ntc?|controls?|ctrls?)+(s?g(uide|rna)?s?)?\d*"
    r"|neg(ative)?\d*"
)


def clean_text(values: pd.Series | pd.Index) -> tuple[np.ndarray, list[str]]:
    """Codes into the sorted texts of `values`; −1 for NaN, an empty text and the text of a NaN.

    Numbers that are whole become texts without a decimal point, since a column of integers with one NaN is one
    of floats.
    """
    levels = pd.Categorical(values).remove_unused_categories()  # a subset of cells keeps the labels of all
    numbers = levels.categories
    if pd.api.types.is_float_dtype(numbers) and np.equal(np.mod(numbers, 1), 0).all():
        numbers = numbers.astype(np.int64)
    texts = [str(level).strip() for level in numbers]
    texts = ["" if text in _MISSING_TEXTS else text for text in texts]
    names = sorted(set(texts) - {""})
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([*(code_of.get(text, -1) for text in texts), -1], dtype=np.int64)
    return codes[levels.codes], names


def looks_like_control(name: str) -> bool:
    """Whether `name` is a usual spelling of a control, such as non-targeting, NT_3, NTC, ctrl or safe-targeting."""
    return _CONTROL.fullmatch(re.sub(r"[\s_.\-]+", "", name.lower())) is not None


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Which guides each label names.

    Attributes
    ----------
    guides
        Names, sorted.
    label_guides
        1 where a label names a guide, int8, shape (n_labels, n_guides).
    """

    guides: list[str]
    label_guides: sparse.csr_array


def split_labels(labels: list[str], separator: str | None, is_whole: Callable[[str], bool]) -> LabelTable:
    """Split labels such as "A+B" at `separator`, except those for which `is_whole` holds."""
    parts = [
        [label] if separator is None or is_whole(label) else [part.strip() for part in label.split(separator)]
        for label in labels
    ]
    if broken := [label for label, names in zip(labels, parts, strict=True) if "" in names]:
        msg = (
            f"separator={separator!r} leaves an empty part in the labels {name_some(broken)}. "
            "Give another separator, or correct these labels."
        )
        raise InputError(msg)
    guides = sorted({name for names in parts for name in names})
    column = {name: code for code, name in enumerate(guides)}
    per_label = [sorted({column[name] for name in names}) for names in parts]
    indptr = np.concatenate([[0], np.cumsum([len(columns) for columns in per_label])]).astype(np.int64)
    indices = np.array([code for columns in per_label for code in columns], dtype=np.int64)
    shape = (len(labels), len(guides))
    return LabelTable(guides, sparse.csr_array((np.ones(len(indices), dtype=np.int8), indices, indptr), shape=shape))


@dataclass(frozen=True, slots=True)
class GuideTargets:
    """The target of each guide.

    Attributes
    ----------
    table
        One row per guide: guide, target ("control" for controls), target_label (as it was given), is_control.
    targets
        Names of the targets that are not controls, sorted.
    codes
        Position in `targets` of each guide, −1 for controls, shape (n_guides,).
    control
        Labels that were taken as controls, sorted.
    control_like
        Targets that are spelled as a control but were not named as one.
    """

    table: pd.DataFrame
    targets: list[str]
    codes: np.ndarray
    control: list[str]
    control_like: list[str]


def name_targets(
    guides: list[str], labels: list[str], control: list[str] | None, ambiguous: Collection[str] = ()
) -> GuideTargets:
    """Decide which guides are controls, and code the targets of the others.

    Parameters
    ----------
    guides, labels
        Guide names, and the target of each: empty where none is given, as is usual for controls.
    control
        Names of controls among the targets or the guides; `None` looks for the usual spellings.
    ambiguous
        Words, in lower case, that are neither a control nor a target unless `control` names them.
    """
    words = [label or guide for guide, label in zip(guides, labels, strict=True)]
    is_control = _detected(words, ambiguous) if control is None else _named(guides, labels, control)
    _check_targets(guides, labels, is_control, {*STATUS_WORDS, *ambiguous})
    target = np.where(is_control, STATUS_WORDS[0], np.array(labels, dtype=object))
    targets = sorted(set(target[~is_control]))
    table = pd.DataFrame(
        {
            "guide": pd.Categorical(guides, categories=guides),
            "target": pd.Categorical(target, categories=[*targets, STATUS_WORDS[0]]),
            "target_label": pd.Categorical(labels),
            "is_control": is_control,
        }
    )
    code_of = {name: code for code, name in enumerate(targets)}
    codes = np.array([-1 if known else code_of[name] for name, known in zip(target, is_control, strict=True)])
    found = sorted({word for word, known in zip(words, is_control, strict=True) if known})
    return GuideTargets(table, targets, codes, found, [name for name in targets if looks_like_control(name)])


def _detected(words: list[str], ambiguous: Collection[str]) -> np.ndarray:
    is_control = np.array([looks_like_control(word) and word.lower() not in ambiguous for word in words])
    if not is_control.any():
        msg = (
            "No control was found among the usual spellings (non-targeting, NT, NTC, control, ctrl, "
            f"safe-targeting, ...). Name it with control=...; the labels are: {name_some(sorted(set(words)))}."
        )
        raise InputError(msg)
    return is_control


def _named(guides: list[str], labels: list[str], control: list[str]) -> np.ndarray:
    known = sorted(set(labels) - {""})
    if unknown := sorted(set(control) - set(known) - set(guides)):
        msg = (
            f"control={name_some(unknown)} is neither a target nor a guide. "
            f"The {len(known)} targets are: {name_some(known)}."
        )
        if alike := [name for name in known if looks_like_control(name)]:
            msg += f" Spelled like a control: {name_some(alike)}."
        raise InputError(msg)
    return np.array([guide in control or label in control for guide, label in zip(guides, labels, strict=True)])


def _check_targets(guides: list[str], labels: list[str], is_control: np.ndarray, reserved: Collection[str]) -> None:
    targeting = [(guide, label) for guide, label, known in zip(guides, labels, is_control, strict=True) if not known]
    if lost := [guide for guide, label in targeting if not label]:
        msg = (
            f"{len(lost)} guides have no target: {name_some(lost)}. Give each a target, or name them in control=[...]."
        )
        raise InputError(msg)
    if clash := sorted({label for _, label in targeting if label.lower() in reserved}):
        msg = (
            f"A target is called {name_some(clash)}, but is not one of the controls. Name it in control=... if it is "
            "one; rename it if it is a gene; make it missing (NaN) where it stands for cells without one target."
        )
        raise InputError(msg)

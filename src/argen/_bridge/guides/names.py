"""The words of a screen: labels of cells, targets of guides, and which of them are controls."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.validate import counted, name_quoted
from argen._core.guides import CONTROL, MULTIPLE
from argen.errors import InputError

__all__ = [
    "STATUS_WORDS",
    "GuideLabel",
    "GuideTargets",
    "LabelTable",
    "clean_text",
    "control_names",
    "is_named",
    "looks_like_control",
    "name_targets",
    "split_labels",
    "stays_whole",
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
class GuideLabel:
    """What a user says about a guide.

    Attributes
    ----------
    targets
        Names of what it is against, as they are written: none where none is given, as is usual for controls.
    control_word
        Word by which a further column, such as ``type``, calls it a control, such as "safe-targeting"; else empty.
    """

    targets: tuple[str, ...] = ()
    control_word: str = ""

    def words(self, *, detect: bool) -> tuple[str, ...]:
        """Its targets, or the word that makes it a control: where it has no target, or if controls are looked for."""
        return (self.control_word,) if self.control_word and (detect or not self.targets) else self.targets


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


def split_label(label: str, separator: str | None, is_whole: Callable[[str], bool]) -> list[str]:
    """Parts of a label such as "A+B"; the label itself where `is_whole` holds."""
    if separator is None or is_whole(label):
        return [label]
    parts = [part.strip() for part in label.split(separator)]
    if "" in parts:
        msg = (
            f"separator={separator!r} leaves an empty part in the label {label!r}. "
            "Give another separator, or correct the label."
        )
        raise InputError(msg)
    return parts


def split_labels(labels: list[str], separator: str | None, is_whole: Callable[[str], bool]) -> LabelTable:
    """Split labels such as "A+B" at `separator`, except those for which `is_whole` holds."""
    parts = [split_label(label, separator, is_whole) for label in labels]
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
        One row per guide: guide, target ("control" for controls, "multiple" for a guide against several targets),
        target_label (as it was given), is_control.
    targets
        Names of the targets of guides against one, sorted; controls are none.
    codes
        Position in `targets` of each guide, −1 for controls, −2 for several targets, shape (n_guides,).
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


def is_named(name: str, control: Collection[str]) -> bool:
    """Whether `control` holds `name`, or a prefix of it that ends in ``*``."""
    return any(name == known or (known.endswith("*") and name.startswith(known[:-1])) for known in control)


def control_names(control: str | Iterable[str] | None) -> list[str] | None:
    """Names as a list of texts, so that control=0 finds the label 0 of an integer column."""
    if control is None:
        return None
    names = list(control) if isinstance(control, Iterable) and not isinstance(control, str) else [control]
    if not names:
        msg = "control=[] names no control: give at least one, or None to look for the usual spellings."
        raise InputError(msg)
    return [str(name).strip() for name in names]


def stays_whole(control: list[str] | None, names: Collection[str] = ()) -> Callable[[str], bool]:
    """Test of the labels that no separator splits: controls (as "non-targeting" at "-") and `names`."""
    return lambda label: label in names or (looks_like_control(label) if control is None else is_named(label, control))


def name_targets(
    guides: list[str],
    labels: list[GuideLabel],
    control: list[str] | None,
    ambiguous: Collection[str] = (),
    separator: str | None = None,
) -> GuideTargets:
    """Decide which guides are controls, and code the targets of the others.

    Parameters
    ----------
    guides, labels
        Guide names, and what is said about each.
    control
        Names of controls among the targets or the guides, or prefixes with ``*``; `None` looks for the usual spellings.
    ambiguous
        Words, in lower case, that are neither a control nor a target unless `control` names them.
    separator
        Splits the label of a guide against several targets; controls among them do not count.
    """
    whole = stays_whole(control)
    given = [label.words(detect=control is None) for label in labels]
    words = [texts or (guide,) for guide, texts in zip(guides, given, strict=True)]
    parts = [[name for text in texts for name in split_label(text, separator, whole)] for texts in words]
    known = _control_words(guides, parts, given, control, ambiguous)
    by_name = control or ()
    is_control = np.array(
        [is_named(guide, by_name) or known.issuperset(names) for guide, names in zip(guides, parts, strict=True)]
    )
    named = [sorted(set(names) - known) if texts else [] for names, texts in zip(parts, given, strict=True)]
    _check_targets(guides, named, is_control, {*STATUS_WORDS, *ambiguous})
    several = np.array([len(names) > 1 for names in named]) & ~is_control
    single = [names[0] if len(names) == 1 else STATUS_WORDS[1] for names in named]
    target = np.where(is_control, STATUS_WORDS[0], np.array(single, dtype=object))
    targets = sorted(set(target[~is_control & ~several]))
    statuses = STATUS_WORDS[: 2 if several.any() else 1]
    as_given = [(separator or "+").join(label.words(detect=False)) for label in labels]
    table = pd.DataFrame(
        {
            "guide": pd.Categorical(guides, categories=guides),
            "target": pd.Categorical(target, categories=[*targets, *statuses]),
            "target_label": pd.Categorical(as_given),
            "is_control": is_control,
        }
    )
    code_of = {name: code for code, name in enumerate(targets)}
    found = sorted({text for texts, hit in zip(words, is_control, strict=True) if hit for text in texts})
    code_of |= {STATUS_WORDS[0]: CONTROL, STATUS_WORDS[1]: MULTIPLE}
    codes = [code_of[name] for name in target]
    return GuideTargets(table, targets, np.array(codes), found, [name for name in targets if looks_like_control(name)])


def _control_words(
    guides: list[str],
    parts: list[list[str]],
    given: list[tuple[str, ...]],
    control: list[str] | None,
    ambiguous: Collection[str],
) -> set[str]:
    """Targets, or names of guides without one, that are controls."""
    words = {name for names in parts for name in names}
    if control is None:
        found = {word for word in words if looks_like_control(word) and word.lower() not in ambiguous}
        if not found:
            msg = (
                "No control was found among the usual spellings (non-targeting, NT, NTC, control, ctrl, "
                f"safe-targeting, ...). Name it with control=...; the labels are: {name_quoted(sorted(words))}."
            )
            raise InputError(msg)
        return found
    named = {*words, *guides}
    if unknown := sorted(name for name in control if not any(is_named(word, [name]) for word in named)):
        known = sorted({name for names, texts in zip(parts, given, strict=True) for name in names if texts})
        msg = (
            f"control={name_quoted(unknown)} is neither a target nor a guide. "
            f"The {len(known)} targets are: {name_quoted(known)}."
        )
        if alike := [name for name in known if looks_like_control(name)]:
            msg += f" Spelled like a control: {name_quoted(alike)}."
        raise InputError(msg)
    return {word for word in words if is_named(word, control)}


def _check_targets(
    guides: list[str], named: list[list[str]], is_control: np.ndarray, reserved: Collection[str]
) -> None:
    targeting = [(guide, names) for guide, names, known in zip(guides, named, is_control, strict=True) if not known]
    # A label like these that a mapping does not hold is no guide that lacks a target.
    if clash := sorted({name for guide, names in targeting for name in names or [guide] if name.lower() in reserved}):
        msg = (
            f"A target is called {name_quoted(clash)}, but is not one of the controls. Name it in control=... if it is "
            "one; rename it if it is a gene; make it missing (NaN) where it stands for cells without one target."
        )
        raise InputError(msg)
    if lost := [guide for guide, names in targeting if not names]:
        verb = "has" if len(lost) == 1 else "have"
        msg = (
            f"{counted(len(lost), 'guide')} {verb} no target: {name_quoted(lost)}. Give each a target, or name them in "
            "control=[...] beside the other controls."
        )
        raise InputError(msg)

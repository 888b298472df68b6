"""Labels that name several guides or targets at once, such as "A+B", although nothing was said that splits them."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from argen._bridge.guides.mapping import GuideTargetMap, as_pattern, match_target
from argen._bridge.guides.names import GuideLabel, looks_like_control
from argen._bridge.validate import counted
from argen.errors import InputError

__all__ = ["Joined", "check_labels", "counted_labels", "find_joined", "parts_of", "split_targets"]

# What stands between names, in order of how rarely it is part of one.
_MARKS = ("|", ";", "&", ",", "+", "_")
_NAME = re.compile(r"(?=.*[^\W\d_])[^\W_](.*[^\W_])?")  # with a letter, and no sign at its ends


@dataclass(frozen=True, slots=True)
class Joined:
    """A label that names several, what stands between them, and how many such labels there are."""

    label: str
    separator: str
    n_labels: int


def find_joined(labels: Iterable[str], known: Collection[str], *, strict: bool = True) -> Joined | None:
    """The mark at which most of the labels fall into names that are `known` or spelled like controls, if there is one.

    Beside a control a name need not be known, nor anywhere if not `strict`, as long as it begins and ends as a name:
    the strand in "GATA1_+_12.23-P1P2" joins nothing. At "_", which is part of many names, all have to be known.
    """
    candidates = [label for label in labels if not looks_like_control(label)]
    found = {mark: [label for label in candidates if _falls_apart(label, mark, known, strict)] for mark in _MARKS}
    mark = max(_MARKS, key=lambda mark: len(found[mark]))
    return Joined(found[mark][0], mark, len(found[mark])) if found[mark] else None


def _falls_apart(label: str, mark: str, known: Collection[str], strict: bool) -> bool:  # noqa: FBT001
    parts = _parts(label, mark)
    certain = [part in known or looks_like_control(part) for part in parts]
    if not parts or all(certain):
        return bool(parts)
    beside_control = len(parts) == 2 and any(map(looks_like_control, parts))
    return mark != "_" and (beside_control or not strict) and all(map(_NAME.fullmatch, parts))


def _parts(label: str, mark: str) -> list[str]:
    """What stands between the marks; none if there is no mark, or nothing beside one."""
    parts = [part.strip() for part in label.split(mark)]
    return parts if len(parts) > 1 and "" not in parts else []


def parts_of(labels: Iterable[str], separator: str | None) -> list[str]:
    """All that may be a name in labels: they themselves, and what stands between one of the marks or `separator`."""
    marks = (*_MARKS, separator) if separator else _MARKS
    parts = (part.strip() for label in labels for mark in marks for part in (label, *label.split(mark)))
    return list(dict.fromkeys(parts))


def split_targets(labels: list[GuideLabel], separator: str | None, genes: Collection[str]) -> list[GuideLabel]:
    """Labels with joined targets split, where the parts are genes, other targets or controls.

    For a separator that is meant for labels of cells: at "_" it must not tear the target "MYC_enh" apart.
    """
    if separator is None:
        return labels
    known = {*genes, *(target for label in labels for target in label.targets)}

    def parts(target: str) -> list[str]:
        names = [] if target in genes or looks_like_control(target) else _parts(target, separator)
        return names if names and all(name in known or looks_like_control(name) for name in names) else [target]

    return [
        replace(label, targets=tuple(dict.fromkeys(part for target in label.targets for part in parts(target))))
        for label in labels
    ]


def counted_labels(
    guides: list[str],
    labels: list[GuideLabel],
    pattern: re.Pattern | None,
    genes: Collection[str],
    separator: str | None,
    is_whole: Callable[[str], bool],
) -> list[GuideLabel]:
    """Labels of counted guides, some of which may be vectors with several, such as "STAT1_g1|JAK2_g2".

    A regular expression is applied to the parts of a name at `separator`, if all of them have a target; without a
    separator a name with guides of several targets is an error.
    """
    if pattern is None:
        return labels
    _check_single(guides, pattern, genes, separator)
    parts = [[] if separator is None or is_whole(guide) else _parts(guide, separator) for guide in guides]
    targets = [[match_target(pattern, part) for part in names] for names in parts]
    return [
        GuideLabel(tuple(dict.fromkeys(names))) if names and all(names) else label
        for names, label in zip(targets, labels, strict=True)
    ]


def check_labels(
    labels: list[str], guide_target: GuideTargetMap, mapped: Collection[str], genes: Collection[str]
) -> None:
    """Raise if labels of cells name several of the guides that `guide_target` would be asked for."""
    pattern = as_pattern(guide_target)
    if pattern is not None:
        _check_single(labels, pattern, genes, None)
    elif mapped and (joined := find_joined([label for label in labels if label not in mapped], mapped)) is not None:
        msg = (
            f"{counted(joined.n_labels, 'label')} of several guides, such as {joined.label!r}, cannot be found in "
            f"guide_target: separator={joined.separator!r} splits them before they are looked up."
        )
        raise InputError(msg)


def _check_single(guides: list[str], pattern: re.Pattern, genes: Collection[str], separator: str | None) -> None:
    """Raise if a name holds several guides, of which the regular expression would make one target.

    Names that `separator` splits pass, and so do those whose parts have the target of the whole, beside controls:
    vectors with several guides of one target. A part is taken for a guide if it is one of the names, or if its target
    is a gene or spelled like a control.
    """
    names = set(guides)
    for guide in guides:
        target = match_target(pattern, guide)
        for mark in _MARKS:
            parts = {part: match_target(pattern, part) for part in _parts(guide, mark)}
            if mark == separator or not parts or not all(_is_guide(*pair, names, genes) for pair in parts.items()):
                continue
            if _without_controls(parts.values()) != _without_controls([target]):
                msg = (
                    f"{guide!r} names several guides, but guide_target={pattern.pattern!r} makes one target of them, "
                    f"{target!r}: separator={mark!r} splits such names before it is applied."
                )
                raise InputError(msg)


def _is_guide(part: str, target: str, names: Collection[str], genes: Collection[str]) -> bool:
    return target != "" and (part in names or target in genes or looks_like_control(target))


def _without_controls(targets: Iterable[str]) -> set[str]:
    return {target for target in targets if target and not looks_like_control(target)}

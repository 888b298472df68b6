"""What several pictures say in the same words."""

import re
from collections.abc import Sequence

from argen._bridge.validate import counted, name_some
from argen.pl import _style as style

__all__ = ["left_out_words", "loops_words", "no_edge_words", "no_network_words", "on_lines"]

_MORE = re.compile(r" and \d+ more$")  # of a list of names that was cut


def no_edge_words(n_left_out: int) -> str:
    """Why there is no edge: none was found, or each has a gene that is gone."""
    if not n_left_out:
        return "no edge was selected"
    return f"{counted(n_left_out, 'edge')} selected, none with both genes still in the object"


def left_out_words(n_left_out: int, noun: str = "selected edge") -> str:
    """How many edges or pairs are left out because a gene is gone; empty if none."""
    return f"{counted(n_left_out, noun)} of genes that left the object not drawn" if n_left_out else ""


def loops_words(loops: Sequence[str]) -> str:
    """How many edges hang on which loops, from the column ``loop`` of the edges; empty if none does."""
    hanging = [text for text in loops if text]
    if not hanging:
        return ""
    names = dict.fromkeys(name for text in hanging for name in _MORE.sub("", text).split(", "))
    on = "1 edge hangs" if len(hanging) == 1 else f"{len(hanging)} edges hang"
    return f"{on} on a loop that the order cut: {name_some(names, 3)}"


def no_network_words(missing: str, networks: Sequence[str]) -> str:
    """What a picture cannot show without a network, and which ones would."""
    cure = f" (there is network={name_some(map(repr, networks), 3)})" if networks else ""
    return f"no network: {missing}{cure}"


def on_lines(text: str, width: float, size: float = style.FONT_SIZE) -> str:
    """Break a heading after commas and semicolons where it would be wider than `width` points."""
    lines = [""]
    for part in re.split(r"(?<=[,;]) ", text):
        longer = f"{lines[-1]} {part}".strip()
        if lines[-1] and style.text_width(longer, size) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)

"""Pieces of a self-contained HTML page. Whatever comes from the data is escaped here and nowhere else."""

import base64
import io
import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MAX_ROWS", "Section", "Text", "figure", "notice", "page", "paragraph", "table", "values"]

MAX_ROWS = 50
_DPI = 130

_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 0 auto; padding: 1.5rem;
  max-width: 72rem; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccd2d8; }
h3 { font-size: 1rem; margin-bottom: .3rem; }
nav ul { columns: 3 14rem; padding-left: 1.2rem; } a { color: #00507d; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; margin: .4rem 0; }
caption { text-align: left; font-weight: 600; padding: .2rem 0; }
th, td { padding: .15rem .55rem; border-bottom: 1px solid #e3e7ea; text-align: left; vertical-align: top; }
th { border-bottom: 1px solid #5b6770; white-space: nowrap; } td.n, th.n { text-align: right; white-space: nowrap; }
img { max-width: 100%; height: auto; }
.missing { color: #5b6770; font-style: italic; }
.warning { border-left: 4px solid #d55e00; background: #fdf1e9; padding: .5rem .8rem; }
.note { color: #5b6770; font-size: .85rem; }
code { font-size: .9em; }
@media print { body { max-width: none; padding: 0; font-size: 10px; } nav { display: none; }
  .wide { overflow: visible; } table { font-size: .7rem; } h2 { break-after: avoid; } tr, img { break-inside: avoid; }
  @page { size: A4 landscape; margin: 12mm; } }
"""


class Text(str):
    """HTML that is finished: made by the functions of this module."""

    __slots__ = ()


class Section:
    """A heading with its content; `key` names it in links."""

    def __init__(self, key: str, title: str, *parts: Text) -> None:
        self.key, self.title, self.parts = key, title, parts


def page(title: str, subtitle: Text, sections: Iterable[Section]) -> str:
    """The whole document."""
    sections = list(sections)
    links = "".join(f'<li><a href="#{s.key}">{escape(s.title)}</a></li>' for s in sections)
    body = "\n".join(
        f'<section id="{s.key}">\n<h2>{escape(s.title)}</h2>\n' + "\n".join(s.parts) + "\n</section>" for s in sections
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_CSS}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{subtitle}\n"
        f"<nav><ul>{links}</ul></nav>\n{body}\n</body>\n</html>\n"
    )


def paragraph(text: str, kind: str = "") -> Text:
    """A paragraph; text in backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    marked = "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    return Text(f'<p class="{kind}">{marked}</p>' if kind else f"<p>{marked}</p>")


def notice(text: str) -> Text:
    """Something that the reader has to know before believing the rest."""
    return Text(f'<p class="warning"><strong>{escape(text)}</strong></p>')


def values(entries: Mapping[str, object], caption: str = "") -> Text:
    """Names and values, one a row."""
    rows = pd.DataFrame({"name": list(entries), "value": [_written(value) for value in entries.values()]})
    return table(rows, caption=caption, limit=len(rows), header=False)


def table(
    data: pd.DataFrame, *, caption: str = "", limit: int = MAX_ROWS, where: str = "", header: bool = True
) -> Text:
    """The first rows of a table, numbers to three digits with all of them in ``data-value``; the rest is counted."""
    shown = data.head(limit)
    numeric = [pd.api.types.is_numeric_dtype(t) and not pd.api.types.is_bool_dtype(t) for t in data.dtypes]
    rows = [
        "<tr>" + "".join(_cell(value, number=n) for value, n in zip(row, numeric, strict=True)) + "</tr>"
        for row in shown.itertuples(index=False, name=None)
    ]
    heads = "".join(
        f'<th class="n">{escape(str(name))}</th>' if n else f"<th>{escape(str(name))}</th>"
        for name, n in zip(data.columns, numeric, strict=True)
    )
    top = f"<thead><tr>{heads}</tr></thead>" if header else ""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    text = f'<div class="wide"><table>{title}{top}<tbody>{"".join(rows)}</tbody></table></div>'
    more = len(data) - len(shown)
    if more > 0:
        text += paragraph(f"… and {more} more rows" + (f", see `{where}`." if where else "."), "note")
    return Text(text)


def _cell(value: object, *, number: bool) -> str:
    if not number:
        return f"<td>{escape(_written(value))}</td>"
    exact = repr(value.item() if isinstance(value, np.generic) else value)
    return f'<td class="n" data-value="{escape(exact)}">{escape(_written(value))}</td>'


def _written(value: object) -> str:
    """A value as people read it."""
    if value is None or value is pd.NA:
        return "–"
    if isinstance(value, np.ndarray):
        return ", ".join(_written(item) for item in value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e6 else f"{value:.3g}"
    return str(value)


def figure(drawn: "Figure", text: str) -> Text:
    """The figure as a PNG inside the page; `text` says what it shows."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=_DPI)
    data = base64.b64encode(buffer.getvalue()).decode()
    return Text(f'<p><img alt="{escape(text)}" src="data:image/png;base64,{data}"></p>')

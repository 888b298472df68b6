"""Edges beside other pairs of genes, by what is known of them from elsewhere."""

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from argen._bridge.intervals import wilson_95
from argen._bridge.modality import takes_mudata
from argen._bridge.validate import name_some
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import on_paper, plain
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_evidence", "draw_numbers", "draw_shares"]

_EDGES, _TESTED, _RANDOM = "edges", "tested, not selected", "random pairs"
_LEAST = "same_chromosome"  # says least where there are distances
_MOST = 4
_LOOKS = {_EDGES: (style.INK, "-", 1.8), _TESTED: (style.PLAIN_COLOR, (0, (5, 1.5)), 1.2),
          _RANDOM: (style.ISOLATED_EDGE, "-", 1.2)}  # fmt: skip
_OTHERS = (style.POSITIVE_COLOR, style.NEGATIVE_COLOR, style.ALERT_COLOR, "#228833", "#CCBB44")
_PANEL = (3.5, 2.7)  # inches
_WORDS = {"distance": "distance between the genes (Mb)"}
_UNITS = {"distance": 1e6}  # what numbers are divided by
_WIDTH = 38  # characters of a line of a label; those beside the axes are half as wide


@takes_mudata
@on_paper
def argen_evidence(
    adata: "AnnData | MuData",
    *,
    evidence: str | None = None,
    key: str = "argen_evidence",
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | list[Axes] | None":
    """Draw what is known from elsewhere of the edges of a network, beside other pairs of genes.

    Shares are dots with 95 % intervals (Wilson) and the numbers of pairs; numbers are cumulative shares of pairs: a
    curve further to the left has smaller ones. Below the name of the evidence are the p-values of the edges against the
    pairs that were tested and not selected (against random pairs where there are none of these): of Fisher's or
    Wilcoxon's test, and of the permutations that keep degrees, and distances; for tables with signs also how many of
    the known signs agree.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_evidence`.
    evidence
        Which kind of evidence to draw. `None` draws four into a new figure: distances, domains and compartments or
        whatever comes first of what was given, and of what is known about pairs the last; where there are more, the
        figure says so.
    key
        Name of the result.
    ax
        Axes to draw into; needs `evidence` where there are several kinds. Labels stand outside of them: make the figure
        with ``layout="constrained"``.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`, or a list of them without
    `evidence` and `ax`.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        There is no such evidence, or `ax` is given for several kinds without one.

    Warns
    -----
    argen.errors.ArgenWarning
        The network was searched again since.

    See Also
    --------
    argen.get.outside_evidence : the tables that are drawn.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> known = pd.DataFrame({"source": ["X1", "X1", "X2"], "target": ["X2", "X3", "X5"]})
    >>> ag.tl.argen_evidence(adata, pairs={"literature": known}, n_permutations=100)
    >>> ax = ag.pl.argen_evidence(adata, evidence="literature", show=False)
    """
    from argen import get

    tests, candidates, compared = (
        get.outside_evidence(adata, table=name, key=key) for name in ("tests", "candidates", "compared")
    )
    kinds = tests[tests["kind"] != "sign"].drop_duplicates("evidence").set_index("evidence")["kind"].to_dict()
    if evidence is not None and evidence not in kinds:
        msg = f"evidence={evidence!r} is not in adata.uns[{key!r}]; there is {name_some(map(repr, kinds))}."
        raise InputError(msg)
    if evidence is None and ax is not None and len(kinds) == 1:
        evidence = next(iter(kinds))
    if evidence is None and ax is not None:
        msg = f"ax holds one picture: name its evidence, one of {name_some(map(repr, kinds))}."
        raise InputError(msg)
    shown = [evidence] if evidence else _usual(list(kinds))
    axes = [ax] if ax is not None else _new_axes(len(shown))
    if evidence is None and len(shown) < len(kinds):
        words = f"{len(shown)} of {len(kinds)} kinds of evidence drawn; evidence= chooses"
        axes[0].figure.supxlabel(words, fontsize=style.SMALL_FONT_SIZE, color=style.PLAIN_COLOR)
    for name, one in zip(shown, axes, strict=True):
        values = _values(name, candidates, compared)
        (draw_numbers if kinds[name] == "number" else draw_shares)(one, values, name)
        _head(one, name, tests[tests["evidence"] == name])
    return finish(axes[0] if evidence else axes, show)


def _usual(names: list[str]) -> list[str]:
    """Four kinds of evidence: the first three, and the last, which is about regulation if that was given."""
    if len(names) > _MOST and _LEAST in names:
        names = [name for name in names if name != _LEAST]
    return names if len(names) <= _MOST else [*names[: _MOST - 1], names[-1]]


def _new_axes(n: int) -> "list[Axes]":
    columns = 1 if n == 1 else 2
    rows = -(-n // columns)
    figure = plt.figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(rows, columns)).ravel())
    for empty in axes[n:]:
        empty.remove()
    return axes[:n]


def _values(name: str, candidates: pd.DataFrame, compared: pd.DataFrame) -> dict[str, np.ndarray]:
    """Known values of the edges, of the other candidates, of random pairs, and of each other network."""
    chosen = candidates["selected"].to_numpy(bool)
    found = {_EDGES: candidates.loc[chosen, name], _TESTED: candidates.loc[~chosen, name]}
    networks = [label for label in compared["network"].unique() if label != _RANDOM]
    for label in (_RANDOM, *networks):
        found[label] = compared.loc[compared["network"] == label, name]
    known = {label: part.dropna().to_numpy(dtype=float) for label, part in found.items()}
    return {label: part for label, part in known.items() if len(part)}


def _look(label: str, labels: list[str]) -> tuple[str, object, float]:
    if label in _LOOKS:
        return _LOOKS[label]
    others = [name for name in labels if name not in _LOOKS]
    return _OTHERS[others.index(label) % len(_OTHERS)], (0, (2, 1)), 1.2


def draw_shares(ax: "Axes", values: Mapping[str, np.ndarray], name: str) -> None:
    """Draw which share of each group of pairs has it; `values` are 1 and 0."""
    labels = list(values)
    for y, label in enumerate(labels):
        k, n = int(values[label].sum()), len(values[label])
        low, high = wilson_95(k, n)
        color = _look(label, labels)[0]
        ax.plot([100 * low, 100 * high], [y, y], color=color, linewidth=1.4, solid_capstyle="butt")
        ax.plot([100 * k / n], [y], "o", color=color, markersize=6 if label == _EDGES else 4.5)
    counts = [f"{_wrapped(label, _WIDTH // 2)}\n{int(part.sum()):,} of {len(part):,}" for label, part in values.items()]
    ax.set_yticks(range(len(labels)), counts, fontsize=style.SMALL_FONT_SIZE)
    ax.set_ylim(len(labels) - 0.5, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel(_wrapped(f"pairs with {_words(name)} (%)"), fontsize=style.FONT_SIZE)
    plain(ax)


def draw_numbers(ax: "Axes", values: Mapping[str, np.ndarray], name: str) -> None:
    """Draw the cumulative distribution of each group of pairs, on a log scale where numbers span decades."""
    values = {label: part / _UNITS.get(name, 1.0) for label, part in values.items()}
    labels, every = list(values), np.concatenate(list(values.values()))
    positive = every[every > 0]
    is_log = bool(len(positive)) and every.min() >= 0 and np.quantile(positive, 0.95) > 50 * np.quantile(positive, 0.05)
    floor = positive.min() if is_log else -np.inf
    for label in reversed(labels):
        color, dashes, width = _look(label, labels)
        x = np.sort(np.maximum(values[label], floor))
        y = 100 * np.arange(1, len(x) + 1) / len(x)
        ax.step(
            np.append(x[0], x), np.append(0.0, y), where="post", color=color, linestyle=dashes, linewidth=width,
            label=f"{_wrapped(label)} ({len(x):,})",
        )  # fmt: skip
    if is_log:
        ax.set_xscale("log")
    ax.set_ylim(0, 101)
    ax.set_xlabel(_wrapped(_words(name)), fontsize=style.FONT_SIZE)
    ax.set_ylabel("pairs with at most this (%)", fontsize=style.FONT_SIZE)
    plain(ax)
    handles, names = ax.get_legend_handles_labels()
    ax.legend(
        handles[::-1], names[::-1], fontsize=style.SMALL_FONT_SIZE - 1, frameon=False, loc="best", handlelength=1.8,
        borderpad=0.1, labelspacing=0.3,
    )  # fmt: skip


def _words(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _wrapped(text: str, width: int = _WIDTH) -> str:
    """A text in lines of at most `width` characters; long words without blanks are broken."""
    return "\n".join(wrap(text, width)) or text


def _head(ax: "Axes", name: str, tests: pd.DataFrame) -> None:
    """The name of the evidence, and what the tests say."""
    about = tests[tests["kind"] != "sign"].set_index("comparison")
    row = about.loc[_TESTED if _TESTED in about.index and about.loc[_TESTED, "n_other"] else about.index[-1]]
    if _TESTED not in about.index and _RANDOM in about.index:
        row = about.loc[_RANDOM]
    kept = {"degree": "degrees", "distance": "distances"}
    parts = [f"{words} {row[f'p_{by}']:.2g}" for by, words in kept.items() if np.isfinite(row[f"p_{by}"])]
    of_test = f": p {row['p']:.2g}" if np.isfinite(row["p"]) else ""
    lines = [f"{name.replace('_', ' ')}{of_test}", f"kept: {', '.join(parts)}" if parts else ""]
    lines += [
        f"signs: {sign.n_with} of {sign.n} agree, p {sign.p:.2g}"
        for sign in tests[tests["kind"] == "sign"].itertuples()
        if sign.n
    ]
    text = "\n".join(_wrapped(line) for line in lines if line)
    ax.set_title(text, fontsize=style.SMALL_FONT_SIZE, loc="left", x=0.0)

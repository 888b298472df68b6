"""Signs of the edges against the signs of the interventions."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation

from argen._bridge.diagnostics.sign_check import Agreement, agreement
from argen._bridge.intervals import interval_95
from argen._bridge.modality import takes_mudata
from argen._bridge.validate import counted, name_some
from argen.pl import _style as style
from argen.pl._axes import new_axes, on_paper, plain
from argen.pl._labels import label_points
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_sign_check", "draw_sign_check"]

_SIDE = (3.9, 3.7)  # inches: width and height of the axes
_LEFT, _RIGHT, _BELOW, _ABOVE, _ENTRY = 0.84, 0.3, 0.62, 0.36, 0.19  # inches round them, and of an entry of the key
_FEW = 40  # edges up to which intervals are drawn
_VERY_FEW = 12  # edges up to which all are named
_MOST_NAMES = 15
_FAR = 3.0  # of many points, those farther out than so many times the 95th percentile are drawn at the border
_EXACT, _MOST_DIGITS = 1e-9, 3  # per cent: what rounding leaves of 0 and 100, and digits after the point
_LINE_ABOVE = 1.4  # of a font size


@takes_mudata
@on_paper
def argen_sign_check(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    reverse: bool = False,
    descendants: str | None = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw every selected edge: its coefficient against minus the effect of perturbing its source on its target.

    A knock-down lowers the source, so an activating edge lowers its target: in the shaded quarters the signs agree
    (grey dots), outside they differ (purple diamonds). Filled symbols are effects that are significant in the
    descendant step (adjusted p). The heading counts the edges that agree, with their share and its 95 % Wilson
    interval (0 and 100 % only where they are exact), and the edges without an effect to compare with. Up to 40 edges
    have 95 % intervals; of more, those far outside stand at the border as triangles, and are counted. Named are
    significant effects whose sign differs, of up to 12 edges all.

    With ``reverse=True`` the effect is that of perturbing the target on the source. If the edges point the right way
    it is noise, and about half of the signs agree; then the significant effects are named, whatever their sign.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the network.
    reverse
        Perturb the targets and look at the sources.
    descendants
        Name of the descendant step with the effects; default the one that the network was made from.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into. Default: a new figure.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`, or no descendant step.
    argen.errors.StaleResultError
        The descendant step was run again since the network was made.

    See Also
    --------
    argen.get.sign_check : the table that is drawn.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_sign_check(adata, show=False)
    """
    from argen import get

    table = get.sign_check(adata, key=key, descendants=descendants, gene_symbols=gene_symbols)
    return finish(draw_sign_check(table, reverse=reverse, ax=ax), show)


def draw_sign_check(table: pd.DataFrame, *, reverse: bool = False, ax: "Axes | None" = None) -> "Axes":
    """Draw a table as :func:`argen.get.sign_check` returns it; see :func:`argen_sign_check`."""
    found = agreement(table, reverse=reverse)
    points = _points(table, reverse=reverse)
    limits = [_limit(points[name].to_numpy(), points[f"{name}_se"].to_numpy()) for name in ("x", "y")]
    notes = _notes(table, found, int(_outside(points, limits).sum()), reverse=reverse)
    ax = ax or _new_axes(points, len(notes) + 1)
    _finish_axes(ax, limits, reverse=reverse)
    if points.empty:
        words = "no edge was selected" if table.empty else "no edge has an effect to compare with"
        ax.text(
            0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=style.NOTE_COLOR,
            fontsize=style.FONT_SIZE, bbox={"facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip
    _draw_points(ax, points, limits)
    named, wanted = _name_points(ax, points, limits, reverse=reverse)
    if named < wanted:
        which = "all" if len(points) <= _VERY_FEW else "significant" if reverse else "significant and different"
        notes.append(f"{named} of {wanted} edges named ({which})")
    _write_heading(ax, found, notes)
    return ax


def _outside(points: pd.DataFrame, limits: list[float]) -> pd.Series:
    return (points["x"].abs() > limits[0]) | (points["y"].abs() > limits[1])


def _new_axes(points: pd.DataFrame, n_lines: int) -> "Axes":
    """Axes with room for so many lines below the heading, and for the key."""
    n_looks = len(points[["agrees", "significant"]].drop_duplicates())
    below = _BELOW + _ENTRY * n_looks
    above = _ABOVE + n_lines * _LINE_ABOVE * style.SMALL_FONT_SIZE / style.POINTS_PER_INCH
    return new_axes(_LEFT, _SIDE[0], _RIGHT, below, _SIDE[1], above)


def _points(table: pd.DataFrame, *, reverse: bool) -> pd.DataFrame:
    """Edges that can be compared: name, x, y with their standard errors, and what they look like."""
    prefix = "reverse_" if reverse else ""
    table = table[table[f"{prefix}agrees"].notna()]
    return pd.DataFrame({
        "name": table["source"] + "→" + table["target"],
        "x": table["coef"].astype(float),
        "x_se": table["se"].astype(float),
        "y": -table[f"{prefix}effect"].astype(float),
        "y_se": table[f"{prefix}effect_se"].astype(float),
        "agrees": table[f"{prefix}agrees"].astype(bool),
        "significant": table[f"{prefix}significant"].astype(bool),
    }).reset_index(drop=True)  # fmt: skip


def _limit(values: np.ndarray, se: np.ndarray) -> float:
    """Half of the width of an axis: room for all values, but for those far outside."""
    if not len(values):
        return 1.0
    size = np.abs(values)
    if len(values) <= _FEW:
        ends = interval_95(size, np.nan_to_num(se))[1]
        return 1.1 * float(np.minimum(ends, _FAR * size.max()).max())
    return 1.1 * float(size[size <= _FAR * np.quantile(size, 0.95)].max())


def _finish_axes(ax: "Axes", limits: list[float], *, reverse: bool) -> None:
    """Quarters, axes and their names."""
    x, y = limits
    for left, low in ((-x, -y), (0.0, 0.0)):
        ax.fill_between([left, left + x], low, low + y, facecolor=style.NODE_FACE, edgecolor="none", zorder=0)
    ax.axhline(0.0, color=style.NOTE_COLOR, linewidth=0.8, zorder=1)
    ax.axvline(0.0, color=style.NOTE_COLOR, linewidth=0.8, zorder=1)
    ax.set(xlim=(-x, x), ylim=(-y, y))
    ax.set_xlabel("edge coefficient", fontsize=style.FONT_SIZE)
    perturbed, other = ("target", "source") if reverse else ("source", "target")
    ax.set_ylabel(
        f"−1 × effect of perturbing the {perturbed}\non the {other}: {style.LOG_FOLD_CHANGE}", fontsize=style.FONT_SIZE
    )
    plain(ax)


def _draw_points(ax: "Axes", points: pd.DataFrame, limits: list[float]) -> None:
    """Symbols and, for few edges, intervals; what is outside stands at the border."""
    few = len(points) <= _FEW
    x, y = (np.clip(points[name], -limit, limit) for name, limit in zip("xy", limits, strict=True))
    outside = _outside(points, limits)
    size = 5.5 if few else 4.2 if len(points) <= 150 else 3.2
    looks = ((True, "o", style.PLAIN_COLOR, "agree"), (False, "D", style.ALERT_COLOR, "differ"))
    for agrees, marker, color, word in looks:
        for significant in (False, True):
            kind = (points["agrees"] == agrees) & (points["significant"] == significant)
            if not kind.any():
                continue
            own = kind & ~outside
            label = f"signs {word}, effect {'significant' if significant else 'not significant'} ({kind.sum()})"
            face = color if significant else "white"
            options = {"color": color, "markerfacecolor": face, "markeredgewidth": 0.9, "linestyle": "none"}
            if few:
                lengths = (interval_95(0.0, points.loc[own, f"{name}_se"])[1] for name in "xy")
                spread = dict(zip(("xerr", "yerr"), lengths, strict=True))
                ax.errorbar(x[own], y[own], **spread, fmt="none", ecolor=color, elinewidth=0.7, alpha=0.7, zorder=2)
            scaled = size * (0.85 if marker == "D" else 1.0)
            ax.plot(x[own], y[own], marker, markersize=scaled, label=label, zorder=4 - agrees, **options)
            for i in points.index[kind & outside]:
                ax.plot(x[i], y[i], _towards(points.loc[i], limits), markersize=size + 1.5, clip_on=False, **options)
    if len(points):
        below = ScaledTranslation(0.0, -0.48, ax.figure.dpi_scale_trans)
        ax.legend(
            fontsize=style.SMALL_FONT_SIZE, frameon=False, loc="upper left", bbox_to_anchor=(0.0, 0.0),
            bbox_transform=ax.transAxes + below, borderaxespad=0.0, handletextpad=0.3,
        )  # fmt: skip


def _towards(point: pd.Series, limits: list[float]) -> str:
    """Triangle that points out of the picture."""
    if abs(point["x"]) > limits[0]:
        return ">" if point["x"] > 0 else "<"
    return "^" if point["y"] > 0 else "v"


def _name_points(ax: "Axes", points: pd.DataFrame, limits: list[float], *, reverse: bool) -> tuple[int, int]:
    """Name what needs a look; returns how many have a name, and how many should."""
    telling = points["significant"] & (reverse | ~points["agrees"])
    if len(points) <= _VERY_FEW:
        telling |= True
    ranked = points.assign(_size=(points["y"] / points["y_se"]).abs())[telling]
    chosen = ranked.sort_values(["_size", "name"], ascending=[False, True]).head(_MOST_NAMES)
    if chosen.empty:
        return 0, 0
    places = np.column_stack([np.clip(points[c], -limit, limit) for c, limit in zip("xy", limits, strict=True)])
    others = [np.delete(places, chosen.index, axis=0)]
    if len(points) <= _FEW:
        others += _along_intervals(points, limits)
    texts = label_points(
        ax, places[chosen.index], chosen["name"].tolist(), others=np.vstack(others),
        font_size=style.SMALL_FONT_SIZE - 1.0,
    )  # fmt: skip
    for text in texts:
        text.set_path_effects([withStroke(linewidth=2.0, foreground="white", alpha=0.8)])
    return len(texts), int(telling.sum())


def _along_intervals(points: pd.DataFrame, limits: list[float]) -> list[np.ndarray]:
    """Points on the lines of the intervals, which names must not cover."""
    at = np.linspace(*interval_95(0.0, 1.0), 9)
    x, y, x_se, y_se = (points[name].to_numpy()[:, None] for name in ("x", "y", "x_se", "y_se"))
    lines = [(x + at * x_se, y + 0 * at), (x + 0 * at, y + at * y_se)]
    places = [np.column_stack([a.ravel(), b.ravel()]) for a, b in lines]
    return [place[np.isfinite(place).all(axis=1) & (np.abs(place) <= limits).all(axis=1)] for place in places]


def _notes(table: pd.DataFrame, found: Agreement, far: int, *, reverse: bool) -> list[str]:
    notes = [_share_words(found)] if found.n_tested else []
    if reverse and found.n_tested:
        notes.append("about half is expected if the edges point the right way")
    if found.n_significant and found.n_significant < found.n_tested:
        notes.append(f"of {found.n_significant} with a significant effect {found.n_significant_agree} agree")
    if lost := found.n_edges - found.n_tested:
        agrees = table["reverse_agrees" if reverse else "agrees"]
        names = (table["source"] + "→" + table["target"])[agrees.isna()].tolist()
        notes.append(_first_that_fits(f"{counted(lost, 'edge')} without an effect", names))
    if far:
        notes.append(f"{counted(far, 'edge')} beyond the axes, drawn at the border")
    return notes


def _first_that_fits(words: str, names: list[str]) -> str:
    """The words and as many of the names as a line above the axes holds."""
    lines = [f"{words}: {name_some(names, n)}" for n in range(min(len(names), 4), 0, -1)]
    room = (_SIDE[0] + _RIGHT) * style.POINTS_PER_INCH
    return next((line for line in lines if style.text_width(line, style.SMALL_FONT_SIZE) < room), words)


def _share_words(found: Agreement) -> str:
    """The share and its interval, with so many digits that what is not 0 or 100 % does not read so."""
    percents = [100 * x for x in (found.share, found.ci_low, found.ci_high)]
    inner = [x for x in percents if _EXACT < x < 100 - _EXACT]
    digits = next(d for d in range(_MOST_DIGITS + 1) if d == _MOST_DIGITS or all(0 < round(x, d) < 100 for x in inner))
    share, low, high = (_percent(x, digits) for x in percents)
    return f"{share} %, 95 % interval {low}–{high} %"


def _percent(x: float, digits: int) -> str:
    if x <= _EXACT or x >= 100 - _EXACT:
        return f"{x:.0f}"
    least = 10.0**-digits
    return f"{min(max(x, least), 100 - least):.{digits}f}"


def _write_heading(ax: "Axes", found: Agreement, notes: list[str]) -> None:
    """How many agree in ink, and below it, in grey, the share and what it rests on."""
    if found.n_tested:
        verb = "agrees" if found.n_agree == 1 else "agree"
        title = f"{found.n_agree} of {counted(found.n_tested, 'edge')} {verb} in sign"
    else:
        title = "Signs of edges and interventions"
    step = _LINE_ABOVE * style.SMALL_FONT_SIZE
    for i, note in enumerate(reversed(notes)):
        ax.annotate(
            note, (0.0, 1.0), (0.0, 5.0 + i * step), xycoords="axes fraction", textcoords="offset points",
            fontsize=style.SMALL_FONT_SIZE, color=style.NOTE_COLOR, va="bottom", parse_math=False,
        )  # fmt: skip
    ax.set_title(title, fontsize=style.FONT_SIZE, loc="left", x=0.0, pad=7.0 + len(notes) * step)

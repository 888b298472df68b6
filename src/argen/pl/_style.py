"""Sizes, colours and signs of the drawings; lengths are points at the natural size of a figure."""

import math
import warnings

from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.textpath import text_to_path

# Okabe & Ito's blue and vermillion: apart for every common kind of colour vision, and in grey. In every picture blue
# raises and orange lowers; what has no sign is slate, and what needs a look is purple (of Tol's bright scheme).
POSITIVE_COLOR, NEGATIVE_COLOR = "#0072B2", "#D55E00"
PLAIN_COLOR, ALERT_COLOR = "#5B6770", "#AA3377"
POSITIVE_HEAD, NEGATIVE_HEAD = "-|>,head_length=0.7,head_width=0.32", "-[,widthB=0.4,lengthB=0"
UNSIGNED_HEAD = "->,head_length=0.45,head_width=0.3"
NODE_FACE, NODE_EDGE = "#EEF1F4", "#5B6770"
ISOLATED_FACE, ISOLATED_EDGE = "#FFFFFF", "#B4BBC1"
INK, NOTE_COLOR = "#1A1A1A", "#5B6770"
COLORMAP = "cividis"

LOG_FOLD_CHANGE = "log fold change (natural)"
"""What axes call effects of perturbations."""

POINTS_PER_INCH = 72
FONT_SIZE, SMALL_FONT_SIZE = 9.0, 8.0
BOX_LINE_WIDTH, ROUNDING = 0.8, 5.0
HEAD_SIZE = 8.0
MIN_LINE_WIDTH, UNKNOWN_LINE_WIDTH, MAX_LINE_WIDTH = 0.7, 1.0, 3.0
HALO_WIDTH = 0.9  # white rim on each side of an edge, so that crossings read as one line over another
MARGIN = 10.0


def text_width(text: str, size: float) -> float:
    """Width of `text` in points, without a renderer and without mathtext."""
    with warnings.catch_warnings():  # drawing warns about glyphs that the font lacks; measuring need not too
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font", category=UserWarning)
        return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0]


def line_width(weight: float, largest: float) -> float:
    """Width of an edge: linear in ``|weight|``, with a floor that keeps the weakest edge visible."""
    if math.isnan(weight):
        return UNKNOWN_LINE_WIDTH
    share = abs(weight) / largest if largest > 0 else 0.0
    return MIN_LINE_WIDTH + (MAX_LINE_WIDTH - MIN_LINE_WIDTH) * share


def edge_color(weight: float) -> str:
    """Colour of the sign of an edge, slate where it is not known."""
    return PLAIN_COLOR if math.isnan(weight) else NEGATIVE_COLOR if weight < 0 else POSITIVE_COLOR


def edge_look(weight: float, largest: float, scale: float) -> dict[str, object]:
    """Arguments of the arrow of an edge: sign by colour and by head, size by line width."""
    width = line_width(weight, largest)
    return {
        "arrowstyle": UNSIGNED_HEAD if math.isnan(weight) else NEGATIVE_HEAD if weight < 0 else POSITIVE_HEAD,
        "color": edge_color(weight),
        "linewidth": width * scale,
        "mutation_scale": HEAD_SIZE * scale,
        "capstyle": "butt",
        "joinstyle": "miter",
        "path_effects": [withStroke(linewidth=(width + 2 * HALO_WIDTH) * scale, foreground="white")],
    }


def ink_on(face: object) -> str:
    """Dark or white ink, whichever reads better on the colour `face` (luminance after Rec. 709)."""
    red, green, blue = to_rgb(face)
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "#FFFFFF"

"""Style shared by all figures of a report: fonts, colors, wrapped titles, and file output."""

import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from PIL import Image

from clothseg.error import shortened
from clothseg.files import write_bytes

DPI = 150
FONT = "DejaVu Sans"  # ships with matplotlib, so figures look the same everywhere
report_style = rc_context(
    {
        "font.family": FONT,
        "font.size": 8,
        "axes.titlesize": 9,
        "axes.labelsize": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#808080",
        "axes.linewidth": 0.6,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.4,
        "lines.markersize": 3.5,
        "hatch.linewidth": 0.6,
        "legend.frameon": False,
        "figure.facecolor": "white",
        "figure.constrained_layout.h_pad": 0.08,
        "figure.constrained_layout.w_pad": 0.08,
        "text.parse_math": False,
    }
)
"""Decorator of drawing functions; restores matplotlib's settings when the function returns."""

MAX_NAME = 60
"""Longest name of a class in a figure, characters, so that no name decides its size; those of the
shipped datasets have at most 40."""

TITLE: dict[str, Any] = {"fontsize": 10, "fontweight": "bold"}
BLUE, ORANGE, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "#5f5f5f"
"""Three colors of Okabe and Ito's color-blind-safe palette, and a gray for notes."""


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, drawn once; `savefig` draws a figure with a layout engine twice."""
    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(buffer, "png")
    write_bytes(path, buffer.getvalue())


def text_width(text: str, size: float) -> float:
    """Width of one line of text in inches, at a font size in points."""
    font = FontProperties(family=FONT, size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return width / 72


def fit_title(title: str, width: float) -> str:
    """Break a title into at most three lines that fit a figure of this width in inches."""
    characters = int(width / text_width("n", TITLE["fontsize"]))
    fitting = shortened(title, 3 * characters)
    return textwrap.fill(fitting, characters, break_on_hyphens=False, max_lines=3, placeholder=" …")

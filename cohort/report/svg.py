"""From a drawing to SVG that lives inside the page.

In: a matplotlib figure laid out in CSS pixels. Out: inline SVG whose colours are the page's own (so that
light, dark and print agree), whose text is text, whose ids are unique on the page, and whose bytes depend
on nothing but the drawing. No pyplot: nothing is left behind.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import matplotlib
from markupsafe import Markup, escape
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cohort.report.classes import STYLE

WIDE: Final = 860
NARROW: Final = 350
TEXT_SIZE: Final = 12.5
SMALL: Final = 11.5

INKS: Mapping[str, str] = {
    "ink": "#0a0b01",
    "muted": "#0a0b02",
    "rule": "#0a0b03",
    "paper": "#0a0b04",
    "panel": "#0a0b05",
    "binder": "#0a0b06",
    "non_binder": "#0a0b07",
    "unknown": "#0a0b08",
    "contrast": "#0a0b09",
    "none": "#0a0b0a",
    "other": "#0a0b0c",
}
"""Placeholder colours by name: each becomes the style sheet's variable of that name."""

_VARIABLES = {code: f"var(--{name.replace('_', '-')})" for name, code in INKS.items()}
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],  # shipped with matplotlib: the layout is the same on every machine
    "font.size": TEXT_SIZE,
    "text.parse_math": False,  # a dollar sign in a drug's name is a dollar sign
    "path.simplify": False,
    "axes.unicode_minus": True,
}


_PART = "part¦"
_PARTED = re.compile(rf'<g id="{_PART}([^"¦]*)¦([^"¦]*)¦([^"]*)">')


@dataclass(frozen=True)
class Picture:
    """A figure drawn twice, for wide pages and for phones; the style sheet shows one of them."""

    name: str
    wide: Markup
    narrow: Markup

    def alone(self) -> str:
        """The wide drawing as a file of its own, in the colours of the light page."""
        light = _light()
        text = re.sub(r"var\(--([\w-]+)\)", lambda found: light[found[1]], self.wide)
        style = (
            f'text {{ font-family: "DejaVu Sans", sans-serif }} text:not([style*="fill"]) {{ fill: {light["ink"]} }}'
        )
        text = text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return text.replace("<title", f"<style>{style}</style><title", 1) + "\n"


def _light() -> dict[str, str]:
    """The colours of the light page by name."""
    sheet = STYLE.read_text(encoding="utf-8")
    return dict(re.findall(r"--([\w-]+): (#\w+);", sheet[: sheet.index("}")]))


@contextmanager
def part(
    axes: Axes,
    words: str,
    exposure: str = "",
    age: str = "",
    *,
    columns: tuple[float, float] | None = None,
    rows: tuple[float, float] | None = None,
) -> Iterator[None]:
    """All that is drawn meanwhile belongs together: it has words to read when it is pointed at.

    Args:
        words: such as the class, the age and the hazard ratio.
        exposure, age: by which a reader may choose it; empty where it is of all.
        columns, rows: where, along the axes or up them, pointing anywhere counts.
    """
    before = {id(artist) for artist in _drawn(axes)}
    for span, reach in ((axes.axvspan, columns), (axes.axhspan, rows)):
        if reach:
            span(*reach, facecolor="none", linewidth=0)
    yield
    for artist in _drawn(axes):
        if id(artist) not in before:
            artist.set_gid(f"{_PART}{exposure}¦{age}¦{words}")


def _drawn(axes: Axes) -> list[Artist]:
    return [*axes.lines, *axes.patches, *axes.collections, *axes.texts, *(axes.figure.texts if axes.figure else ())]


class Sheet:
    """A drawing area measured in CSS pixels from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self.figure.patch.set_visible(False)

    @property
    def is_narrow(self) -> bool:
        """Whether this is the drawing for phones."""
        return self.width < 600

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Empty axes with quiet spines."""
        place = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(place)
        axes.patch.set_visible(False)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(INKS["rule"])
        axes.tick_params(length=0, labelsize=SMALL, labelcolor=INKS["muted"], color=INKS["rule"], pad=5)
        return axes

    def text(self, x: float, y: float, words: str, **style: Any) -> None:
        """Text at a place, its middle on the line y."""
        style = {"color": "ink", "ha": "left", "va": "center", **style}
        style["color"] = INKS[style["color"]]
        self.figure.text(x / self.width, 1 - y / self.height, words, **style)


def picture(name: str, title: str, description: str, draw: Callable[[int], Sheet]) -> Picture:
    """Draw a figure at both widths.

    Args:
        name: prefix of every id of the figure, unique on the page.
        title: what the figure is, for a screen reader.
        description: what is to be seen, for a screen reader.
        draw: makes the sheet for a width in pixels.
    """
    return Picture(
        name,
        _render(f"{name}-wide", title, description, draw, WIDE),
        _render(f"{name}-narrow", title, description, draw, NARROW),
    )


def _render(name: str, title: str, description: str, draw: Callable[[int], Sheet], width: int) -> Markup:
    buffer = io.StringIO()
    settings: Any = {**_SETTINGS, "svg.hashsalt": name}
    with matplotlib.rc_context(settings):
        sheet = draw(width)
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        sheet.figure.savefig(buffer, format="svg", metadata=no_metadata)
    drawing = _for_the_page(buffer.getvalue(), name)
    opening = (
        f'<svg viewBox="0 0 {sheet.width:g} {sheet.height:g}" '
        f'width="{sheet.width:g}" height="{sheet.height:g}" '
        f'role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    )
    return Markup(opening + drawing)


def _for_the_page(text: str, name: str) -> str:
    """What lies inside matplotlib's `<svg>`, with the page's colours and with ids of its own."""
    text = text[text.index(">", text.index("<svg")) + 1 :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, count=1, flags=re.DOTALL)
    text = _PARTED.sub(_opened, text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    for code, variable in _VARIABLES.items():
        text = text.replace(code, variable)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)  # the page's own font
    return re.sub(r"\n\s*", "\n", text).strip()


def _opened(found: re.Match[str]) -> str:
    """The group of a part: by what it is chosen, and its words."""
    exposure, age, words = found.groups()
    chosen = "".join(f' data-{name}="{value}"' for name, value in (("exposure", exposure), ("age", age)) if value)
    return f'<g class="part"{chosen}><title>{words}</title>'

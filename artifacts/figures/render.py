"""Figures as PNG and SVG files, with the same bytes for the same figure."""

import base64
import io
from dataclasses import dataclass

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

DOTS_PER_INCH = 200  # Twice the page's resolution: sharp on a fine screen and when enlarged.
PNG_COLOURS = 255  # Enough for lines and their smoothed edges; files shrink to a third of the size.
UI_DOTS_PER_INCH, UI_COLOURS = 80, 24  # With 16 colours, grids and the bands of quartiles vanish.


@dataclass(frozen=True)
class Picture:
    """A figure as PNG and as SVG."""

    png: bytes
    svg: str

    @property
    def data_uri(self) -> str:
        """A `data:` address, for markdown with embedded pictures."""
        return data_uri(self.png)


def picture(figure: Figure) -> Picture:
    """The figure as PNG and as SVG."""
    _show_dollars(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    figure.set_layout_engine(None)  # Both formats have the same layout, computed only once.
    text = buffer.getvalue()
    return Picture(png(figure), text[text.index("<svg") :])


def png(figure: Figure) -> bytes:
    """The figure as PNG."""
    _show_dollars(figure)
    pixels, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(pixels, format="rgba", dpi=DOTS_PER_INCH)
    width = int(figure.get_size_inches()[0] * DOTS_PER_INCH)
    size = width, len(pixels.getvalue()) // (4 * width)
    image = Image.frombytes("RGBA", size, pixels.getvalue()).convert("RGB")
    _few_colours(image, PNG_COLOURS).save(packed, format="png")
    return packed.getvalue()


def data_uri(image: bytes) -> str:
    """A PNG from `png` as a `data:` address for the UI: a smaller WebP with few colours.

    Prefect's server keeps the picture three times: in the artifact, as the newest of its key, and in an event.
    """
    packed = io.BytesIO()
    with Image.open(io.BytesIO(image)) as large:
        size = [max(1, round(pixels * UI_DOTS_PER_INCH / DOTS_PER_INCH)) for pixels in large.size]
        small = large.convert("RGB").resize((size[0], size[1]), Image.Resampling.LANCZOS)
    _few_colours(small, UI_COLOURS).convert("RGB").save(packed, format="webp", lossless=True)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode()


def _few_colours(image: Image.Image, colours: int) -> Image.Image:
    return image.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _show_dollars(figure: Figure) -> None:
    """Never typeset text from the data as a formula; only the tick labels of logarithmic axes are formulas."""
    at_ticks = {id(label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _labels(axis)}
    for text in figure.findobj(Text):
        if id(text) not in at_ticks:
            text.set_parse_math(False)


def _labels(axis: Axis) -> list[Text]:
    return axis.get_ticklabels(which="both") if axis.get_scale() == "log" else []

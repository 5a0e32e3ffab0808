"""Figures as files: PNG and SVG, the same bytes for the same figure."""

import base64
import io
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure as PNG and as SVG."""

    png: bytes
    svg: str

    @property
    def data_uri(self) -> str:
        """A `data:` address for markdown that must carry its pictures."""
        return data_uri(self.png)


def picture(figure: Figure) -> Picture:
    """The figure in both formats."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    figure.set_layout_engine(None)  # Both formats have the same layout: it is computed once.
    text = buffer.getvalue()
    return Picture(png(figure), text[text.index("<svg") :])


def png(figure: Figure) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def data_uri(image: bytes) -> str:
    """A PNG as a `data:` address."""
    return "data:image/png;base64," + base64.b64encode(image).decode()

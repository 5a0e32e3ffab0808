"""What the pages share: templates, our own scripts and styles, and how a content policy knows them."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def template_environment(autoescape: bool = True) -> Environment:
    """Jinja with our templates; a name that a template lacks is an error."""
    return Environment(
        loader=PackageLoader("artifacts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=autoescape,  # noqa: S701 -- off for markdown: its filters escape what is data
    )


def own_source(*names: str) -> Markup:
    """Our own scripts or styles, one below the other, as they stand in a page."""
    texts = [(TEMPLATES / name).read_text(encoding="utf-8").strip() for name in names]
    return Markup("\n".join(texts))  # noqa: S704 -- our own files


def policy_hash(source: str) -> str:
    """What a content policy knows an inline script or style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"

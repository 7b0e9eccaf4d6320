"""The HTML document of a playground: template, scripts, styles, module and model in one file."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from cnnx.drawing.page import style_sheet
from cnnx.playground.bundle import bundle
from cnnx.playground.wasm_module import read_wasm_module

_WEB = Path(__file__).parent / "web"


@dataclass(frozen=True)
class Sample:
    """An image to begin with.

    Attributes:
        name: what the page calls it.
        pixels: base64 of its uint8 pixels, of the model's size.
    """

    name: str
    pixels: str


def playground_page(model: bytes, title: str, samples: list[Sample]) -> str:
    """The document.

    Args:
        model: bytes of the file of a classifier.
        title: title of the page.
        samples: images to begin with.

    Raises:
        FileNotFoundError: if cnnx was installed without its WebAssembly module.
    """
    parts = {
        "title": html.escape(title),
        "page_style": style_sheet(),
        "style": "\n".join(
            sheet.read_text(encoding="utf-8") for sheet in sorted(_WEB.glob("*.css"))
        ),
        "module": _packed_module(),
        "model": _packed(model),
        # In a script element, where only "<" could end it.
        "samples": json.dumps([asdict(each) for each in samples]).replace("<", "\\u003c"),
        "worker": bundle(_WEB / "worker.js"),
        "script": bundle(_WEB / "main.js"),
    }
    template = (_WEB / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], template)


@cache
def _packed_module() -> str:
    return _packed(read_wasm_module())


def _packed(content: bytes) -> str:
    """Base64 of the gzipped bytes, the same for the same bytes."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")

"""The live page of the site: a playground of the network of `cnnx demo`.

The site has it where cnnx was installed with its WebAssembly module.
"""

from __future__ import annotations

from pathlib import Path

import cnnx
from cnnx.cli import demo
from cnnx.playground.wasm_module import WASM_MODULE

_FILE = "x-or-o.html"
_SAMPLES = 8


def has_live_page() -> bool:
    """Whether the site has the page."""
    return WASM_MODULE.exists()


def with_link(text: str) -> str:
    """A page in Markdown with a link to the live page below its title."""
    title, rest = text.split("\n", 1)
    link = f'<a href="{_FILE}">Try the network of <code>cnnx demo</code> in this browser.</a>'
    return f"{title}\n\n{link}\n{rest}"


def write_live_page(site: Path) -> None:
    """Train the network, and write its page into the built site."""
    x, y = cnnx.data.xo(demo.TRAINING_IMAGES, seed=demo.SEED)
    model, _ = demo.learn(x, y, verbose=False)
    images, _ = cnnx.data.xo(_SAMPLES, seed=demo.TEST_SEED)
    cnnx.playground.write(site / _FILE, model, images=images, title="X or O?")

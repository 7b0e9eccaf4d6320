"""Images as lines of characters, and the text between them, for demonstrations in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHADES = " .:+#"


def in_characters(pixels: NDArray[Any]) -> list[str]:
    """Grey image, 0 to 255, as lines of characters, one per two rows, denser where brighter."""
    height, width = pixels.shape
    lines = pixels[: height // 2 * 2].reshape(height // 2, 2, width).mean(axis=1)
    return ["".join(_SHADES[int(value * len(_SHADES) / 256)] for value in line) for line in lines]


def side_by_side(left: list[str], right: list[str]) -> str:
    """Two character images side by side."""
    return "\n".join(f"   {a}     {b}" for a, b in zip(left, right, strict=True))


def size_of(path: Path) -> str:
    """Size of a file in MB as text."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def say(text: Any) -> None:
    """Print and flush, to keep the order with the progress bar on stderr."""
    print(text, flush=True)

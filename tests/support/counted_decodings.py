"""Run `cnnx` and count the image files that it decodes; run by tests/distributed.

Not part of the package. Every decoding adds the path of the file to a log.

    mpiexec -n 2 python tests/support/counted_decodings.py LOG train PATH --shards 2
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnx import cli
from cnnx.data.image import ImageReader


def logged(method: Callable[..., Any], log: Path) -> Callable[..., Any]:
    """A method of a reader that also adds the path it is given to the log."""

    def read(self: ImageReader, path: str) -> object:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{path}\n")
        return method(self, path)

    return read


if __name__ == "__main__":
    for name in ("read", "read_unless_resized"):
        setattr(ImageReader, name, logged(getattr(ImageReader, name), Path(sys.argv[1])))
    sys.exit(cli.main(sys.argv[2:]))

"""``python -m cnnx``: the command line, and where CMake finds the C++ library in this package."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Prints the CMake folder for ``--cmake-dir``, importing nothing; else the ``cnnx`` command."""
    if sys.argv[1:] == ["--cmake-dir"]:
        print(Path(__file__).parent / "lib" / "cmake" / "cnnx")
        return 0
    from cnnx.cli import main as cli_main

    return cli_main()


if __name__ == "__main__":
    sys.exit(main())

"""``python -m cnnx``: the command line and the CMake folder of this package."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Run the ``cnnx`` command, or print the CMake folder for ``--cmake-dir`` without imports."""
    if sys.argv[1:] == ["--cmake-dir"]:
        print(Path(__file__).parent / "lib" / "cmake" / "cnnx")
        return 0
    from cnnx.cli import main as cli_main

    return cli_main()


if __name__ == "__main__":
    sys.exit(main())

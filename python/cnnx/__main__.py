"""``python -m cnnx``: the command line and the CMake folder of this package."""

from __future__ import annotations

import sys

from cnnx.cmake_folder import cmake_folder


def main() -> int:
    """Run the ``cnnx`` command, or print the CMake folder for ``--cmake-dir`` without imports."""
    if sys.argv[1:] == ["--cmake-dir"]:
        print(cmake_folder())
        return 0
    from cnnx.cli import main as cli_main

    return cli_main()


if __name__ == "__main__":
    sys.exit(main())

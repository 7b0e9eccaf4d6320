"""``python -m cnnx``: the command line and the CMake folder of this package."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """Run the ``cnnx`` command, or print the CMake folder for ``--cmake-dir`` without imports."""
    if sys.argv[1:] == ["--cmake-dir"]:
        # Beside the extension, which in an editable install is not beside this file.
        extension = find_spec("cnnx._core")
        assert extension is not None
        assert extension.origin is not None
        print(Path(extension.origin).parent / "lib" / "cmake" / "cnnx")
        return 0
    from cnnx.cli import main as cli_main

    return cli_main()


if __name__ == "__main__":
    sys.exit(main())

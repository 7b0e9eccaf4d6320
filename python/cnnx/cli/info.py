"""`cnnx info`: description of this installation or of a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path

from cnnx.cli.errors import require_file
from cnnx.cli.parser import Commands

_EPILOG = """\
examples:
  cnnx info                 the version, instruction set and threads that cnnx uses here
  cnnx info model.cnnx      the layers, classes and preprocessing of a model
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "info",
        help="describe a model, or this installation",
        description="Describes a saved model, or this installation of cnnx.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", type=Path, help="a file that cnnx saved"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one fact per line."""
    lines = installation() if arguments.model is None else contents(arguments.model)
    print("\n".join(lines))
    return 0


def installation() -> list[str]:
    """Lines on this installation: version, instruction set, threads."""
    import platform

    import numpy as np

    import cnnx

    threads = "with OpenMP" if cnnx.has_openmp() else "without OpenMP"
    if not cnnx.has_threads():
        threads = "built serial: one thread only"
    return [
        f"cnnx             {cnnx.__version__}",
        f"instruction set  {cnnx.isa()}",
        f"in integers      {cnnx.integer_isa()}",
        f"threads          {cnnx.get_num_threads()}, {threads}",
        f"Python           {platform.python_version()}, NumPy {np.__version__}",
    ]


def contents(path: Path) -> list[str]:
    """Lines on a model file: layers, classes, preprocessing."""
    import cnnx

    require_file(path)
    model = cnnx.load(path)
    height, width, channels = model.input_shape
    preprocessing = model.preprocessing
    classes = "numbered, without names" if model.classes is None else ", ".join(model.classes)
    temperature = (
        [] if model.temperature == 1 else [f"temperature    {model.temperature:.4f}, calibrated"]
    )
    return [
        model.summary(),
        "",
        f"input          {height} x {width}, {channels} channel{'s' if channels > 1 else ''}",
        f"classes        {classes}",
        f"preprocessing  resize {preprocessing.resize}, mean {preprocessing.mean}, "
        f"standard deviation {preprocessing.std}",
        *temperature,
        f"file           {path}, {path.stat().st_size:,} bytes",
    ]

"""`cnnx info`: description of this installation or of a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path

from cnnx.cli.errors import require_file
from cnnx.cli.parser import Commands

_EPILOG = """\
examples:
  cnnx info                 the version, instructions and threads that cnnx uses here
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
    """Lines on this installation: version, instructions, threads."""
    import platform

    import numpy as np

    import cnnx

    threads = "with OpenMP" if cnnx.has_openmp() else "without OpenMP"
    if not cnnx.has_threads():
        threads = "built serial: one thread only"
    return [
        f"cnnx             {cnnx.__version__}",
        f"instruction set  {cnnx.isa()}",
        f"int8             {_int8_support(cnnx.integer_isa())}",
        f"bfloat16         {bfloat16_support()}",
        f"threads          {cnnx.get_num_threads()}, {threads}",
        f"Python           {platform.python_version()}, NumPy {np.__version__}",
    ]


_INT8_INSTRUCTIONS = {
    "amx": "AMX tiles",
    "avx512_bf16": "AVX-512 VNNI",
    "avx512_vnni": "AVX-512 VNNI",
    "avx2_vnni": "AVX-VNNI",
    "neon_dotprod": "NEON dot products",
}


def _int8_support(level: str) -> str:
    """How this CPU computes quantized models, with the instruction set as CNNX_ISA names it."""
    native = _INT8_INSTRUCTIONS.get(level)
    if native is None:
        return f"{level}, without dot products of bytes: same bits, slower"
    return f"{level}, native: {native}"


def bfloat16_support() -> str:
    """How this CPU computes with `compute_dtype="bfloat16"`."""
    import cnnx

    if not cnnx.has_native_bfloat16():
        return "emulated: same bits, slower than float32"
    return f"native: {'AMX tiles' if cnnx.integer_isa() == 'amx' else 'AVX-512 BF16'}"


def contents(path: Path) -> list[str]:
    """Lines on a model file: layers, outputs, classes, preprocessing."""
    import cnnx
    from cnnx.arguments import shown

    require_file(path)
    model = cnnx.load(path)
    shapes = model.inputs or {"": model.input_shape}
    inputs = [f"input          {_input_text(name, *shape)}" for name, shape in shapes.items()]
    preprocessing = model.preprocessing
    classes = "numbered, without names" if model.classes is None else ", ".join(model.classes)
    outputs = [
        f"output         {head.name} {head.shape}, {head.task.replace('_', ' ')}"
        for head in model.heads
    ]
    predicts = outputs or [
        f"task           {model.task.replace('_', ' ')}",
        *([] if model.task == "regression" else [f"classes        {classes}"]),
    ]
    temperature = (
        [] if model.temperature == 1 else [f"temperature    {model.temperature:.4f}, calibrated"]
    )
    bfloat16 = model.compute_dtype == "bfloat16"
    computes = [f"computes in    bfloat16, {bfloat16_support()}"] if bfloat16 else []
    return [
        model.summary(),
        "",
        *inputs,
        *predicts,
        f"preprocessing  resize {preprocessing.resize}, mean {preprocessing.mean}, "
        f"standard deviation {preprocessing.std}",
        *temperature,
        *computes,
        *(f"{name:<14} {shown(text)}" for name, text in model.metadata.items()),
        f"file           {path}, {path.stat().st_size:,} bytes",
    ]


def _input_text(name: str, height: int, width: int, channels: int) -> str:
    """The size of an input, after its name if it has one."""
    size = f"{height} x {width}, {channels} channel{'s' if channels > 1 else ''}"
    return f"{name} {size}".lstrip()

"""`cnnx export`: a saved model as an ONNX file."""

from __future__ import annotations

import argparse
from pathlib import Path

from cnnx.cli import option_types as types
from cnnx.cli.errors import require_file
from cnnx.cli.outputs import check_new_onnx
from cnnx.cli.parser import Commands

_EPILOG = """\
The file has the preprocessing of pixels, the network, and the softmax or sigmoid of the outputs.
Images are resized before: the model expects uint8 pixels of its own size, (batch, height, width,
channels). The outputs are named probabilities and label. A model that cnnx import made has the
inputs and outputs of its ONNX file instead.

examples:
  cnnx export model.cnnx --out model.onnx
  cnnx export model.cnnx --out model.onnx --input float32 --output raw --no-labels
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "export",
        help="write a model as an ONNX file",
        description="Writes a saved model as an ONNX file, which other programs run without cnnx.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a file that cnnx saved")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", required=True, help="the ONNX file to write"
    )
    parser.add_argument(
        "--input",
        choices=("uint8", "float32"),
        help="input of the file: uint8 pixels, (batch, height, width, channels), or float32 images "
        "that are preprocessed already, (batch, channels, height, width) (default: that of the "
        "model's own ONNX file, or uint8)",
    )
    parser.add_argument(
        "--output",
        choices=("raw", "probabilities"),
        help="output of the file: that of the last layer, or its softmax or sigmoid (default: that "
        "of the model's own ONNX file, or probabilities)",
    )
    parser.add_argument(
        "--opset",
        type=types.positive_integer,
        metavar="N",
        default=18,
        help="version of ONNX's operators, 15 to 23 (default: 18)",
    )
    parser.add_argument(
        "--no-labels", action="store_true", help="without the output that has the class names"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing file at --out"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file and print its size."""
    import cnnx
    from cnnx.onnx.save import replace

    require_file(arguments.model)
    check_new_onnx(arguments.out, {"MODEL": arguments.model}, arguments.overwrite)
    form = replace(
        str(arguments.out),
        cnnx.load(arguments.model),
        input=arguments.input,
        output=arguments.output,
        labels=not arguments.no_labels,
        opset=arguments.opset,
    )
    size = arguments.out.stat().st_size
    kinds = ", ".join(dict.fromkeys(each.dtype for each in form.inputs))
    print(f"{arguments.out}: {size:,} bytes, opset {arguments.opset}, input {kinds}")
    return 0

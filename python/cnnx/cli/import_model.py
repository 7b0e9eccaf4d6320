"""`cnnx import`: conversion of an ONNX file to a model of cnnx."""

from __future__ import annotations

import argparse
from pathlib import Path

from cnnx.cli import option_types as types
from cnnx.cli.errors import UserError, require_file
from cnnx.cli.onnx_file import load_onnx
from cnnx.cli.outputs import check_new_model, save_model
from cnnx.cli.parser import Commands
from cnnx.wording import counted

_TASKS = ("classification", "multi_label", "segmentation", "regression")
_EPILOG = """\
The weights of a file of PyTorch may lie in a second file, which must be beside it. The package onnx
is needed: pip install 'cnnx[onnx]'. C++ and C programs load the result.

A network that scales its input from 0..255 itself needs no --mean and --std. Those of torchvision
need --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225.

examples:
  cnnx import resnet18.onnx --out resnet18.cnnx
  cnnx import net.onnx --out net.cnnx --size 224 --classes cat,dog
  cnnx import net.onnx --out features.cnnx --output features
  cnnx import ages.onnx --out ages.cnnx --task regression
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "import",
        help="convert an ONNX file to a model",
        description="Converts an ONNX file of another framework to a model of cnnx.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="an ONNX file")
    _add_network_options(parser)
    parser.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="the model to write"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file at --out")
    parser.set_defaults(run=run)


def _add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the file does not."""
    parser.add_argument(
        "--size",
        type=types.size,
        metavar="SIZE",
        help="image size, SIDE or HEIGHTxWIDTH, for a file that leaves it open",
    )
    parser.add_argument(
        "--channels",
        type=int,
        choices=(1, 3),
        default=3,
        help="channels of the images, with --size (default: 3)",
    )
    parser.add_argument(
        "--classes",
        type=types.names,
        metavar="NAMES",
        help="class names in the order of the outputs, separated by commas",
    )
    parser.add_argument(
        "--mean",
        type=types.numeric_means,
        metavar="MEAN",
        help="value subtracted from pixels in [0, 1], or one per channel",
    )
    parser.add_argument(
        "--std",
        type=types.positive_numbers,
        metavar="STD",
        help="divisor of pixels after --mean, or one per channel",
    )
    parser.add_argument(
        "--output", metavar="NAME", help="name of the value in the file that the model computes"
    )
    parser.add_argument(
        "--task",
        choices=_TASKS,
        help="what the outputs predict; regression is values (default: classes by their shape)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Convert the file, save the model and print its parts."""
    import cnnx

    require_file(arguments.file, "an ONNX file", ".onnx")
    check_new_model(arguments.out, {"FILE": arguments.file}, arguments.overwrite)
    preprocessing = None
    if arguments.mean is not None or arguments.std is not None:
        preprocessing = cnnx.Preprocessing(mean=arguments.mean or 0.0, std=arguments.std or 1.0)
    shape = None if arguments.size is None else (*arguments.size, arguments.channels)
    model = load_onnx(
        arguments.file,
        input_shape=shape,
        classes=arguments.classes,
        preprocessing=preprocessing,
        outputs=None if arguments.output is None else [arguments.output],
    )
    if arguments.task is not None:
        try:
            model.task = arguments.task
        except ValueError as error:
            raise UserError(str(error).replace("model: task", "--task", 1)) from error
    path = save_model(model, arguments.out, arguments.overwrite)
    parameters = sum(layer.parameter_count for layer in model.layers)
    print(f"{counted(len(model.layers), 'layer')}, {counted(parameters, 'parameter')}")
    print(f"saved {path}; describe it with: cnnx info {path}")
    return 0

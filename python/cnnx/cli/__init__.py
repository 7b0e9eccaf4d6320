"""The command `cnnx`: command line parsing, dispatch and error reporting."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
from collections.abc import Sequence

from cnnx.cli import (
    calibrate,
    compare,
    completion,
    demo,
    doctor,
    evaluate,
    explain,
    export,
    import_model,
    info,
    lr_find,
    playground,
    predict,
    quantize,
    report,
    train,
)
from cnnx.cli.errors import UsageError, UserError, sentence, warnings_as_cautions
from cnnx.cli.parser import USAGE, Parser
from cnnx.cli.processes import (
    check_command,
    communicator,
    complain_once,
    is_first,
    only_first_prints,
)
from cnnx.cli.signals import Interruptions
from cnnx.cli.variables import warn_of_misspelt_variables
from cnnx.cmake_folder import cmake_folder

SUCCESS, MISTAKE = 0, 1
CLOSED_PIPE = 141  # a shell's status for a program ended by SIGPIPE

_EPILOG = """\
start here:
  cnnx demo                           train a network to classify X and O, in seconds
  cnnx train PATH --out model.cnnx    train on a folder of images or IDX files
  cnnx doctor PATH                    find defects of the images
  cnnx lr-find PATH                   find a learning rate
  cnnx evaluate model.cnnx PATH       measure accuracy and confusion matrix
  cnnx compare a.cnnx b.cnnx PATH     compare two models on the same images
  cnnx calibrate model.cnnx PATH      make probabilities agree with accuracies
  cnnx quantize model.cnnx PATH --out small.cnnx  make a model smaller and faster
  cnnx report model.cnnx PATH         write a page about a model and its mistakes
  cnnx predict model.cnnx image.png   classify image files
  cnnx explain model.cnnx image.png   show what the model sees in images
  cnnx playground model.cnnx          write a page in which the model runs and trains
  cnnx info model.cnnx                describe a model
  cnnx export model.cnnx --out model.onnx  write a model as an ONNX file
  cnnx import net.onnx --out net.cnnx convert an ONNX file to a model

environment variables:
  CNNX_NUM_THREADS  number of threads; otherwise OMP_NUM_THREADS, otherwise all CPUs
  CNNX_ISA          instruction set, such as baseline or avx2 (default: the CPU's best)
  XDG_CACHE_HOME    folder of the cache of large image folders (default: ~/.cache)

exit status: 0 success, 1 error (a message names it), 2 wrong usage, 130 interrupted by Ctrl-C,
  143 ended by SIGTERM, 129 ended by SIGHUP, 141 the output pipe was closed
help for a command: cnnx train --help
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; user errors become messages."""
    _have_streams()
    _print_any_name()
    parser = build_parser()
    words = sys.argv[1:] if argv is None else argv
    try:
        with only_first_prints():
            arguments = parser.parse_words(words)
    except SystemExit as stop:  # the help or the message of a wrong command line is printed
        return stop.code if isinstance(stop.code, int) else USAGE
    command: str | None = arguments.command
    if command is None:
        if is_first():
            parser.print_help(sys.stderr)
        return USAGE
    arguments.command_line = shlex.join(["cnnx", *words])
    interruptions = Interruptions()
    try:
        check_command(command, arguments.command_line)
        communicator()  # so that an error of one process ends all
        with interruptions, warnings_as_cautions(command), only_first_prints():
            warn_of_misspelt_variables(command)
            status: int = arguments.run(arguments)
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        complain_once(command, str(stop) or "interrupted", stop)
        return interruptions.status
    except BrokenPipeError:  # the reader of the output, such as `head`, has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except (UserError, ValueError, OSError, ImportError, MemoryError) as error:
        complain_once(command, sentence(error), error)
        return USAGE if isinstance(error, UsageError) else MISTAKE
    return status


def build_parser() -> Parser:
    """Build the argument parser with one subparser per command."""
    parser = Parser(
        prog="cnnx",
        description="Train and run convolutional networks on the CPU.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    parser.add_argument(
        "--cmake-dir",
        action=_CMakeFolder,
        help="print the folder of the CMake files, cnnx_DIR of a C++ project, and exit",
    )
    completion.add_option(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for module in (
        *(demo, train, doctor, lr_find, evaluate, compare, calibrate, quantize),
        *(report, predict, explain, playground, info, export, import_model),
    ):
        module.add_parser(commands)
    parser.commands = commands.choices
    return parser


class _Print(argparse.Action):
    """Option without a value that prints something and exits."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help)


class _CMakeFolder(_Print):
    """Option that prints where C++ projects find the library."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        print(cmake_folder())
        parser.exit()


class _Version(_Print):
    """Option that prints the version, for which the compiled core is loaded only then."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        import cnnx

        print(f"cnnx {cnnx.__version__}")
        parser.exit()


def _have_streams() -> None:
    """Replace a closed stdout or stderr, as under some daemons, by the null device."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))


def _print_any_name() -> None:
    """Escape characters of class and file names that the terminal cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

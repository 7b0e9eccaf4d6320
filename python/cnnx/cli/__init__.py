"""The command `cnnx`: reads the command line, runs one command, turns mistakes into sentences."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from cnnx.cli import demo, evaluate, info, lr_find, predict, train
from cnnx.cli.errors import UserError, complain, sentence

SUCCESS, MISTAKE, USAGE, INTERRUPTED = 0, 1, 2, 130
UNREAD = 141  # as a shell calls a program that SIGPIPE has ended

_EPILOG = """\
start here:
  cnnx demo                                   watch a network learn X from O, in seconds
  cnnx train PATH --out model.cnnx            learn from a folder of images or IDX files
  cnnx lr-find PATH                           which learning rate to learn it with?
  cnnx evaluate model.cnnx PATH               how often is it right, and what does it mix up?
  cnnx predict model.cnnx image.png         what is this?
  cnnx info model.cnnx                        what is inside a model?

exit status: 0 done, 1 something to mend (one sentence says what), 2 wrong usage, 130 interrupted,
  141 nobody reads the output any more
each command explains itself: cnnx train --help
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and returns its exit status; raises nothing a user can cause."""
    _have_streams()
    _print_any_name()
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has printed the help or the usage
        return stop.code if isinstance(stop.code, int) else USAGE
    command: str | None = arguments.command
    if command is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        complain(command, str(stop) or "interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone: no one to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except (UserError, ValueError, OSError, ImportError, MemoryError) as error:
        complain(command, sentence(error))
        return MISTAKE
    return status


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, one subparser per command."""
    parser = argparse.ArgumentParser(
        prog="cnnx",
        description="Train and run convolutional networks on the CPU.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for module in (demo, train, lr_find, evaluate, predict, info):
        module.add_parser(commands)
    return parser


def _have_streams() -> None:
    """Where stdout or stderr is closed, as under some daemons, what is printed goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))


def _print_any_name() -> None:
    """Class and file names may hold characters the terminal has not: show those escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

"""Shell completion, `cnnx --print-completion SHELL`, written by the package shtab."""

from __future__ import annotations

import argparse
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from cnnx.cli.parser import Parser

_SHELLS = ("bash", "zsh", "tcsh")
_FILES = ("path", "model", "images")  # positional arguments that are files or folders


def add_option(parser: Parser) -> None:
    """Declare the option of the main command."""
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=_SHELLS,
        metavar="SHELL",
        help="print the completion of bash, zsh or tcsh and exit; for bash: "
        'eval "$(cnnx --print-completion bash)"',
    )


class _PrintCompletion(argparse.Action):
    """Option that prints a shell's completion of the whole command line."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: Any, *rest: object
    ) -> None:
        try:
            shtab = import_module("shtab")
        except ImportError:
            parser.exit(
                1,
                "cnnx: --print-completion needs shtab: "
                f"run {shlex.quote(sys.executable)} -m pip install shtab\n",
            )
        assert isinstance(parser, Parser)
        for command in parser.commands.values():
            for action in command.declared():
                if action.type is Path or action.dest in _FILES:
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, shell=values))
        parser.exit()

"""The reference of the command line: an overview and a page per command, from the parsers."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from cnnx.cli import build_parser
from cnnx.cli.parser import Parser

from docs.generators.markup import escaped, heading, indented, table

FOLDER = "command-line"
_REPEATS = {"+": "{0} [{0} ...]", "*": "[{0} ...]", "?": "[{0}]"}


def write(folder: Path) -> None:
    """Write the pages to `folder`/command-line."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    parser = build_parser()
    (target / "index.rst").write_text(_overview(parser), encoding="utf-8")
    for name, command in parser.commands.items():
        (target / f"{name}.rst").write_text(_command_page(command), encoding="utf-8")


def _overview(parser: Parser) -> str:
    lines = heading("Command line")
    lines += _description(parser)
    rows = [
        (f":doc:`{command.prog} <{name}>`", escaped(command.description or ""))
        for name, command in parser.commands.items()
    ]
    lines += [*heading("Commands", "-"), *table((), rows, (30, 70))]
    lines += heading("Options of every command line", "-")
    lines += [f".. program:: {parser.prog}", ""]
    for action in parser.declared():
        if action.option_strings:
            lines += _argument(action, parser)
    epilog, statuses = _exit_statuses(parser.epilog or "")
    for line in epilog_lines(epilog, parser):
        lines += heading(line[:-1], "-") if re.fullmatch(r"[A-Z][\w ]+:", line) else [line]
    lines += [".. _exit-status:", "", *heading("Exit status", "-"), *table((), statuses, (15, 85))]
    lines += [".. toctree::", "   :hidden:", "", *(f"   {name}" for name in parser.commands), ""]
    return "\n".join(lines)


def _command_page(parser: Parser) -> str:
    lines = heading(parser.prog)
    lines += [f".. program:: {parser.prog}", "", *_description(parser)]
    arguments = [each for each in parser.declared() if not each.option_strings]
    options = [each for each in parser.declared() if each.option_strings]
    for title, actions in (("Arguments", arguments), ("Options", options)):
        lines += heading(title, "-") if actions else []
        for action in actions:
            lines += _argument(action, parser)
    if parser.epilog:
        lines += [*heading("Details", "-"), *epilog_lines(parser.epilog, parser)]
    lines += [*heading("Exit status", "-"), "As for :ref:`every command <exit-status>`.", ""]
    return "\n".join(lines)


def _description(parser: Parser) -> list[str]:
    """The description, and a command line with all that is required."""
    words = [parser.prog]
    optional = False
    for action in parser.declared():
        if action.option_strings and action.required:
            words.append(f"{action.option_strings[0]} {_value(action)}")
        elif action.option_strings:
            optional = True
    words += ["[options]"] if optional else []
    words += [_value(each) for each in parser.declared() if not each.option_strings]
    usage = [".. code-block:: text", "", f"   {' '.join(words)}", ""]
    return [escaped(parser.description or ""), "", *usage]


def _value(action: argparse.Action) -> str:
    """The placeholder of an argument's value, "" for an option without one."""
    if action.nargs == 0:
        return ""
    choices = f"{{{','.join(map(str, action.choices or ()))}}}"
    name = str(action.metavar or (choices if action.choices else action.dest.upper()))
    return _REPEATS.get(str(action.nargs), "{0}").format(name)


def _argument(action: argparse.Action, parser: Parser) -> list[str]:
    """Directive of an argument with its help, choices and default."""
    value = _value(action)
    names = [f"{option} {value}".strip() for option in action.option_strings] or [value]
    words = (action.help or "") % {**vars(action), "prog": parser.prog}
    body = [f"{_with_options(words[:1].upper() + words[1:], parser)}."]
    if action.metavar and action.choices and not isinstance(action.choices, dict):
        unnamed = [str(each) for each in action.choices if str(each) not in words]
        body += ["", f"One of {', '.join(f'``{each}``' for each in unnamed)}."] if unnamed else []
    if action.default not in (None, False, argparse.SUPPRESS) and "default" not in words:
        body += ["", f"Default: ``{action.default}``."]
    return [f".. option:: {', '.join(names)}", "", *indented(body), ""]


def _with_options(text: str, parser: Parser) -> str:
    """Plain text in which options are links to their descriptions on the same page."""
    own = {option for action in parser.declared() for option in action.option_strings}

    def link(match: re.Match[str]) -> str:
        return f":option:`{match[0]}`" if match[0] in own else f"``{match[0]}``"

    return re.sub(r"(?<![\w`-])--[a-z][\w-]*", link, escaped(text))


def _exit_statuses(epilog: str) -> tuple[str, list[tuple[str, str]]]:
    """The epilog without its list of exit statuses, and their meanings by number."""
    found = re.search(r"^exit status: (.*(?:\n .*)*)\n?", epilog, flags=re.MULTILINE)
    if found is None:
        raise ValueError("cnnx: the help of the command line has no line 'exit status:'")
    listed = " ".join(found[1].split())
    statuses = re.findall(r"(?:^|, )(\d+) (.*?)(?=, \d+ |$)", listed)
    return epilog.replace(found[0], ""), [(f"``{number}``", words) for number, words in statuses]


def epilog_lines(epilog: str, parser: Parser) -> list[str]:
    """Text after the options: paragraphs, and code where lines are indented below a first one."""
    lines: list[str] = []
    for paragraph in epilog.strip().split("\n\n"):
        first, *others = paragraph.splitlines()
        is_code = bool(others) and all(line.startswith("  ") for line in others)
        if first.startswith("  ") and lines[-2:-1] and lines[-2].startswith("   "):
            lines += [*indented([line[2:] for line in paragraph.splitlines()]), ""]
        elif is_code:
            words = _with_options(first[:1].upper() + first[1:], parser)
            lines += [words, "", ".. code-block:: text", ""]
            lines += [*indented([line[2:] for line in others]), ""]
        else:
            lines += [*(_with_options(each.strip(), parser) for each in paragraph.splitlines()), ""]
    return lines

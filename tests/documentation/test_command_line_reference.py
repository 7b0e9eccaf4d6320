"""The command line's reference on the site: every command, option and exit status."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cnnx.cli import build_parser
from cnnx.cli.parser import Parser

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.generators import command_line  # noqa: E402

PARSER = build_parser()
COMMANDS = sorted(PARSER.commands)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Texts of the pages by name, without the escapes of plain text."""
    folder = tmp_path_factory.mktemp("reference")
    command_line.write(folder)
    files = (folder / "command-line").iterdir()
    return {path.stem: unescaped(path.read_text("utf-8")) for path in files}


def unescaped(text: str) -> str:
    text = re.sub(r"(?::option:|`)`(--[\w-]+)`{1,2}", r"\1", text)
    return re.sub(r"\\([\\*`|_])", r"\1", text).replace("``", "`")


def words(text: str | None) -> str:
    return " ".join((text or "").split())


def test_every_command_has_a_page(pages: dict[str, str]) -> None:
    assert sorted(pages) == sorted([*COMMANDS, "index"])
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_has_every_argument_with_its_help(command: str, pages: dict[str, str]) -> None:
    parser, page = PARSER.commands[command], pages[command]
    described = re.findall(r"^\.\. option:: (.*)$", page, re.MULTILINE)
    options = {re.split(r"[ ,]", each)[0] for each in described}
    for action in parser.declared():
        names = action.option_strings or [str(action.metavar)]
        assert options & {*names, *(f"[{name}" for name in names), *(f"[{n}]" for n in names)}
        text = words(action.help) % {**vars(action), "prog": parser.prog}
        assert text[1:] in words(page)
    assert len(described) == len(parser.declared())
    assert words(parser.description) in words(page)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_has_all_words_of_the_text_below_the_options(
    command: str, pages: dict[str, str]
) -> None:
    missing = set(words(PARSER.commands[command].epilog).lower().split()) - set(
        words(pages[command]).lower().split()
    )
    assert missing == set()


def test_the_overview_has_the_exit_statuses_of_the_help(pages: dict[str, str]) -> None:
    statuses = re.findall(r"^   \* - `(\d+)`\n     - (.*)$", pages["index"], re.MULTILINE)
    assert dict(statuses)["2"] == "wrong usage"
    assert dict(statuses)["143"] == "ended by SIGTERM"
    assert "Environment variables\n---------------------\n" in pages["index"]
    assert [number for number, _ in statuses] == ["0", "1", "2", "130", "143", "129", "141"]


def test_choices_and_defaults_are_shown_where_the_help_lacks_them() -> None:
    parser = Parser(prog="cnnx")
    action = parser.add_argument(
        "--way", choices=("fast", "exact"), metavar="WAY", default="fast", help="the way"
    )
    lines = command_line._argument(action, parser)
    assert lines[0] == ".. option:: --way WAY"
    assert "   One of ``fast``, ``exact``." in lines
    assert "   Default: ``fast``." in lines

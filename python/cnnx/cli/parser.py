"""Argument parser whose errors are one sentence each, with the line to type where it is known."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import zip_longest
from typing import Any, NoReturn, TypeAlias

from cnnx.cli.foreign_options import EXPLANATIONS, PLACES, SPELLINGS, WITHOUT_VALUE

USAGE = 2  # exit status of a wrong command line


class Parser(argparse.ArgumentParser):
    """Parser of `cnnx` or of one of its commands.

    Attributes:
        commands: parsers of the commands by name; empty for that of a command.
    """

    commands: Mapping[str, Parser] = {}
    _values: Mapping[str, str] = {}  # of the options of the line that is being parsed

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse a command line.

        Raises:
            SystemExit: after help, or after the message of a wrong command line.
        """
        place = next((k for k, word in enumerate(words) if not word.startswith("-")), len(words))
        command = self.commands.get(words[place]) if place < len(words) else None
        if "" in words:
            (command or self)._refuse(
                "an argument is empty; set the shell variable that it is from"
            )
        self._refuse_unknown_options(words[:place])
        if command is not None:
            command._refuse_unknown_options(words[place + 1 :], self.commands)
        arguments: argparse.Namespace
        arguments, surplus = self.parse_known_args(words)
        if surplus:
            (command or self)._refuse(
                f"{surplus[0]} is one argument too many, expected "
                f"{(command or self)._line(optional=True)}; put quotes around a path with spaces"
            )
        return arguments

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the words of one line; see the base class."""
        self._values = {}
        return super().parse_known_args(args, namespace)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Convert the values of an argument, whose option is given once."""
        if action.option_strings and not isinstance(action, argparse._AppendAction):
            option, value = action.option_strings[-1], " ".join(arg_strings)
            if option in self._values:
                both = f", {self._values[option]} and {value}" if value else ""
                raise argparse.ArgumentError(action, f"is given twice{both}, expected once")
            self._values = {**self._values, option: value}
        return super()._get_values(action, arg_strings)

    def error(self, message: str) -> NoReturn:
        """Print an error of argparse as one sentence, and exit."""
        problem = sys.exc_info()[1]
        if isinstance(problem, argparse.ArgumentError) and problem.argument_name:
            self._refuse(self._about_argument(problem.argument_name, problem.message))
        missing = re.fullmatch(r"the following arguments are required: (.*)", message)
        if missing:
            names = missing[1].split(", ")
            verb = "is" if len(names) == 1 else "are"
            self._refuse(f"{' and '.join(names)} {verb} missing; type {self._line()}")
        ambiguous = re.fullmatch(r"ambiguous option: (\S+) could match (.*)", message)
        if ambiguous:
            options = ambiguous[2].replace(", ", " or ")
            self._refuse(f"{ambiguous[1]} is short for {options}; type one of them in full")
        self._refuse(message)

    def _about_argument(self, name: str, message: str) -> str:
        """Sentence on an argument from argparse's message, or from that of a type of option."""
        action = next((each for each in self._actions if name in each.option_strings), None)
        if action is not None and message.startswith("expected"):
            return f"{name} has no value; type {_with_value(name, action)}"
        if message.startswith("ignored explicit argument"):
            return f"{name} takes no value; type {name}"
        return f"{name} {message}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is not among the choices of an argument."""
        if action.choices is None or value in action.choices:
            return
        if isinstance(action, argparse._SubParsersAction):
            near = get_close_matches(value, action.choices, 1)
            if f"--{value}" in self._options():
                near = [f"--{value}"]
            line = f"type {self.prog} {near[0]}" if near else f"{self.prog} --help lists them"
            self._refuse(f"{value} is no command; {line}")
        raise argparse.ArgumentError(action, f"is {value}, expected {_either(action.choices)}")

    def _refuse_unknown_options(
        self, words: Sequence[str], commands: Mapping[str, Parser] = {}
    ) -> None:
        """Refuse the first option that this parser does not have, with the one that it does."""
        known = self._options()
        for word, following in zip_longest(words, words[1:], fillvalue=""):
            if word == "--":
                return
            name, equals, value = word.partition("=")
            if not re.fullmatch(r"--?[A-Za-z][\w-]*", name) or name in known:
                continue
            if name.startswith("--") and any(option.startswith(name) for option in known):
                continue  # an abbreviation
            given = value if equals else following if not following.startswith("-") else ""
            self._refuse(self._about_unknown(name, given, commands))

    def _about_unknown(self, name: str, value: str, commands: Mapping[str, Parser]) -> str:
        known = self._options()
        plain = name.lower().replace("_", "-")
        if re.fullmatch(r"-\w[\w-]+", plain):
            plain = f"-{plain}"  # such as -lr
        option = SPELLINGS.get(plain, plain)
        if option not in known:
            option = next(iter(get_close_matches(plain, known, 1, 0.75)), option)
        if option in known:
            value = "" if plain in WITHOUT_VALUE else value
            return f"{name} is unknown; type {_with_value(option, known[option], value)}"
        place = PLACES.get(plain)
        if place in self._places():
            line = self._line().replace(str(place), value or str(place))
            return f"{name} is unknown; {place} needs no option: type {line}"
        if plain in EXPLANATIONS:
            return f"{name} is unknown: {EXPLANATIONS[plain]}"
        owner = next((each for each in commands.values() if option in each._options()), None)
        if owner is not None:
            return f"{option} is an option of {owner.prog}, not of {self.prog}"
        return f"{name} is unknown; {self.prog} --help lists the options"

    def declared(self) -> list[argparse.Action]:
        """Declared arguments, in their order."""
        return self._actions

    def _options(self) -> dict[str, argparse.Action]:
        return {option: action for action in self._actions for option in action.option_strings}

    def _line(self, *, optional: bool = False) -> str:
        """Command line of this parser with its required, or also its optional arguments."""
        return " ".join([self.prog, *self._places(optional=optional)])

    def _places(self, *, optional: bool = False) -> list[str]:
        """Names of the arguments that are no options, and required options with their values."""
        return [
            _with_value(action.option_strings[0], action)
            if action.option_strings
            else str(action.metavar)
            for action in self._actions
            if action.required or (optional and not action.option_strings)
        ]

    def _refuse(self, sentence: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {sentence}\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def _with_value(option: str, action: argparse.Action, value: str = "") -> str:
    """Option with a value, or with the name of its value."""
    if action.nargs == 0:
        return option
    return f"{option} {value or action.metavar or _either(action.choices or ())}"


def _either(names: Iterable[Any]) -> str:
    """Names in one line, `a, b or c`."""
    *first, last = map(str, names)
    return f"{', '.join(first)} or {last}" if first else last

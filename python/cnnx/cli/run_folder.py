"""Folder of `cnnx train --run-dir`: its files, and the record of a run's settings."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnx.cli.errors import UserError
from cnnx.cli.recipes import RATES

_SETTINGS = "settings.json"
# Attributes of parsed arguments that are no settings of a run.
_NO_SETTINGS = frozenset(
    {
        *("run", "command", "command_line", "version", "print_completion", "saves_best"),
        *("folder", "run_dir", "overwrite", "resume", "out", "log", "checkpoint"),
    }
)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def settings(self) -> Path:
        """Settings, machine and command line, as JSON."""
        return self.path / _SETTINGS

    @property
    def log(self) -> Path:
        """Metrics of every epoch, as --log writes them."""
        return self.path / "log.csv"

    @property
    def checkpoint(self) -> Path:
        """State of the run, as --checkpoint writes it."""
        return self.path / "run.ckpt"

    @property
    def best(self) -> Path:
        """Model of the epoch with the lowest validation loss."""
        return self.path / "best.cnnx"

    @property
    def last(self) -> Path:
        """Model at the end of the run."""
        return self.path / "last.cnnx"

    @property
    def report(self) -> Path:
        """Page about the best model, or about the last one without a validation set."""
        return self.path / "report.html"

    @classmethod
    def around(cls, model: Path) -> RunFolder | None:
        """The folder of a run in which a model lies, or None if it lies in another one.

        Other programs have files named settings.json, too, but no log beside it.
        """
        folder = cls(model.parent)
        return folder if folder.settings.is_file() and folder.log.is_file() else None

    def check_new(self, overwrite: bool) -> None:
        """Refuse a folder that cannot be made, or has files.

        Args:
            overwrite: whether files of an earlier run are replaced.

        Raises:
            UserError: if it is such a folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--run-dir {self.path} is a file, expected a folder")
        if overwrite or not self.path.is_dir() or not any(self.path.iterdir()):
            return
        if self.checkpoint.is_file():
            raise UserError(
                f"{self.path} has a run; resume it with --resume {self.path}, add --overwrite to "
                "replace it, or choose another --run-dir"
            )
        raise UserError(
            f"--run-dir {self.path} is not empty, expected a new folder; choose another one, or "
            "add --overwrite to write its run there"
        )

    def check_resumable(self) -> None:
        """Refuse a folder without the files of a run.

        Raises:
            UserError: if one is missing.
        """
        for file in (self.settings, self.checkpoint):
            if not file.is_file():
                raise UserError(
                    f"--resume {self.path}: there is no {file.name} in this folder, expected a "
                    "checkpoint or the folder of --run-dir"
                )

    def begin(self, arguments: argparse.Namespace) -> None:
        """Make the folder, remove the files of an earlier run, and record the settings.

        Raises:
            OSError: if it cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for file in (self.log, self.checkpoint, self.best, self.last, self.report):
            file.unlink(missing_ok=True)
        self._write(
            {
                "command": arguments.command_line,
                "settings": _settings(arguments),
                "environment": _environment(),
            }
        )

    def resume(self, arguments: argparse.Namespace) -> None:
        """Add the command line and the machine that resume the run to the record.

        Raises:
            UserError: if the record is damaged.
            OSError: if it cannot be read or written.
        """
        record = self.record()
        resumed = {"command": arguments.command_line, "environment": _environment()}
        self._write({**record, "resumed": [*record.get("resumed", []), resumed]})

    def record(self) -> dict[str, Any]:
        """Record of the run: its command, settings and environment, and how it was resumed.

        Raises:
            UserError: if it is damaged.
            OSError: if it cannot be read.
        """
        try:
            record: Any = json.loads(self.settings.read_text(encoding="utf-8"))
        except ValueError:
            record = None
        if not _is_record(record):
            raise UserError(f"{self.settings}: is damaged, expected the settings of a run as JSON")
        return dict(record)

    def trained_on(self, path: Path) -> bool:
        """Whether `path` has the images of the run; False if the record is damaged."""
        try:
            images = self.record()["settings"].get("path")
        except (UserError, OSError):
            return False
        return isinstance(images, str) and Path(images).resolve() == path.resolve()

    def _write(self, record: dict[str, Any]) -> None:
        from cnnx.files.atomic_file import replace_file

        text = json.dumps(record, indent=2) + "\n"
        replace_file(str(self.settings), [text.encode()])


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """All options of a run, defaults included, as JSON has them."""
    chosen = {name: value for name, value in vars(arguments).items() if name not in _NO_SETTINGS}
    if chosen["learning_rate"] is None:
        chosen["learning_rate"] = RATES[chosen["optimizer"]]
    return {name: _value(value) for name, value in chosen.items()}


def _environment() -> dict[str, Any]:
    from cnnx.report.environment import environment

    return environment()


def _is_record(record: Any) -> bool:
    """Whether JSON is what `RunFolder.begin` and `RunFolder.resume` write."""
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        return False
    resumed = record.get("resumed", [])
    if not isinstance(resumed, list):
        return False
    return all(
        isinstance(each, dict) and isinstance(each.get("command"), str)
        for each in (record, *resumed)
    )


def _value(value: Any) -> Any:
    """A value of an option as JSON has it."""
    if isinstance(value, (list, tuple)):
        return [_value(each) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)

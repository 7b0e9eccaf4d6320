"""Callback that begins the folder of `cnnx train --run-dir`, once nothing can refuse the run."""

from __future__ import annotations

import argparse
from typing import Any

from cnnx.callbacks import Callback
from cnnx.cli.processes import in_first
from cnnx.cli.run_folder import RunFolder


class FolderStart(Callback):
    """Begins the folder of a new run after the checks of `fit`.

    A run that is refused has removed nothing of the run that it should have replaced.

    Args:
        folder: folder of the run.
        arguments: command line, for the record of the run.
    """

    def __init__(self, folder: RunFolder, arguments: argparse.Namespace) -> None:
        self._folder = folder
        self._arguments = arguments

    def on_fit_begin(self, trainer: Any) -> None:
        """Make the folder, which process 0 does while the others wait.

        Raises:
            OSError: in all processes, if it cannot be written.
        """
        in_first(lambda: self._folder.begin(self._arguments))

"""Progress of decoding: a bar on terminals."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, TextIO

_DELAY = 0.5  # seconds after which a bar appears


class DecodingProgress:
    """Progress of decoding in `cnnx.data.load`: a bar on terminals, otherwise no output.

    Args:
        stream: stream to write to; stderr if None.
        task: word in front of the bar.
    """

    def __init__(self, stream: TextIO | None = None, task: str = "decoding") -> None:
        self._stream = sys.stderr if stream is None else stream
        self._task = task
        self._make_bar = bar_maker(self._stream)
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Advance the bar, and close it after the last image of each set."""
        if self._make_bar is None:
            return
        if self._bar is None:
            self._bar = self._make_bar(
                total=total,
                desc=self._task,
                unit="image",
                leave=False,
                file=self._stream,
                delay=_DELAY,
            )
        self._bar.update(done - self._bar.n)
        if done == total:
            self.close()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def bar_maker(stream: TextIO | None) -> Any:
    """Tqdm if the stream is a terminal that can move its cursor and tqdm is installed, or None."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    try:
        return import_module("tqdm").tqdm
    except ImportError:
        return None

"""The process of a peer: runs the section `expected` of programs in an interpreter with PyTorch.

    PYTHON -m attack.torch_peer

Requests and replies are archives of arrays in NumPy's format .npz, each after its length in eight
bytes. PyTorch has a process of its own because two OpenMP runtimes in one slow each other down.
"""

from __future__ import annotations
import __future__

import io
import os
import struct
import subprocess
import sys
import traceback
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from attack import ROOT

LENGTH = struct.Struct("<Q")
RESULTS = ("expected", "bounds")


class PeerError(Exception):
    """The section `expected` of a program failed in the peer."""


def send(stream: BinaryIO, arrays: dict[str, Any]) -> None:
    """Write an archive."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    stream.write(LENGTH.pack(content.tell()) + content.getvalue())
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, Any] | None:
    """Read an archive; None at the end of the stream."""
    head = stream.read(LENGTH.size)
    if not head:
        return None
    with np.load(io.BytesIO(stream.read(*LENGTH.unpack(head)))) as archive:
        return dict(archive)


class TorchPeer:
    """A running peer, which starts again after a crash."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._python, "-m", "attack.torch_peer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def __enter__(self) -> TorchPeer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, source: str, arrays: dict[str, Any]) -> dict[str, Any]:
        """The variables `expected` and `bounds` after the source has run on the arrays.

        Raises:
            PeerError: if it raises an exception.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        named = {f"arrays/{name}": array for name, array in arrays.items()}
        send(self._process.stdin, {"source": np.array(source), **named})
        reply = receive(self._process.stdout)
        if reply is None:
            status = self._process.wait()
            self._process = self._started()
            raise PeerError(f"the peer ended with status {status}")
        if "error" in reply:
            raise PeerError(str(reply["error"]))
        return {result: part_of(reply, result) for result in RESULTS}


def part_of(archive: dict[str, Any], part: str) -> dict[str, Any]:
    """The arrays whose names begin with the part."""
    start = f"{part}/"
    return {name[len(start) :]: a for name, a in archive.items() if name.startswith(start)}


def reply_to(request: dict[str, Any]) -> dict[str, Any]:
    """Run the source of a request."""
    namespace: dict[str, Any] = {"__name__": "peer", "arrays": part_of(request, "arrays")}
    flags = __future__.annotations.compiler_flag
    try:
        exec(compile(str(request["source"]), "<expected>", "exec", flags), namespace)
    except Exception:
        return {"error": np.array(traceback.format_exc())}
    return {
        f"{result}/{name}": np.asarray(value)
        for result in RESULTS
        for name, value in namespace[result].items()
    }


def main() -> int:
    """Serve requests until the input ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # redirects whatever PyTorch prints
    while (request := receive(sys.stdin.buffer)) is not None:
        send(replies, reply_to(request))
    return 0


if __name__ == "__main__":
    sys.exit(main())

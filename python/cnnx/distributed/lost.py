"""Lost processes: a watcher outside MPI says why all have ended, if one was killed.

The launcher ends the others at once, so they can say nothing themselves.
"""

from __future__ import annotations

import atexit
import os
import select
import signal

from cnnx.launcher import started_process

# Messages to the watcher, each with an end; the path of the last checkpoint follows its name.
_STARTED, _CHECKPOINT, _DISMISSED, _END = b"started", b"checkpoint ", b"dismissed", b"\0"
_START_SECONDS = 10.0  # after which the watcher says that MPI has not started
_LOST = "cnnx: one of the processes was killed or crashed, expected all to reach their end"
_NOT_STARTED = (
    b"cnnx: process 0 has waited for 10 s for the others to start MPI, expected all to call "
    b"cnnx.distributed.world()\n"
)

_checkpoint = ""
_pipe: int | None = None  # to the watcher


def start_watcher() -> None:
    """Fork the watcher from process 0. To be called before MPI is loaded, which owns sockets."""
    global _pipe
    if started_process() != 0 or not hasattr(os, "fork"):
        return
    reading, _pipe = os.pipe()
    if os.fork() != 0:
        os.close(reading)
        atexit.register(dismiss_watcher)
        return
    try:
        os.setsid()  # the launcher's signals do not reach it
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.dup2(reading, 0)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        _watch()
    finally:
        os._exit(0)


def _watch() -> None:
    """Read messages from standard input to its end, which is the end of process 0."""
    if not select.select([0], [], [], _START_SECONDS)[0]:
        os.write(2, _NOT_STARTED)
    received = b""
    while some := os.read(0, 4096):
        received += some
    messages = received.split(_END)
    if _DISMISSED not in messages:
        paths = [each for each in messages if each.startswith(_CHECKPOINT)]
        path = os.fsdecode(paths[-1].removeprefix(_CHECKPOINT)) if paths else ""
        os.write(2, f"{_LOST}{resume_advice(path)}\n".encode(errors="replace"))


def _tell(message: bytes) -> None:
    """Send a message; a watcher that was killed must not end the training that it watches."""
    if _pipe is None:
        return
    try:
        os.write(_pipe, message + _END)
    except OSError:
        _close_pipe()


def _close_pipe() -> None:
    global _pipe
    if _pipe is not None:
        os.close(_pipe)
        _pipe = None


def tell_started() -> None:
    """Tell the watcher that all processes have started MPI."""
    _tell(_STARTED)


def dismiss_watcher() -> None:
    """Tell the watcher that the end of this process is no loss, or that its reason is known."""
    _tell(_DISMISSED)
    _close_pipe()


def remember_checkpoint(path: str) -> None:
    """Name a checkpoint that was written in what is said about lost processes."""
    global _checkpoint
    if path != _checkpoint:
        _checkpoint = path
        _tell(_CHECKPOINT + os.fsencode(path))


def resume_advice(path: str | None = None) -> str:
    """End of a sentence: how to resume from a checkpoint, or the last one here, if there is one."""
    path = _checkpoint if path is None else path
    return path and f": resume {path} with any number of processes that divides its shards"

"""Lost processes: a watcher outside MPI says why all have ended, if one was killed.

The launcher ends the others at once, so they can say nothing themselves.
"""

from __future__ import annotations

import atexit
import os
import signal

from cnnx.launcher import started_process

_END = b"\0"  # of a message to the watcher, which is the path of a checkpoint or empty
_LOST = "cnnx: one of the processes was killed or crashed, expected all to reach their end"

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
    received = b""
    while some := os.read(0, 4096):
        received += some
    *messages, _ = (_END + received).split(_END)
    if len(messages) == 1 or messages[-1]:
        advice = resume_advice(os.fsdecode(messages[-1]))
        os.write(2, f"{_LOST}{advice}\n".encode(errors="replace"))


def dismiss_watcher() -> None:
    """Tell the watcher that the end of this process is no loss, or that its reason is known."""
    global _pipe
    if _pipe is not None:
        pipe, _pipe = _pipe, None
        os.write(pipe, _END)
        os.close(pipe)


def remember_checkpoint(path: str) -> None:
    """Name a checkpoint that was written in what is said about lost processes."""
    global _checkpoint
    if path != _checkpoint:
        _checkpoint = path
        if _pipe is not None:
            os.write(_pipe, os.fsencode(path) + _END)


def resume_advice(path: str | None = None) -> str:
    """End of a sentence: how to resume from a checkpoint, or the last one here, if there is one."""
    path = _checkpoint if path is None else path
    return path and f": resume {path} with any number of processes that divides its shards"

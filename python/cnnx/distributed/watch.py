"""Watch: a thread of each process that notices when processes wait for each other for ever.

That is so if the processes make other calls, or if one of them has ended. Process 0 asks all what
they wait for when it has waited for some seconds itself. If none computes, two of them are in
different calls, and this stays so, none will ever go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

from cnnx.distributed.lost import dismiss_watcher

# A process: how often it has waited so far, and for what; "" while it computes.
_State = tuple[int, str]

# Context of a wait, given its name.
Waiting: TypeAlias = "Callable[[str], AbstractContextManager[Any]]"

ENDED = "has ended"  # what a process waits for at the end of its program

_TICK = 0.1  # seconds between two looks of the thread
_PATIENCE = 2.0  # seconds that process 0 waits before it asks the others, and between questions
_ASK, _ANSWER, _SAID, _HEARD = range(4)  # tags of messages


class Watch:
    """What this process waits for, and the thread that compares it with the others.

    Args:
        mpi: communicator of mpi4py for the threads alone.
        end_all: says a reason and ends all processes.
    """

    def __init__(self, mpi: Any, end_all: Callable[[str], None]) -> None:
        from mpi4py import MPI

        self._mpi, self._end_all = mpi, end_all
        self._state: _State = (0, "")
        self._stopped = threading.Event()
        self._heard = threading.Event()  # process 0 knows that the reason of the end is said
        self._thread = threading.Thread(target=self._run, name="cnnx.distributed", daemon=True)
        self._runs = MPI.Query_thread() == MPI.THREAD_MULTIPLE
        # Of process 0: since when it waits for the same, the number of the question that is open,
        # the answers to it, and the states at the question before.
        self._seen, self._since = self._state, time.monotonic()
        self._question, self._is_open = 0, False
        self._answers: dict[int, _State] = {}
        self._before: list[_State] = []
        if self._runs:
            self._thread.start()

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Within the block, this process waits for others."""
        calls = self._state[0] + 1
        self._state = (calls, what)
        try:
            yield
        finally:
            self._state = (calls, "")

    def stop(self) -> None:
        """End the thread, when all processes are about to leave MPI."""
        self._stopped.set()
        if self._runs:
            self._thread.join()
        self._mpi.Barrier()  # nothing is sent any more
        while self._mpi.iprobe():
            self._mpi.recv()

    def tell_first(self) -> None:
        """Tell process 0 that the reason of the end is said, so that its watcher says nothing."""
        if self._mpi.Get_rank() == 0:
            dismiss_watcher()
        elif self._runs:
            self._mpi.send(None, 0, _SAID)
            self._heard.wait(_PATIENCE)

    def _run(self) -> None:
        while not self._stopped.wait(_TICK):
            while self._mpi.iprobe():
                self._receive()
            if self._mpi.Get_rank() == 0:
                self._compare()

    def _receive(self) -> None:
        from mpi4py import MPI

        status = MPI.Status()
        message = self._mpi.recv(status=status)
        sender, tag = status.Get_source(), status.Get_tag()
        if tag == _ASK:
            self._mpi.send((message, self._state), 0, _ANSWER)
        elif tag == _ANSWER and message[0] == self._question:
            self._answers[sender] = message[1]
        elif tag == _SAID:
            dismiss_watcher()
            self._mpi.send(None, sender, _HEARD)
        elif tag == _HEARD:
            self._heard.set()

    def _compare(self) -> None:
        """In process 0, ask the others, or compare their answers."""
        state, others = self._state, range(1, self._mpi.Get_size())
        if state != self._seen or not state[1]:
            self._seen, self._before = state, []
            self._close_question()
        elif self._is_open and len(self._answers) == len(others):
            states = [state, *(self._answers[process] for process in others)]
            other = other_call(states)
            if other is not None and states == self._before:
                self._end_all(_standstill(states, other))
            self._before = [] if other is None else states
            self._close_question()
        elif not self._is_open and time.monotonic() - self._since > _PATIENCE:
            self._is_open = True
            for process in others:
                self._mpi.send(self._question, process, _ASK)

    def _close_question(self) -> None:
        """Answers that still come are of no use."""
        self._question, self._is_open, self._answers = self._question + 1, False, {}
        self._since = time.monotonic()


def other_call(states: list[_State]) -> tuple[int, int] | None:
    """Two processes that wait for ever; None if one computes, or data may be on their way.

    On a slow network a process may be some calls before another, but never in another call of the
    same number, and the end of a program has the highest number.
    """
    if not all(what for _, what in states):
        return None
    for one, (calls, what) in enumerate(states):
        for other, (other_calls, other_what) in enumerate(states):
            is_past_end = what == ENDED and calls < other_calls
            if is_past_end or (calls == other_calls and what != other_what):
                return min(one, other), max(one, other)
    return None


def _standstill(states: list[_State], processes: tuple[int, int]) -> str:
    """Why two processes wait for ever."""
    first, second = (
        f"process {each} {states[each][1]} (call {states[each][0]})" for each in processes
    )
    return (
        f"the processes wait for each other, {first}, {second}, "
        "expected the same calls in the same order in all"
    )

"""The process of one library: `python -m benchmarks.worker MODULE`, run by `libraries`.

It reads a request per line and answers with a line, both JSON. {"prepare": task} hands the task to
the module's `prepare`, which returns what is to be timed and figures by which the parent sees that
all libraries compute the same; {"measure": [seconds, clock]} times it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable

from benchmarks.timing import sample


def end_with_parent() -> None:
    """A stopped process would outlive a parent that is killed, and for ever."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1  # from <sys/prctl.h>
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main() -> int:
    """Serves until its input ends."""
    end_with_parent()
    module = importlib.import_module(sys.argv[1])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    answer(module.versions())
    call: Callable[[], object] | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            call = None  # frees what was timed before
            call, checks = module.prepare(request["prepare"])
            answer(checks)
        else:
            assert call is not None, "measure before prepare"
            answer(sample(call, *request["measure"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

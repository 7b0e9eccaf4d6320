"""The process of one library: `python -m benchmarks.worker MODULE`, run by `libraries`.

It reads one request per line and replies with one line, both JSON. {"prepare": task} passes the
task to the module's `prepare`, which returns the call to time and figures by which the parent
checks that all libraries compute the same results. {"measure": [seconds, clock]} times the call.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable

from benchmarks.tile_permission import FORBID_TILES, forbid_tiles
from benchmarks.timing import sample


def end_with_parent() -> None:
    """End this process with its parent: a stopped process would outlive a killed parent."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1  # from <sys/prctl.h>
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main() -> int:
    """Serve requests until the input ends."""
    end_with_parent()
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # redirects whatever a library prints
    if FORBID_TILES in os.environ:
        forbid_tiles()
    module = importlib.import_module(sys.argv[1])

    def reply(value: object) -> None:
        print(json.dumps(value), file=replies, flush=True)

    reply(module.versions())
    call: Callable[[], object] | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            call = None  # frees the previous task
            call, checks = module.prepare(request["prepare"])
            reply(checks)
        else:
            assert call is not None, "measure before prepare"
            reply(sample(call, *request["measure"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

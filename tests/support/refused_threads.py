"""A process to which the system refuses threads, and its results with those that it gets.

Not part of the package.
"""

from __future__ import annotations

from python_process import run_python

# argv: the way, the number of threads that the limit still lets start, the number that cnnx wants.
# Prints how many it got, and whether results have the same bits as those of one thread.
_SCRIPT = """
import hashlib, os, re, resource, signal, sys, threading
from pathlib import Path

way, granted, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
STACK = 1 << 30  # address space of a thread
NOBODY = 65534
if way == "address_space" and resource.getrlimit(resource.RLIMIT_STACK)[0] != STACK:
    resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

import cnnx

x, y = cnnx.data.xo(120)

def results():
    model = cnnx.models.small()
    trainer = cnnx.Trainer(model)
    losses = [trainer.step(x, y) for _ in range(3)]
    return hashlib.sha256(model(x).tobytes() + repr(losses).encode()).hexdigest()

def own_threads():
    return len(os.listdir("/proc/self/task"))

def threads_of_user(user):
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
        except OSError:
            continue  # it ended meanwhile
        if re.search(rf"^Uid:\\s{user}\\s", status, re.M):
            count += int(re.search(r"^Threads:\\s(\\d+)", status, re.M)[1])
    return count

def limit_processes(count):
    resource.setrlimit(resource.RLIMIT_NPROC, (count, count))

def start_and_end_threads_for_ever():
    while True:
        try:
            threads = [threading.Thread(target=int) for _ in range(4)]
            for thread in threads:
                thread.start()
        except RuntimeError:
            pass

cnnx.set_num_threads(1)
expected = results()
competitor = 0
if way == "address_space":
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limit = used + granted * STACK + STACK // 2
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
elif way == "cgroup":
    folder = Path(sys.argv[4])
    (folder / "pids.max").write_text(str(own_threads() + granted))
    (folder / "cgroup.procs").write_text(str(os.getpid()))
else:
    if os.getuid() == 0:  # whose processes are not limited
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if way == "competing_processes":
        competitor = os.fork()
        if competitor == 0:
            start_and_end_threads_for_ever()
    limit_processes(threads_of_user(os.getuid()) + granted)
before = own_threads()
cnnx.set_num_threads(wanted)
same = [results() == expected for _ in range(2)]
print(own_threads() - before, all(same))
if competitor:
    os.kill(competitor, signal.SIGKILL)
    os.waitpid(competitor, 0)
"""


def threads_and_sameness(way: str, granted: int, wanted: int, *folder: str) -> tuple[int, bool]:
    """Number of threads that cnnx got, and whether its results have the bits of one thread."""
    arguments = (way, str(granted), str(wanted), *folder)
    ignored = "ignore::DeprecationWarning"  # of a fork beside threads
    started, same = run_python("-W", ignored, "-c", _SCRIPT, *arguments).split()
    return int(started), same == "True"

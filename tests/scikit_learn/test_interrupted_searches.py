"""Ctrl-C during a search ends it and the processes of all its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn: install the extra sklearn")

PROGRAM = """
import sys
from contextlib import nullcontext
from pathlib import Path

import cnnx
import joblib
from searches import classifier
from sklearn.model_selection import GridSearchCV


class Marker(cnnx.callbacks.Callback):
    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, trainer, progress):
        self.path.touch()


def cluster(kind):
    if kind == "loky":
        return nullcontext()
    from distributed import Client

    return Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")


if __name__ == "__main__":
    kind, path = sys.argv[1], Path(sys.argv[2])
    x, y = cnnx.data.xo(400, size=16, seed=1)
    estimator = classifier(epochs=1_000_000, callbacks=[Marker(path)])
    with cluster(kind), joblib.parallel_config(kind):
        GridSearchCV(estimator, {"batch_size": [16, 32]}, cv=2, n_jobs=2).fit(x, y)
"""


def processes_of(session: int) -> list[str]:
    """Names of the running processes of a session."""
    names = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            begin, _, rest = stat.read_text().rpartition(")")
        except OSError:  # the process has ended
            continue
        state, _, _, own_session = rest.split()[:4]
        if int(own_session) == session and state != "Z":
            names.append(begin)
    return names


def becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until the condition is true, but not longer than so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="lists processes by /proc")
@pytest.mark.parametrize("kind", ["loky", "dask"])
def test_an_interrupted_search_leaves_no_process(kind: str, tmp_path: Path) -> None:
    if kind == "dask":
        pytest.importorskip("distributed.client", reason="needs dask: pip install dask distributed")
    program, marker = tmp_path / "program.py", tmp_path / "fitting"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (tmp_path / "output").open("wb") as output:
        search = subprocess.Popen(
            [sys.executable, str(program), kind, str(marker)],
            env=environment,
            cwd=tmp_path,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        assert becomes_true(marker.exists, 120), (tmp_path / "output").read_text()
        assert len(processes_of(search.pid)) >= 3
        os.killpg(search.pid, signal.SIGINT)
        assert search.wait(60) != 0
        assert "KeyboardInterrupt" in (tmp_path / "output").read_text().splitlines()[-1]
        assert becomes_true(lambda: not processes_of(search.pid), 20), processes_of(search.pid)
    finally:
        if processes_of(search.pid):
            os.killpg(search.pid, signal.SIGKILL)

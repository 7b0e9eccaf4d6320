"""Export of a large network takes less than three times its file in memory."""

from __future__ import annotations

import sys
from pathlib import Path

import cnnx
import pytest
from python_process import run_python

# The peak of getrusage would begin with that of the process that starts this one.
PROGRAM = """
from pathlib import Path
from cnnx import cli
assert cli.main(["export", "model.cnnx", "--out", "model.onnx"]) == 0
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux counts it")
def test_resnet50(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cnnx.models.resnet50().save("model.cnnx")
    kibibytes = int(run_python("-c", PROGRAM).split()[-1])
    assert kibibytes * 1024 < 3 * (tmp_path / "model.onnx").stat().st_size

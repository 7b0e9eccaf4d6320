"""Made once for every test: the trained network of `examples/embed_cpp/train_xo.cpp`, and a build
of the shared library.
"""

from __future__ import annotations

from pathlib import Path

import cnnx
import pytest
from cpp_build import ROOT, cmake, configure, launcher, run


@pytest.fixture(scope="session")
def trained_in_python(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cnnx.History]:
    """The saved model, and the history of its training."""
    x, y = cnnx.data.xo(2000, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    history = cnnx.Trainer(model, optimizer=cnnx.Adam(1e-3)).fit(x, y, epochs=6)
    path = tmp_path_factory.mktemp("trained_in_python") / "xo.cnnx"
    model.save(path)
    return path, history


@pytest.fixture(scope="session")
def shared_build(tmp_path_factory: pytest.TempPathFactory, object_cache: Path) -> Path:
    """A build folder of the shared library."""
    folder = tmp_path_factory.mktemp("shared") / "build"
    configure(ROOT, folder, "-DBUILD_SHARED_LIBS=ON", launcher(object_cache))
    run([cmake(), "--build", folder])
    return folder

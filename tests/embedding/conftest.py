"""The network of `examples/embed_cpp/train_xo.cpp`, trained in Python once for every test."""

from __future__ import annotations

from pathlib import Path

import cnnx
import pytest


@pytest.fixture(scope="session")
def trained_in_python(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cnnx.History]:
    """The saved model, and the history of its training."""
    x, y = cnnx.data.xo(2000, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    history = cnnx.Trainer(model, optimizer=cnnx.Adam(1e-3)).fit(x, y, epochs=6)
    path = tmp_path_factory.mktemp("trained_in_python") / "xo.cnnx"
    model.save(path)
    return path, history

"""Searches of scikit-learn over `CNNClassifier`, in the test's process or in workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
from cnnx.sklearn import CNNClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV

Samples = tuple[np.ndarray, np.ndarray]


def network(
    input_shape: tuple[int, int, int], classes: list[str], *, width: int = 4, seed: int = 0
) -> cnnx.Model:
    """A network that a test trains in milliseconds."""
    layers = [cnnx.Conv2d(width, 3), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.Flatten()]
    return cnnx.Model(
        [*layers, cnnx.Dropout(0.1), cnnx.Dense(len(classes))],
        input_shape=input_shape,
        classes=classes,
        seed=seed,
    )


def failing_network(input_shape: Any, classes: Any) -> cnnx.Model:
    """Load a file that is no model file."""
    return cnnx.load(__file__)


def classifier(**settings: Any) -> CNNClassifier:
    return CNNClassifier(**{"network": network, "epochs": 2, "random_state": 0, **settings})


GRID = {
    "learning_rate": [0.001, 0.01],
    "optimizer": ["adamw", cnnx.SGD(0.01, momentum=0.9)],
    "network": [network, partial(network, width=6)],
}
SEARCHES: dict[str, Callable[[int | None], Any]] = {  # of the number of jobs
    "grid": lambda jobs: GridSearchCV(classifier(), GRID, cv=2, n_jobs=jobs),
    "random": lambda jobs: RandomizedSearchCV(
        classifier(), GRID, n_iter=3, cv=2, random_state=0, n_jobs=jobs
    ),
    "halving": lambda jobs: HalvingRandomSearchCV(
        classifier(),
        {"learning_rate": np.geomspace(1e-4, 1e-1, 9)},
        resource="epochs",
        max_resources=9,
        cv=2,
        random_state=0,
        n_jobs=jobs,
    ),
}


def results(search: Any, file: Path) -> dict[str, Any]:
    """All that a fitted search has found, with the bytes of the saved best model."""
    search.best_estimator_.save(file)
    table = search.cv_results_
    return {
        "scores": [table[f"split{fold}_test_score"].tobytes() for fold in range(2)],
        "ranks": table["rank_test_score"].tolist(),
        "params": str(search.best_params_),
        "history": search.best_estimator_.history_.loss,
        "file": file.read_bytes(),
    }


class Recorder(cnnx.callbacks.Callback):
    """Records the process and the number of threads of each epoch."""

    def __init__(self) -> None:
        self.processes: list[int] = []
        self.threads: list[int] = []

    def on_epoch_end(self, trainer: Any, progress: Any) -> None:
        self.processes.append(os.getpid())
        self.threads.append(cnnx.get_num_threads())


def fitted(x: np.ndarray, y: np.ndarray, epochs: int = 2) -> tuple[CNNClassifier, bool, bool]:
    """A fitted classifier with a `Recorder`, and whether x was in a file and writable."""
    trained = classifier(epochs=epochs, callbacks=[Recorder()]).fit(x, y)
    assert trained.score(x, y) > 0
    return trained, isinstance(x, np.memmap), x.flags.writeable


def results_of_both(
    kind: str,
    samples: Samples,
    folder: Path,
    backend: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> tuple[Any, Any]:
    """Results of a search by a backend of joblib, by default the active one, and of one alone."""
    alone = SEARCHES[kind](1).fit(*samples)
    with backend():  # joblib's is active from its construction on
        shared = SEARCHES[kind](None).fit(*samples)
    return results(shared, folder / "shared.cnnx"), results(alone, folder / "alone.cnnx")

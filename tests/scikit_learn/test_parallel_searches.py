"""Searches in the workers of joblib: the bits of one process, threads, errors.

All tests use the same workers, because starting two takes seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn: install the extra sklearn")
import joblib
from searches import SEARCHES, Samples, classifier, failing_network, fitted, results_of_both
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, cross_validate


@pytest.fixture(scope="module", autouse=True)
def _two_workers_that_read_arrays_from_files() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("OMP_NUM_THREADS", "CNNX_NUM_THREADS"):
            environment.delenv(name, raising=False)
        with joblib.parallel_config("loky", n_jobs=2, max_nbytes=1):
            yield


@pytest.fixture(scope="module")
def samples() -> Samples:
    return cnnx.data.xo(120, size=16, seed=1)


@pytest.mark.parametrize("kind", SEARCHES)
def test_a_search_in_two_processes_finds_the_same_bits(
    kind: str, samples: Samples, tmp_path: Path
) -> None:
    shared, alone = results_of_both(kind, samples, tmp_path)
    assert shared == alone


def test_a_search_in_two_threads_finds_the_same_bits(samples: Samples, tmp_path: Path) -> None:
    backend = partial(joblib.parallel_config, "threading", n_jobs=2)
    shared, alone = results_of_both("grid", samples, tmp_path, backend)
    assert shared == alone


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_worker_reads_memory_mapped_images(dtype: Any, samples: Samples) -> None:
    x, y = samples[0].astype(dtype), samples[1]
    expected, *_ = fitted(x, y)
    found = joblib.Parallel()(joblib.delayed(fitted)(x, y) for _ in range(2))
    for trained, is_in_a_file, is_writable in found:
        assert (is_in_a_file, is_writable) == (True, False)
        assert trained.predict_proba(x).tobytes() == expected.predict_proba(x).tobytes()


def test_workers_divide_the_cores(samples: Samples) -> None:
    found = joblib.Parallel()(joblib.delayed(fitted)(*samples) for _ in range(2))
    recorders = [trained.callbacks[0] for trained, *_ in found]
    assert all(os.getpid() not in each.processes for each in recorders)
    assert {number for each in recorders for number in each.threads} == {
        max(1, joblib.cpu_count() // 2)
    }


def test_fitted_estimators_return_from_the_workers(samples: Samples, tmp_path: Path) -> None:
    tuning = cnnx.callbacks.FineTuning(head_epochs=1)
    files = []
    for jobs in (1, None):
        scores = cross_validate(
            classifier(callbacks=[tuning]), *samples, cv=2, n_jobs=jobs, return_estimator=True
        )
        for fold, estimator in enumerate(scores["estimator"]):
            estimator.save(tmp_path / f"{fold}.cnnx")
            files.append((tmp_path / f"{fold}.cnnx").read_bytes())
    assert files[:2] == files[2:]


def test_a_search_continues_after_a_failing_fit(samples: Samples) -> None:
    search = GridSearchCV(classifier(), {"learning_rate": [1e30, 0.01]}, cv=2)
    with pytest.warns((FitFailedWarning, UserWarning)) as warnings:
        search.fit(*samples)
    sentence = "FloatingPointError: fit: in step 1 of epoch 2 the loss is NaN, because "
    assert any(sentence in str(warning.message) for warning in warnings)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [True, False]
    assert search.best_params_ == {"learning_rate": 0.01}


def test_an_error_of_a_worker_is_its_sentence(samples: Samples) -> None:
    search = GridSearchCV(classifier(), {"network": [failing_network]}, error_score="raise")
    with pytest.raises(cnnx.FormatError, match=r"searches\.py: this is a text file, ") as raised:
        search.fit(*samples)
    assert "\n" not in str(raised.value)

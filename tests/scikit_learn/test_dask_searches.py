"""Searches in the workers of dask: the bits of one process, threads, errors, scattered images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cnnx
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn: install the extra sklearn")
pytest.importorskip("distributed.client", reason="needs dask: pip install dask distributed")
import distributed
import joblib
from searches import SEARCHES, Samples, classifier, failing_network, fitted, results_of_both
from sklearn.model_selection import GridSearchCV


@pytest.fixture(scope="module", autouse=True)
def _two_workers_of_two_threads() -> Iterator[None]:
    # Port 0 is any free one; without a dashboard, too, dask serves HTTP on 8787, or warns.
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield


@pytest.fixture(scope="module")
def samples() -> Samples:
    return cnnx.data.xo(120, size=16, seed=1)


@pytest.mark.parametrize("kind", SEARCHES)
def test_a_search_finds_the_bits_of_one_process(
    kind: str, samples: Samples, tmp_path: Path
) -> None:
    shared, alone = results_of_both(kind, samples, tmp_path)
    assert shared == alone


def test_fits_in_threads_of_a_worker_compute_with_a_thread_each(samples: Samples) -> None:
    expected, *_ = fitted(*samples, epochs=20)
    found = joblib.Parallel()(joblib.delayed(fitted)(*samples, epochs=20) for _ in range(8))
    recorders = [trained.callbacks[0] for trained, *_ in found]
    assert {number for each in recorders for number in each.threads} == {1}
    assert all(os.getpid() not in each.processes for each in recorders)
    for trained, *_ in found:
        assert trained.history_.loss == expected.history_.loss


def test_images_are_sent_to_the_workers_once(samples: Samples, tmp_path: Path) -> None:
    backend = partial(joblib.parallel_config, "dask", scatter=list(samples))
    shared, alone = results_of_both("grid", samples, tmp_path, backend)
    assert shared == alone


def test_an_error_of_a_worker_is_its_sentence(samples: Samples) -> None:
    search = GridSearchCV(classifier(), {"network": [failing_network]}, error_score="raise")
    with pytest.raises(cnnx.FormatError, match=r"searches\.py: this is a text file, ") as raised:
        search.fit(*samples)
    assert "\n" not in str(raised.value)

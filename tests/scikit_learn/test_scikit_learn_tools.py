"""The estimators within scikit-learn: its own checks, model selection, pipelines, ensembles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
import joblib
from cnnx.sklearn import CNNClassifier, CNNRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

REASON = (
    "an image of weight 2 is in one batch of an epoch, and two equal images are shuffled into two"
)
EXCUSED = {"check_sample_weight_equivalence_on_dense_data": REASON}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("estimator", [CNNClassifier(), CNNRegressor()])
def test_the_checks_of_scikit_learn(estimator: Any) -> None:
    results = check_estimator(estimator, expected_failed_checks=EXCUSED, on_skip=None)
    found = dict.fromkeys(("passed", "xfail", "skipped"), 0)
    for result in results:
        found[result["status"]] += 1
    assert found["xfail"] == len(EXCUSED)
    assert found["passed"] > 40


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    return x[:400], y[:400]


def quick(**settings: Any) -> CNNClassifier:
    return CNNClassifier(
        **{"network": "small", "epochs": 8, "learning_rate": 0.01, "random_state": 0, **settings}
    )


def test_digits_in_a_pipeline(digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    pipeline = make_pipeline(FunctionTransformer(lambda rows: rows.reshape(-1, 8, 8)), quick())
    assert cross_val_score(pipeline, x, y, cv=2).min() > 0.8


def test_calibration_and_voting(digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    calibrated = CalibratedClassifierCV(quick(), cv=2).fit(x, y)
    assert calibrated.score(x, y) > 0.8
    voting = VotingClassifier([("network", quick()), ("bayes", GaussianNB())], voting="soft")
    assert voting.fit(x / 16, y).score(x / 16, y) > 0.8


def test_joblib_writes_and_reads_it(tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    fitted = quick(epochs=1).fit(x, y)
    joblib.dump(fitted, tmp_path / "digits.joblib")
    loaded = joblib.load(tmp_path / "digits.joblib")
    assert loaded.predict_proba(x).tobytes() == fitted.predict_proba(x).tobytes()

"""`CNNFeatures`: layers, forms of X, model files, pipelines, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest

pytest.importorskip("sklearn")
from cnnx.sklearn import CNNFeatures
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline


@pytest.fixture
def model() -> cnnx.Model:
    return cnnx.models.small((16, 16, 1), ["X", "O"], seed=1)


def test_features_are_the_input_of_the_last_layer(model: cnnx.Model) -> None:
    x, _ = cnnx.data.xo(300, size=16, seed=1)
    features = CNNFeatures(model).fit(x)
    assert features.layer_ == "relu_3"
    expected = model.layer_outputs(x)["relu_3"]
    np.testing.assert_array_equal(features.transform(x), expected)
    np.testing.assert_array_equal(features.transform(x.reshape(300, -1)), expected)
    np.testing.assert_array_equal(features.transform(x / np.float32(255)), expected)
    assert features.get_feature_names_out().shape == (64,)


def test_a_layer_after_the_last_weights_does_not_count(model: cnnx.Model) -> None:
    layers = [*model.layers, cnnx.Softmax()]
    x, _ = cnnx.data.xo(4, size=16, seed=1)
    ends = CNNFeatures(cnnx.Model(layers, input_shape=(16, 16, 1))).fit(x)
    assert ends.layer_ == "relu_3"


def test_maps_are_flattened(tmp_path: Path, model: cnnx.Model) -> None:
    x, _ = cnnx.data.xo(4, size=16, seed=1)
    model.save(tmp_path / "model.cnnx")
    for source in (tmp_path / "model.cnnx", str(tmp_path / "model.cnnx")):
        features = CNNFeatures(source, layer="max_pool2d_1").fit_transform(x)
        expected = model.layer_outputs(x)["max_pool2d_1"].reshape(4, -1)
        np.testing.assert_array_equal(features, expected)


def test_a_pipeline(model: cnnx.Model) -> None:
    x, y = cnnx.data.xo(100, size=16, seed=1)
    pipeline = clone(make_pipeline(CNNFeatures(model), GaussianNB())).fit(x, y)
    features = model.layer_outputs(x)["relu_3"]
    alone = GaussianNB().fit(features, y)
    np.testing.assert_array_equal(pipeline.predict_proba(x), alone.predict_proba(features))


def test_a_search_with_a_cache_computes_the_features_once(
    model: cnnx.Model, tmp_path: Path
) -> None:
    x, y = cnnx.data.xo(100, size=16, seed=1)
    for features in (CNNFeatures(model), CNNFeatures(model.clone())):
        pipeline = make_pipeline(features, GaussianNB(), memory=str(tmp_path))
        GridSearchCV(pipeline, {"gaussiannb__var_smoothing": [1e-9, 1e-6, 1e-3]}, cv=2).fit(x, y)
    # Of two folds and of all images.
    assert len(list(tmp_path.rglob("output.pkl"))) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": 3}, "CNNFeatures: model is 3, expected a cnnx.Model or a path"),
        ({"layer": "relu_9"}, "until: has no layer 'relu_9', expected relu_"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    model: cnnx.Model, arguments: dict[str, Any], sentence: str
) -> None:
    x, _ = cnnx.data.xo(4, size=16, seed=1)
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        CNNFeatures(**{"model": model, **arguments}).fit(x)


def test_images_of_another_shape_are_refused(model: cnnx.Model) -> None:
    x, _ = cnnx.data.xo(4, size=24, seed=1)
    with pytest.raises(ValueError, match="CNNFeatures: X holds images of shape"):
        CNNFeatures(model).fit(x)
    with pytest.raises(ValueError, match="CNNFeatures: X has 576 features, expected 256"):
        CNNFeatures(model).fit(x.reshape(4, -1))


def test_a_model_of_one_layer_needs_a_layer() -> None:
    model = cnnx.Model([cnnx.Conv2d(1, 3)], input_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="no layer before its last one, expected layer="):
        CNNFeatures(model).fit(np.zeros((2, 8, 8), np.uint8))

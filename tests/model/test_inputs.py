"""Models with several inputs: arrays by name in every call, drawn graphs, files and copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import cnnx
import numpy as np
import pytest
from checkpoint_runs import stopping_after
from cnnx import Add, Concat, Conv2d, Dense, Flatten, Input, Model
from cnnx.model.described_layers import TIMES
from cnnx.model.input_parts import packed
from comparison import assert_same_bits
from gradient_checks import check_gradients
from graph_networks import with_random_values
from input_graphs import COUNT, SEEDS, SHAPES, arrays_for, drawn_model, part, samples, scene
from reference_network import ReferenceNetwork

every_seed = pytest.mark.parametrize("seed", SEEDS)


# --- Drawn graphs.


@every_seed
def test_gradients_of_drawn_graphs_are_those_of_the_reference(seed: int) -> None:
    model = drawn_model(seed)
    check_gradients(model, arrays_for(model, 4, seed), 3e-4, seed)


@every_seed
def test_the_bits_of_drawn_graphs_depend_neither_on_threads_nor_on_the_batch(seed: int) -> None:
    model = drawn_model(seed)
    x = arrays_for(model, 9, seed)
    y = np.random.default_rng(seed).standard_normal((9, *model.output_shape))
    found = []
    for threads in (1, 2, 5):
        with cnnx.use_threads(threads):
            trainer = cnnx.Trainer(model.clone(), loss=cnnx.MSE(), optimizer=cnnx.SGD(0.001))
            losses = trainer.fit(x, y, epochs=2, batch_size=4).loss
            found.append((model(x).tobytes(), losses, trainer.model(x).tobytes()))
            assert_same_bits(model(part(x, slice(2, 5))), model(x)[2:5])
    assert found[0] == found[1] == found[2]


@every_seed
def test_outputs_and_their_gradients_are_those_of_the_reference(seed: int) -> None:
    model = drawn_model(seed)
    x = arrays_for(model, 3, seed)
    network = ReferenceNetwork(model)
    expected = network(x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(model(x), expected, rtol=0, atol=2e-5 * scale)
    factors = np.random.default_rng(seed).standard_normal(expected.shape)
    gradients = network.output_gradients(x, factors)
    largest = max(np.abs(gradients[name]).max() for name in model.inputs)
    for name, shape in model.inputs.items():
        found = model.gradients(x, factors, of=name)
        assert found.shape == (3, *shape)
        np.testing.assert_allclose(found, gradients[name], rtol=0, atol=1e-4 * largest)


# --- Arrays.


def test_inputs_are_named_shapes_side_by_side() -> None:
    model = scene()
    assert model.inputs == SHAPES
    assert model.input_shape == (1, 1, 8 * 6 * 3 + 4 * 3 + 5)
    assert cnnx.models.lenet5().inputs == {}


def test_integers_are_divided_by_255_and_floats_are_used_as_they_are() -> None:
    model = scene()
    rng = np.random.default_rng(1)
    pixels = {name: rng.integers(0, 256, (5, *shape), np.uint8) for name, shape in SHAPES.items()}
    floats = {name: each.astype(np.float32) / np.float32(255) for name, each in pixels.items()}
    expected = model(floats)
    assert_same_bits(model(pixels), expected)
    wide: dict[str, Any] = {name: each.astype(np.int64) for name, each in pixels.items()}
    assert_same_bits(model({**pixels, "depth": wide["depth"]}), expected)
    assert_same_bits(model({**floats, "image": pixels["image"]}), expected)
    assert_same_bits(model({**floats, "depth": wide["depth"]}), expected)
    factors = rng.standard_normal((5, 3))
    for name, gradient in ((name, model.gradients(floats, factors, of=name)) for name in SHAPES):
        for given in (pixels, {**floats, name: pixels[name]}):
            found = model.gradients(given, factors, of=name)
            assert_same_bits(found, gradient / np.float32(255))


def test_arrays_may_have_any_form_that_one_input_takes() -> None:
    model = scene()
    x, _ = samples(3)
    expected = model(x)
    assert_same_bits(model({name: x[name] for name in reversed(SHAPES)}), expected)
    assert_same_bits(model({**x, "depth": x["depth"][..., 0]}), expected)
    assert_same_bits(model({**x, "image": x["image"].tolist()}), expected)
    assert_same_bits(model({**x, "image": np.asfortranarray(x["image"])}), expected)
    strided = np.repeat(x["image"], 2, axis=2)[:, :, ::2]
    assert_same_bits(model({**x, "image": strided}), expected)
    assert_same_bits(model({**x, "image": x["image"].astype(np.float64)}), expected)
    assert_same_bits(model(part(x, 1)), expected[1])
    assert model(part(x, slice(0, 0))).shape == (0, 3)


@pytest.mark.parametrize("images", [1, 4, 11])
def test_a_call_copies_a_few_images_at_a_time(images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = samples()
    model = scene(classes=["a", "b", "c"])
    expected = model(x), model.predict_proba(x), model.predict(x)
    monkeypatch.setattr("cnnx.model.inputs._BYTES_AT_ONCE", 4 * images * model.input_shape[2] + 3)
    sizes = [len(flat) for flat, _, _ in packed(model._inputs, x, "", images * 4 * 161)]
    assert max(sizes) == images
    assert sum(sizes) == COUNT
    assert_same_bits(model(x), expected[0])
    assert_same_bits(model.predict_proba(x), expected[1])
    np.testing.assert_array_equal(model.predict(x), expected[2])


def test_numbers_of_one_pixel_may_have_any_range() -> None:
    x, _ = samples()
    model = scene()
    assert np.isfinite(model({**x, "place": 1000 * x["place"]})).all()
    with pytest.raises(ValueError, match="model: input 'image': x holds floats from 0 to 254"):
        model({**x, "image": np.floor(255 * x["image"])})
    with pytest.warns(cnnx.Warning, match="model: input 'depth': x holds floats"):
        model({**x, "depth": 1000 * x["depth"]})
    depth, other = Input((4, 4, 1)), Input((4, 4, 1))
    normed = Add()(cnnx.BatchNorm2d()(depth), Conv2d(1, 1)(other))
    far = {"depth": np.full((2, 4, 4, 1), 1000.0), "other": np.zeros((2, 4, 4, 1))}
    Model.from_graph({"depth": depth, "other": other}, normed)(far)


# --- Calls.


def test_every_call_takes_arrays_by_name(tmp_path: Any) -> None:
    x, y = samples(24)
    model = scene(classes=["a", "b", "c"])
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(0.01))
    held_out = part(x, slice(0, 8)), y[:8]
    history = trainer.fit(x, y, epochs=2, batch_size=5, validation=held_out)
    assert len(history.validation_loss) == 2
    trainer.fit((x, y), epochs=1, validation=0.25, sample_weight=np.linspace(0, 1, 24))
    trainer.fit(x, y, epochs=1, validation=[held_out, held_out, held_out])
    assert trainer.step(x, y) > 0
    loss, accuracy = trainer.evaluate(x, y).values()
    batches = [(part(x, slice(i, i + 8)), y[i : i + 8]) for i in (0, 8, 16)]
    for given in (batches, batches[:2], iter(batches), tuple(batches)):
        assert set(trainer.evaluate(given)) == {"loss", "accuracy"}
    assert trainer.evaluate(batches)["loss"] == pytest.approx(loss, rel=1e-6)
    assert (model.predict(x) == np.array(model.classes)[y]).mean() == pytest.approx(accuracy)
    assert model.predict_proba(x).shape == (24, 3)
    assert model.predict(part(x, 3)) in model.classes
    found = cnnx.evaluation.evaluate(model, x, y)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.images is None
    outputs = model.layer_outputs(x, ["both", "depth"])
    np.testing.assert_array_equal(outputs["both"][..., :3], x["image"])
    np.testing.assert_array_equal(outputs["depth"], x["depth"])
    assert cnnx.evaluation.calibrate(model, x, y) > 0
    assert cnnx.lr_find(cnnx.Trainer(scene()), x, y, steps=20).suggestion > 0
    assert cnnx.explain.feature_maps(model, x, layer="both").ndim == 3
    with (tmp_path / "repr.txt").open("w") as file:
        print(model, model.to_mermaid(), model.to_dot(), model._repr_html_(), file=file)


def test_batches_train_as_arrays_do() -> None:
    x, y = samples(12)
    found = []
    for data in ((x, y), [(part(x, slice(i, i + 4)), y[i : i + 4]) for i in (0, 4, 8)]):
        settings: Any = {"batch_size": 4, "shuffle": False} if isinstance(data, tuple) else {}
        trainer = cnnx.Trainer(scene())
        trainer.fit(data, epochs=2, **settings)
        found.append(trainer.model(x))
    assert_same_bits(*found)


def test_single_samples_are_no_batches() -> None:
    x, y = samples(3)
    with pytest.raises(ValueError, match="fit: a batch is one image with its label, expected"):
        cnnx.Trainer(scene()).fit([(part(x, i), y[i]) for i in range(3)], epochs=1)
    one_by_one = [(part(x, slice(i, i + 1)), y[i : i + 1]) for i in range(3)]
    cnnx.Trainer(scene()).fit(one_by_one, epochs=1)


def test_several_inputs_and_outputs_together() -> None:
    x, y = samples()
    model = scene(heads=True)
    targets = {"class": y, "mask": (x["image"][..., 0] > 0.5).astype(int)}
    losses: Any = {"class": cnnx.CrossEntropy(), "mask": cnnx.losses.Dice()}
    cnnx.Trainer(model, loss=losses).fit(x, targets, epochs=2)
    assert {name: each.shape for name, each in model.predict(x).items()} == {
        "class": (COUNT,),
        "mask": (COUNT, 8, 6),
    }
    assert model.inputs == SHAPES
    for copied in (model.clone(), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (copied.inputs, copied.heads) == (model.inputs, model.heads)


def test_evaluations_of_positions_and_of_values() -> None:
    a, b = Input((8, 6, 3)), Input((8, 6, 1))
    maps = Model.from_graph({"a": a, "b": b}, Conv2d(2, 1)(Concat()(a, b)))
    rng = np.random.default_rng(0)
    x = {"a": rng.random((5, 8, 6, 3)), "b": rng.random((5, 8, 6, 1))}
    masks = rng.integers(0, 2, (5, 8, 6))
    assert cnnx.evaluation.evaluate_segmentation(maps, x, masks).positions == 240
    values = Model.from_graph({"a": a, "b": b}, Dense(1)(Flatten()(Concat()(a, b))))
    cnnx.Trainer(values, loss=cnnx.MSE()).fit(x, rng.random(5), epochs=1)
    assert cnnx.evaluation.evaluate_regression(values, x, rng.random(5)).count == 5


# --- Files and copies.


@pytest.mark.parametrize("shards", [1, 3])
def test_a_saved_model_and_a_resumed_run_have_the_same_bits(shards: int, tmp_path: Any) -> None:
    x, y = samples()
    settings: Any = {"epochs": 3, "batch_size": 5}
    whole = scene()
    history = cnnx.Trainer(whole, shards=shards).fit(x, y, **settings)
    path = tmp_path / "run.ckpt"
    stopped = cnnx.Trainer(scene(), shards=shards)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(
            x, y, checkpoint=path, checkpoint_every=1, progress=stopping_after(4), **settings
        )
    resumed = cnnx.Trainer.resume(path)
    assert resumed.fit(x, y).loss == history.loss
    whole.save(tmp_path / "model.cnnx")
    loaded = cnnx.load(tmp_path / "model.cnnx")
    assert loaded.inputs == resumed.model.inputs == SHAPES
    for model in (loaded, resumed.model):
        assert_same_bits(model(x), whole(x))
    whole.compute_dtype = "bfloat16"
    whole.save(tmp_path / "short.cnnx")
    short = cnnx.load(tmp_path / "short.cnnx")
    assert_same_bits(short(x), whole(x))
    np.testing.assert_allclose(short(x), loaded(x), atol=0.1)


def test_a_resumed_run_needs_the_same_arrays(tmp_path: Any) -> None:
    x, y = samples()
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        cnnx.Trainer(scene()).fit(
            x, y, epochs=3, batch_size=5, checkpoint=path, progress=stopping_after(4)
        )
    other = {**x, "place": 2 * x["place"]}
    with pytest.raises(ValueError, match="fit: "):
        cnnx.Trainer.resume(path).fit(other, y)


def test_copies_have_the_inputs() -> None:
    x, _ = samples()
    model = with_random_values(scene())
    same = Model(model.layers, input_shape=model.input_shape)
    for copied in (model.clone(), pickle.loads(pickle.dumps(model)), same):
        assert copied.inputs == SHAPES
        assert_same_bits(copied(x), model(x))
    assert model.with_new_weights().inputs == model.with_classes(7).inputs == SHAPES


def test_the_first_layers_have_the_inputs_that_they_need() -> None:
    x, _ = samples()
    model = with_random_values(scene())
    outputs = model.layer_outputs(x)
    both = model.until("both")
    assert both.inputs == {"image": SHAPES["image"], "depth": SHAPES["depth"]}
    assert_same_bits(both({"image": x["image"], "depth": x["depth"]}), outputs["both"])
    far = model.until("conv2d_1")
    assert (far.inputs, far.input_shape) == ({}, SHAPES["depth"])
    assert_same_bits(far(x["depth"]), outputs["conv2d_1"])
    with pytest.raises(ValueError, match="until: has no layer 'depth'"):
        model.until("depth")


def test_a_model_is_shown_with_its_inputs() -> None:
    model = scene()
    assert repr(model).endswith("(8, 6, 3) and (4, 3, 1) and (1, 1, 5) to (3,))")
    lines = model.summary().splitlines()
    assert [line.split()[0] for line in lines[1:4]] == list(SHAPES)
    assert "(1, 1, 161)" not in model.summary()
    drawn = model.to_mermaid()
    assert f'n1["Input<br/>depth<br/>4{TIMES}3{TIMES}1"]' in drawn
    assert "InputPart" not in drawn

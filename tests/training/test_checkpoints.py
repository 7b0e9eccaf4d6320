"""Checkpoints: a run stopped anywhere and resumed ends with the bits of an uninterrupted run."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import checkpoint_runs
import cnnx
import numpy as np
import pytest
from checkpoint_runs import RUNS, begin, contents, resume, stopping_after, x, y
from cnnx.training.history import Progress
from model_file_parts import read_parts, write_parts
from python_process import run_python

EPOCHS = 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The end of every uninterrupted run."""
    ends = {}
    for run in RUNS:
        path = tmp_path_factory.mktemp("whole") / "run.ckpt"
        begin(run).fit(x, y, epochs=EPOCHS, checkpoint=path, checkpoint_every=3, **RUNS[run][1])
        ends[run] = contents(path)
    return ends


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("every", [3, None])
def test_a_run_stopped_after_any_step_ends_with_the_same_bits(
    run: str, every: int | None, whole: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "run.ckpt"
    stops = 0
    trainer = begin(run)
    settings = {**RUNS[run][1], "epochs": EPOCHS, "checkpoint": path, "checkpoint_every": every}
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, progress=stopping_after(0), **settings)
    while True:
        trainer = cnnx.Trainer.resume(path)
        try:
            # The end of an epoch is reported too, so one of these is between two epochs.
            resume(trainer, run, progress=stopping_after(1 + stops % 2), checkpoint_every=3)
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops > EPOCHS
    assert contents(path) == whole[run]


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("run", ["sgd", "adam"])
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(
    run: str, kills: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "run.ckpt"
    epochs = 20
    command = [sys.executable, checkpoint_runs.__file__, run, str(path), str(epochs)]
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(rng.integers(1, 10)):
                assert child.stdout.readline(), "it ended before it could be killed"
            child.send_signal(signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    unkilled = tmp_path / "unkilled.ckpt"
    settings = {**RUNS[run][1], "epochs": epochs, "checkpoint": unkilled, "checkpoint_every": 3}
    begin(run).fit(x, y, **settings)
    assert contents(path) == contents(unkilled)


def test_a_run_stopped_in_this_process_continues_too(whole: dict[str, dict[str, Any]]) -> None:
    trainer = begin("adam")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=EPOCHS, progress=stopping_after(4), **RUNS["adam"][1])
    trainer.fit(x, y)
    parameters = trainer.model.parameters
    for name in parameters:
        assert parameters[name].tobytes() == whole["adam"][name][2]
    with pytest.warns(
        cnnx.Warning, match="fit: the run has finished after 3 epochs, so nothing is"
    ):
        assert trainer.fit(x, y) == trainer.history
    assert len(trainer.history) == EPOCHS


def test_a_checkpoint_is_a_model_too(tmp_path: Path) -> None:
    trainer = begin("sgd")
    trainer.fit(x, y, epochs=1, checkpoint=tmp_path / "run.ckpt", **RUNS["sgd"][1])
    model = cnnx.load(tmp_path / "run.ckpt")
    assert model(x).tobytes() == trainer.model(x).tobytes()
    assert not model.layers[0].trainable
    model.save(tmp_path / "model.cnnx")
    with pytest.raises(cnnx.FormatError, match=r"model\.cnnx: is no checkpoint"):
        cnnx.Trainer.resume(tmp_path / "model.cnnx")


def test_an_iterable_of_batches_resumes_at_its_position(tmp_path: Path) -> None:
    batches = [(x[:9], y[:9]), (x[9:12], y[9:12]), (x[12:], y[12:])]
    unstopped, stopped = tmp_path / "unstopped.ckpt", tmp_path / "stopped.ckpt"
    begin("adam").fit(batches, epochs=2, checkpoint=unstopped)
    with pytest.raises(KeyboardInterrupt):
        begin("adam").fit(batches, epochs=2, checkpoint=stopped, progress=stopping_after(1))
    cnnx.Trainer.resume(stopped).fit(batches)
    assert contents(stopped) == contents(unstopped)


def test_checkpoints_are_as_frequent_without_a_known_number_of_batches(
    tmp_path: Path,
) -> None:
    class Batches:
        def __iter__(self) -> Iterator[tuple[Any, Any]]:
            return iter([(x[:9], y[:9]), (x[9:], y[9:])])

    def watched(batches: Any) -> list[bool]:
        """Whether the checkpoint has changed, after every step except the last."""
        path, changed, before = tmp_path / "run.ckpt", [], b""

        def look(progress: Progress) -> None:
            nonlocal before
            if progress.finished_epoch is None:
                changed.append(path.read_bytes() != before)
                before = path.read_bytes()

        begin("adam").fit(batches, epochs=4, checkpoint=path, checkpoint_every=3, progress=look)
        return changed

    # `look` is called before the step is saved: it finds the file of the third step after the
    # fourth.
    expected = [True, False, False, True, False, False, True, False]
    assert watched(Batches()) == watched([*Batches()]) == expected


def test_a_fit_of_no_epochs_leaves_a_checkpoint_of_the_beginning(tmp_path: Path) -> None:
    trainer = begin("adam")
    trainer.fit(x, y, epochs=0, checkpoint=tmp_path / "run.ckpt")
    resumed = cnnx.Trainer.resume(tmp_path / "run.ckpt")
    for name, array in trainer.model.parameters.items():
        assert resumed.model.parameters[name].tobytes() == array.tobytes()
    with pytest.warns(cnnx.Warning, match="has finished after 0 epochs, so nothing is trained"):
        assert len(resumed.fit(x, y)) == 0


def test_a_held_out_fraction_is_resumed_for_a_set_with_a_validation_set(tmp_path: Path) -> None:
    own = cnnx.data.Dataset(x[:6], y[:6], ("X", "O"))
    dataset = cnnx.data.Dataset(x, y, ("X", "O"), validation=own)
    settings: dict[str, Any] = {"epochs": 2, "validation": 0.3}
    unstopped, stopped = tmp_path / "unstopped.ckpt", tmp_path / "stopped.ckpt"
    begin("adam").fit(dataset, checkpoint=unstopped, **settings)
    with pytest.raises(KeyboardInterrupt):
        begin("adam").fit(dataset, checkpoint=stopped, progress=stopping_after(1), **settings)
    cnnx.Trainer.resume(stopped).fit(dataset)
    assert contents(stopped) == contents(unstopped)


# Refusals.


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        begin("adam").fit(
            x, y, epochs=2, checkpoint=path, progress=stopping_after(2), **RUNS["adam"][1]
        )
    return path


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ((x[:-1], y[:-1]), "x is another data set .* its count is 21, expected 22"),
        ((x / np.float32(255), y), "its dtype is float32, expected uint8"),
        ((x, 1 - y), "of the same shape, but with other images"),
        ((x[::-1], y), "of the same shape, but with other images"),
        (([(x, y)],), r"validation is 0\.3, expected \(x, y\) with an iterable of batches"),
    ],
)
def test_another_data_set_is_refused(other: tuple[Any, ...], sentence: str, stopped: Path) -> None:
    with pytest.raises(ValueError, match=f"^fit: .*{sentence}"):
        cnnx.Trainer.resume(stopped).fit(*other)


@pytest.mark.parametrize("is_old", [False, True])
def test_all_soft_labels_are_compared(is_old: bool, tmp_path: Path) -> None:
    """Earlier versions wrote a checksum of those of the sampled images only."""
    pixels, labels = cnnx.data.xo(200, size=16, seed=1)
    soft = np.eye(2, dtype=np.float32)[labels]
    trainer, path = cnnx.Trainer(cnnx.models.small((16, 16, 1), 2)), tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(pixels, soft, epochs=2, checkpoint=path, progress=stopping_after(1))
    resumed = cnnx.Trainer.resume(path)
    if is_old:
        del resumed._run.data[0]["all_targets"]
    other = soft.copy()
    other[1] = other[1, ::-1]  # between two sampled images
    if is_old:
        resumed.fit(pixels, other)
        return
    with pytest.raises(ValueError, match="of the same shape, but with other images or labels"):
        resumed.fit(pixels, other)
    resumed.fit(pixels, soft)


def test_settings_of_a_resumed_run_are_its_own(stopped: Path) -> None:
    trainer = cnnx.Trainer.resume(stopped)
    with pytest.raises(ValueError, match="fit: batch_size is 6, expected none without epochs"):
        trainer.fit(x, y, batch_size=6)
    with pytest.raises(ValueError, match=r"fit: x holds no arrays|fit: validation holds arrays"):
        trainer.fit(x, y, validation=(x, y))
    with pytest.raises(ValueError, match="fit: checkpoint_every is 0, expected an integer >= 1"):
        trainer.fit(x, y, checkpoint_every=0)
    trainer.fit(x, y)
    with pytest.raises(ValueError, match="fit: epochs is missing, and there is no unfinished run"):
        begin("adam").fit(x, y)
    with pytest.raises(ValueError, match="fit: checkpoint_every is 2, expected a checkpoint="):
        begin("adam").fit(x, y, epochs=1, checkpoint_every=2)


def _edit_json(key: str, change: Callable[[dict[str, Any]], object]) -> Callable[..., None]:
    def damage(header: dict[str, Any]) -> None:
        value = json.loads(header["__metadata__"][key])
        change(value)
        header["__metadata__"][key] = json.dumps(value)

    return damage


def _rename(old: str, new: str) -> Callable[..., None]:
    def damage(header: dict[str, Any]) -> None:
        header[new] = header.pop(old)

    return damage


STATE, NOTES = "cnnx.trainer", "cnnx.notes"
DAMAGES: list[tuple[Callable[..., Any], str]] = [
    (lambda header: header["__metadata__"].pop(NOTES), "its metadata has no cnnx.notes"),
    (_edit_json(STATE, lambda state: state.pop("slots")), "cnnx.trainer.*slots"),
    (_edit_json(STATE, lambda state: state.update(slots=3)), "cnnx.trainer.*slots.*3"),
    (_edit_json(STATE, lambda state: state.update(slots=1)), "tensors of a checkpoint"),
    (_edit_json(STATE, lambda state: state.update(averages=True)), "average.* is missing"),
    (_edit_json(STATE, lambda state: state.update(optimizer_step=-1)), "optimizer_step"),
    (
        _edit_json(STATE, lambda state: state.update(gradients_computed=2**63 - 1)),
        "gradients_computed: expected an integer from 0 to 9007199254740992",
    ),
    (_edit_json(STATE, lambda state: state.update(more=1)), "more"),
    (_edit_json(STATE, lambda state: state.update(shards=1)), "shards: expected an integer from 2"),
    (_edit_json(STATE, lambda state: state.update(shards=2**40)), "shards.* 65536"),
    (_edit_json(STATE, lambda state: state.update(shards="4")), "shards"),
    (
        _edit_json(STATE, lambda state: state.update(shards=4)),
        "has shards=4, but the trainer's settings expect shards=1",
    ),
    (
        _edit_json(NOTES, lambda metadata: metadata["recipe"]["settings"].update(shards=2)),
        "has shards=1, but the trainer's settings expect shards=2",
    ),
    (
        _edit_json(NOTES, lambda metadata: metadata["recipe"]["settings"].update(shards=0)),
        "cnnx.notes: Trainer: shards is 0",
    ),
    (_rename("cnnx.trainer.beta1_product", "cnnx.trainer.beta"), "beta1_product.* is missing"),
    (_rename("cnnx.trainer.slot_1.dense_1.bias", "cnnx.trainer.x"), "dense_1.bias.* is missing"),
    (_edit_json(NOTES, lambda metadata: metadata.pop("run")), "cnnx.notes: metadata has no run"),
    (
        _edit_json(NOTES, lambda metadata: metadata.update(recipe=3)),
        "recipe is 3, expected the settings of a trainer",
    ),
    (
        _edit_json(NOTES, lambda metadata: metadata["run"].update(epoch=-1)),
        "cnnx.notes: run.epoch is -1",
    ),
    (_edit_json(NOTES, lambda metadata: metadata["run"].update(data=3)), "cnnx.notes: .*data"),
    (_edit_json(NOTES, lambda metadata: metadata["history"].update(loss=[1])), "cnnx.notes"),
    (
        _edit_json(NOTES, lambda metadata: metadata["recipe"].update({"@recipe": "os.system"})),
        "cnnx.notes: recipe is of the class 'os.system'",
    ),
    (
        _edit_json(NOTES, lambda metadata: metadata["recipe"]["settings"].update(seed=-1)),
        "cnnx.notes: Trainer: seed is -1",
    ),
    (
        _edit_json(NOTES, lambda metadata: metadata["recipe"]["settings"].update(seed=2**70)),
        "cnnx.notes: Trainer: seed is 1180591620717411303424, expected an integer from 0 to 2",
    ),
    (
        _edit_json(
            NOTES,
            lambda metadata: metadata["recipe"]["settings"].update(
                loss={"@recipe": "CrossEntropy", "settings": {"class_weights": [1, 2, 3]}}
            ),
        ),
        "cnnx.notes: .*class_weights",
    ),
    (
        _edit_json(NOTES, lambda metadata: metadata["history"].update(loss="", accuracy="")),
        "cnnx.notes: history.loss is '', expected a list of real numbers",
    ),
    (
        _edit_json(NOTES, lambda metadata: metadata["run"].update(epoch=[])),
        r"cnnx.notes: run.epoch is \[\], expected an integer",
    ),
    (
        lambda header: header["__metadata__"].update({NOTES: "[" * 10**5}),
        "cnnx.notes: nests too deeply",
    ),
]


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES)
def test_a_damaged_checkpoint_is_refused(
    damage: Callable[..., Any], sentence: str, stopped: Path
) -> None:
    header, data = read_parts(stopped)
    damage(header)
    write_parts(stopped, header, data)
    with pytest.raises(cnnx.FormatError, match=rf"run\.ckpt: .*{sentence}") as caught:
        cnnx.Trainer.resume(stopped)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [-1.0, float("inf"), float("nan")])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("learning_rate", "finite number >= 0"),
        ("last_learning_rate", "finite number >= 0"),
        ("beta1_product", "number from 0 to 1"),
        ("beta2_product", "number from 0 to 1"),
        ("plateau_reduction", "number from 0 to 1"),
    ],
)
def test_an_impossible_number_of_the_optimizer_is_refused(
    name: str, expected: str, number: float, stopped: Path
) -> None:
    header, data = read_parts(stopped)
    start, end = header[f"{STATE}.{name}"]["data_offsets"]
    write_parts(stopped, header, data[:start] + struct.pack("<d", number) + data[end:])
    with pytest.raises(cnnx.FormatError, match=f": {STATE}: {name} is not a {expected}$"):
        cnnx.Trainer.resume(stopped)


FIT_ON_A_FULL_DISK = """
import sys
from pathlib import Path
import cnnx
from checkpoint_runs import x, y
from full_disk import half_the_size_of

path = Path(sys.argv[1])
before = path.read_bytes()
trainer = cnnx.Trainer.resume(path)
weights = [array.tobytes() for array in trainer.model.parameters.values()]
with half_the_size_of(path):
    try:
        trainer.fit(x, y, verbose=False)
    except OSError as error:
        print(error)
assert path.read_bytes() == before
assert [array.tobytes() for array in trainer.model.parameters.values()] == weights
trainer.fit(x, y, verbose=False)  # there is space again
assert path.read_bytes() != before
"""


def test_a_full_disk_leaves_the_last_checkpoint_and_the_trained_model(stopped: Path) -> None:
    assert "run.ckpt" in run_python("-c", FIT_ON_A_FULL_DISK, str(stopped))


def test_an_unwritable_checkpoint_is_refused_before_training(tmp_path: Path) -> None:
    trainer = begin("adam")
    before = [array.tobytes() for array in trainer.model.parameters.values()]
    with pytest.raises(OSError, match="nowhere"):
        trainer.fit(x, y, epochs=1, checkpoint=tmp_path / "nowhere" / "run.ckpt")
    assert [array.tobytes() for array in trainer.model.parameters.values()] == before

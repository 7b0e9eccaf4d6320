"""A C++ program builds and trains networks as the same script does in Python: the files are equal,
byte for byte, and so is every epoch's loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cnnx
import layer_kinds
import pytest
from cnnx import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Clip,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Crop2d,
    Dense,
    DepthToSpace,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    HardSigmoid,
    Input,
    LayerNorm,
    LeakyReLU,
    LocalResponseNorm,
    MaxPool2d,
    Model,
    Multiply,
    Pad2d,
    Parallel,
    PReLU,
    Quantize,
    ReLU,
    Residual,
    Scale2d,
    Sigmoid,
    SpaceToDepth,
    Tanh,
    Upsample2d,
    ZeroPad2d,
)
from cpp_build import build_consumer, run

COUNT, SIZE, EPOCHS, BATCH_SIZE = 200, 24, 3, 48


def in_cpp(value: Any) -> str:
    """A setting's value as an argument of a builder."""
    if not isinstance(value, tuple | list):
        return str(value)
    return f"{{{', '.join(in_cpp(each).strip('{}') for each in value)}}}"


def network_in_cpp(kind: str) -> str:
    """{"conv2d", {Conv2d(2, {2, 3})}}: the layers of layer_kinds.model(kind)."""
    *before, (_, _, _, inputs, _) = layer_kinds.model(kind)._core.layers
    layers = [layer_in_cpp(other, settings) for other, settings, *_ in before]
    layers.append(layer_in_cpp(kind, layer_kinds.arguments(kind)))
    if len(inputs) > 1:
        layers[-1] += f".inputs({{{', '.join(map(quoted, inputs))}}})"
    return f"{{{quoted(kind)}, {{{', '.join(layers)}}}}}"


def layer_in_cpp(kind: str, values: Mapping[str, Any]) -> str:
    """With values by the names of its settings, those of them that it cannot do without."""
    names = [each["name"] for each in layer_kinds.KINDS[kind]["settings"] if each["required"]]
    given = ", ".join(in_cpp(values[name]) for name in names)
    return f"{layer_kinds.CLASSES[kind].__name__}({given})"


def quoted(text: str) -> str:
    return f'"{text}"'


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cpp_training")
    networks = ",\n".join(network_in_cpp(kind) for kind in layer_kinds.KINDS)
    (folder / "every_kind.inc").write_text(networks + "\n", encoding="ascii")
    project = Path(__file__).parent / "cpp_training"
    return build_consumer(project, folder / "build", f"-DEVERY_KIND_FOLDER={folder}")


@pytest.fixture(scope="module")
def networks_of_kinds(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    run([programs / "layers", "kinds", folder])
    return folder


@pytest.mark.parametrize("kind", layer_kinds.KINDS)
def test_every_kind_is_the_same_in_cpp(kind: str, networks_of_kinds: Path, tmp_path: Path) -> None:
    """The builder's name, what it cannot do without, and its defaults."""
    layer_kinds.model(kind, seed=0).save(tmp_path / "python.cnnx")
    found = (networks_of_kinds / f"{kind}.cnnx").read_bytes()
    assert found == (tmp_path / "python.cnnx").read_bytes()


def blocks() -> Model:
    layers = [Residual([Conv2d(4, 1)]), Parallel([[Conv2d(4, 1)], [Conv2d(4, 1)]])]
    return Model([*layers, Flatten(), Dense(3)], input_shape=(16, 16, 4))


def settings() -> Model:
    edges = Conv2d(
        *(8, (3, 5)),
        stride=(1, 2),
        padding=((1, 0), (2, 1)),
        dilation=(2, 1),
        groups=2,
        bias=False,
        algorithm="direct",
        name="edges",
    )
    larger = ConvTranspose2d(8, 3, stride=2, padding="same", bias=False)
    block = Residual(
        [Conv2d(6, 3, padding="same"), BatchNorm2d()],
        shortcut=[Conv2d(6, 1, padding="valid", bias=False)],
        name="block",
    )
    larger.trainable = block.trainable = False
    layers = [
        *(edges, BatchNorm2d(momentum=0.4, epsilon=1e-3, affine=False), LeakyReLU(0.1), PReLU(0.1)),
        larger,
        ConvTranspose2d(8, 2, stride=2, padding=(1, 0), output_padding=1, groups=4, dilation=3),
        MaxPool2d((3, 2), stride=2, padding="same", dilation=(2, 1), ceil_mode=True),
        AvgPool2d(
            2,
            stride=(1, 2),
            padding=1,
            count_include_pad=False,
            dilation=(1, 2),
            ceil_mode=True,
        ),
        *(ZeroPad2d(((0, 1), (2, 0))), Crop2d(((0, 1), (1, 0)))),
        Pad2d(((1, 0), (0, 2)), mode="edge"),
        *(Upsample2d((1, 2), mode="bilinear"), SpaceToDepth(1), DepthToSpace(2, mode="CRD")),
        Upsample2d(size=(15, 12), mode="bilinear", align_corners=True),
        *(GroupNorm(2, epsilon=1e-3), LayerNorm(epsilon=1e-6), AdaptiveAvgPool2d((5, 3))),
        *(Dropout(0.25, name="drop"), ELU(0.5), Clip(-1, 2), GELU("tanh"), GELU("none")),
        HardSigmoid(slope=0.2, offset=0.4),
        *(LocalResponseNorm(5, alpha=0.01, beta=0.5, k=2), Scale2d(bias=False), block),
        Residual(
            [
                Parallel([ReLU(), [], [Conv2d(6, 1, name="one"), Tanh()]], merge="add"),
                Parallel([Conv2d(3, 1), Conv2d(3, 1)]),
            ]
        ),
        *(Quantize(0.03, 9), Conv2d(6, 1, int8_weight=True), Quantize(0.05)),
        *(GlobalAvgPool2d(), Dense(4, int8_weight=True), Dense(2, bias=False)),
    ]
    return Model(
        layers,
        input_shape=(24, 24, 4),
        classes=["cat", "dog"],
        preprocessing=cnnx.Preprocessing(resize="crop", mean=0.5, std=(0.25, 0.25, 0.25, 0.5)),
        seed=7,
    )


def graph() -> Model:
    image = Input((8, 8, 3))
    stem = Conv2d(8, 3, padding="same", name="stem")(image)
    gate = Sigmoid()(Dense(8)(GlobalAvgPool2d()(stem)))
    both = Concat()(Multiply()(stem, gate), image)
    return Model.from_graph(image, Dense(2)(Flatten()(Add()(Conv2d(8, 1)(both), stem))))


@pytest.mark.parametrize("network", [blocks, settings, graph])
def test_every_network_is_the_same_in_cpp(network: object, programs: Path, tmp_path: Path) -> None:
    """Names, defaults, settings, connections and initial weights, all of which are in the file."""
    assert callable(network)
    run([programs / "layers", network.__name__, tmp_path / "cpp.cnnx"])
    network().save(tmp_path / "python.cnnx")
    assert (tmp_path / "cpp.cnnx").read_bytes() == (tmp_path / "python.cnnx").read_bytes()


def lines(history: cnnx.trainer.History) -> list[str]:
    return [
        f"{float(loss).hex()} {float(accuracy).hex()}"
        for loss, accuracy in zip(history.loss, history.accuracy, strict=True)
    ]


def exact(output: str) -> list[str]:
    """The numbers of the program's lines in Python's format."""
    return [
        " ".join(float.fromhex(number).hex() for number in line.split())
        for line in output.splitlines()
    ]


@pytest.fixture(scope="module")
def samples() -> tuple[cnnx.data.dataset.Pixels, cnnx.data.dataset.Labels]:
    return cnnx.data.xo(COUNT, size=SIZE, seed=1)


@pytest.mark.parametrize("threads", [1, 2])
def test_fit_trains_as_python_does(
    threads: int, programs: Path, samples: tuple, tmp_path: Path
) -> None:
    layers = [Conv2d(8, 3), ReLU(), MaxPool2d(2), Conv2d(16, 3), ReLU(), Flatten(), Dense(2)]
    model = Model(layers, input_shape=(SIZE, SIZE, 1), classes=["X", "O"])
    trainer = cnnx.Trainer(model)
    history = lines(trainer.fit(*samples, epochs=EPOCHS))
    end = trainer.evaluate(*samples)
    history.append(f"{end['loss'].hex()} {end['accuracy'].hex()}")
    model.save(tmp_path / "python.cnnx")
    said = run([programs / "train", "fit", str(threads), tmp_path / "cpp.cnnx"])
    assert exact(said) == history
    assert (tmp_path / "cpp.cnnx").read_bytes() == (tmp_path / "python.cnnx").read_bytes()


@pytest.fixture(scope="module")
def python_loop(
    tmp_path_factory: pytest.TempPathFactory, samples: tuple
) -> tuple[list[str], bytes, bytes]:
    """Batch norm, dropout, a residual block, SGD with Nesterov momentum, augmentation, a schedule,
    clipping, rules and averaged weights: compares the history, the model and the averaged model.
    """
    same = {"padding": "same"}
    layers = [
        *(Conv2d(16, 3, **same, bias=False), BatchNorm2d(), ReLU()),
        *(Residual([Conv2d(16, 3, **same), BatchNorm2d(), ReLU()]), MaxPool2d(4)),
        *(Flatten(), Dropout(0.3), Dense(2)),
    ]
    model = Model(layers, input_shape=(SIZE, SIZE, 1), classes=["X", "O"], seed=2)
    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
        loss=cnnx.CrossEntropy(label_smoothing=0.1),
        seed=3,
        rules=[cnnx.ParameterRule("*.bias", weight_decay_factor=0)],
        clip_norm=5.0,
        averaging=cnnx.WeightAverage(0.9),
        schedule=cnnx.Warmup(0.5, cnnx.CosineDecay()),
    )
    augmentation = cnnx.data.Augmentation(flip="random", crop_padding=2, rotate=10, brightness=0.1)
    history = trainer.fit(*samples, epochs=EPOCHS, batch_size=BATCH_SIZE, augmentation=augmentation)
    folder = tmp_path_factory.mktemp("python_loop")
    model.save(folder / "model.cnnx")
    trainer.averaged_model().save(folder / "averaged.cnnx")
    return (
        lines(history),
        (folder / "model.cnnx").read_bytes(),
        (folder / "averaged.cnnx").read_bytes(),
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_a_custom_loop_trains_as_python_does(
    threads: int, programs: Path, python_loop: tuple[list[str], bytes, bytes], tmp_path: Path
) -> None:
    history, model, averaged = python_loop
    said = run([programs / "train", "loop", str(threads), tmp_path / "cpp.cnnx"])
    assert exact(said) == history
    assert (tmp_path / "cpp.cnnx").read_bytes() == model
    assert (tmp_path / "cpp.cnnx.averaged").read_bytes() == averaged


@pytest.mark.parametrize("steps", [1, 5, 7])
def test_a_stopped_program_is_resumed_by_another(
    steps: int, programs: Path, python_loop: tuple[list[str], bytes, bytes], tmp_path: Path
) -> None:
    """At the end of an epoch (5 steps) or in the middle of one, on other threads."""
    history, model, averaged = python_loop
    assert -(-COUNT // BATCH_SIZE) == 5
    checkpoint, result = tmp_path / "run.ckpt", tmp_path / "cpp.cnnx"
    said = run([programs / "train", "begin", "2", checkpoint, str(steps)])
    assert cnnx.load(checkpoint).output_shape == (2,)
    with pytest.raises(cnnx.FormatError, match=r"run\.ckpt: cnnx\.notes: "):
        cnnx.Trainer.resume(checkpoint)
    said += run([programs / "train", "resume", "1", checkpoint, result])
    assert exact(said) == history
    assert result.read_bytes() == model
    assert Path(f"{result}.averaged").read_bytes() == averaged

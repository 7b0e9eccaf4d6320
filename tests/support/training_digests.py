"""Train small networks of every kind and print a hash of each run; run by test_bit_identity.py.

Not part of the package. A hash covers every parameter, the last gradients, every loss and the
trained network's outputs. Two set-ups that promise the same bits must print the same hashes.

    python tests/support/training_digests.py THREADS
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np

SEED = 5


def digest(trainer: cnnx.Trainer, x: Any) -> str:
    found = hashlib.sha256()
    for array in (*trainer.model.parameters.values(), *trainer.model.buffers.values()):
        found.update(array.tobytes())
    found.update(trainer.gradients.tobytes())
    for name, values in vars(trainer.history).items():
        if name != "seconds":
            found.update(np.array(values).tobytes())
    found.update(trainer.model(x).tobytes())
    return found.hexdigest()


def digits(count: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(SEED)
    return rng.integers(0, 256, (count, 28, 28, 1), dtype=np.uint8), rng.integers(0, 10, count)


def lenet5() -> str:
    """A ragged last batch of 41, and a validation set that runs at another size."""
    x, y = digits(105 + 20)
    trainer = cnnx.Trainer(cnnx.models.lenet5(), optimizer=cnnx.SGD(0.05, momentum=0.9), seed=SEED)
    trainer.fit(x[:105], y[:105], epochs=2, batch_size=64, validation=(x[105:], y[105:]))
    return digest(trainer, x[:65])


def x_and_o() -> str:
    x, y = cnnx.data.xo(250, seed=SEED)
    trainer = cnnx.Trainer(cnnx.models.small(seed=SEED), optimizer=cnnx.Adam(2e-3))
    trainer.fit(x, y, epochs=2, batch_size=65, validation=0.25)
    return digest(trainer, x)


def augmented() -> str:
    x, y = cnnx.data.xo(130, seed=SEED)
    augmentation = cnnx.data.Augmentation(
        **{"flip": "alternating", "crop_padding": 2, "border": "reflect", "rotate": 20},
        **{"scale": (0.8, 1.25), "shift": 1.5, "contrast": 0.3, "brightness": 0.3, "cutout": 5},
        mixup=0.3,
    )
    trainer = cnnx.Trainer(cnnx.models.small(seed=SEED), optimizer=cnnx.Adam(2e-3), seed=SEED)
    trainer.fit(x, y, epochs=2, batch_size=65, augmentation=augmentation)
    return digest(trainer, x)


def wide() -> str:
    """Enough channels for every tile, enough images for several chunks of the weight gradient."""
    rng = np.random.default_rng(SEED)
    x = rng.integers(0, 256, (70, 24, 24, 3), dtype=np.uint8)
    layers = [
        cnnx.Conv2d(32, 3, padding="same"),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Conv2d(72, 3, padding="same"),
        cnnx.ReLU(),
        cnnx.Conv2d(64, 3, stride=2),
        cnnx.ReLU(),
        cnnx.AvgPool2d(5),
        cnnx.Flatten(),
        cnnx.Dense(100),
    ]
    model = cnnx.Model(layers, input_shape=(24, 24, 3), seed=SEED)
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(1e-3))
    trainer.fit(x, rng.integers(0, 100, 70), epochs=1, batch_size=64)
    return digest(trainer, x)


def sharded() -> str:
    """More than one group of shards, batch norm and dropout in each, a batch with empty shards."""
    layers = [cnnx.Conv2d(6, 5), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.MaxPool2d(2)]
    layers += [cnnx.Dropout(0.3), cnnx.Flatten(), cnnx.Dense(10)]
    x, y = digits(40 + 7)
    augmentation = cnnx.data.Augmentation(shift=2, mixup=0.2)
    model = cnnx.Model(layers, input_shape=(28, 28, 1), seed=SEED)
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), seed=SEED, shards=11)
    trainer.fit(x, y, epochs=2, batch_size=40, augmentation=augmentation)
    return digest(trainer, x)


def every_layer() -> str:
    """Strides, borders, dilation, groups, channel counts that no vector length divides; floats."""
    layers = [
        cnnx.Conv2d(5, (3, 2), stride=(2, 1), padding=((1, 0), (2, 1))),
        cnnx.LeakyReLU(0.1),
        cnnx.MaxPool2d(3, stride=2, padding="same"),
        cnnx.Conv2d(9, 1),
        cnnx.Conv2d(18, 3, padding="same", dilation=2, groups=9, bias=False),
        cnnx.Tanh(),
        cnnx.AvgPool2d(2, padding=1, count_include_pad=False),
        cnnx.Conv2d(33, 3, padding=1),
        cnnx.Sigmoid(),
        cnnx.Flatten(),
        cnnx.Dense(17),
        cnnx.ReLU(),
        cnnx.Dense(7),
    ]
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((65, 23, 19, 3)).astype(np.float32)
    model = cnnx.Model(layers, input_shape=(23, 19, 3), seed=SEED)
    loss = cnnx.CrossEntropy(label_smoothing=0.1)
    trainer = cnnx.Trainer(model, optimizer=cnnx.AdamW(1e-2), loss=loss)
    trainer.fit(x, rng.integers(0, 7, 65), epochs=2, batch_size=13)
    return digest(trainer, x)


def residual_network() -> str:
    """Batch norm, shortcuts, branches, gates and dropout; a layer is frozen half way."""
    conv, norm, relu = cnnx.Conv2d, cnnx.BatchNorm2d, cnnx.ReLU
    image = cnnx.Input((17, 15, 3))
    x = relu()(norm()(conv(16, 3, padding=1, bias=False)(image)))
    body = [conv(16, 3, padding=1, bias=False), norm(), relu(), conv(16, 3, padding=1), norm()]
    x = relu()(cnnx.Residual(body)(x))
    gates = cnnx.Sigmoid()(conv(16, 1)(relu()(conv(4, 1)(cnnx.AvgPool2d((17, 15))(x)))))
    x = cnnx.Multiply()(x, gates)
    down = [conv(21, 3, stride=2, padding=1), norm(momentum=0.3), relu(), cnnx.Dropout(0.2)]
    x = cnnx.Residual(down, shortcut=conv(21, 1, stride=2))(x)
    x = cnnx.Parallel([[], [norm(affine=False), relu(), conv(5, 1)]], merge="concat")(x)
    x = cnnx.Dropout(0.5)(cnnx.Flatten()(cnnx.MaxPool2d(2)(relu()(x))))
    model = cnnx.Model.from_graph(image, cnnx.Dense(7)(x), seed=SEED)
    rng = np.random.default_rng(SEED)
    images = rng.standard_normal((70, 17, 15, 3)).astype(np.float32)
    labels = rng.integers(0, 7, 70)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.05, momentum=0.9), seed=SEED)
    trainer.fit(images, labels, epochs=1, batch_size=33)
    for layer in model.layers[:2]:
        layer.trainable = False
    trainer.fit(images, labels, epochs=1, batch_size=64)
    return digest(trainer, images)


def other_updates() -> str:
    """Rules, clipping, averaging and the optimizers that the other runs do not use."""
    found = ""
    x, y = digits(70)
    for optimizer in (
        cnnx.RMSprop(1e-3, momentum=0.9, weight_decay=0.01),
        cnnx.RMSprop(1e-3),
        cnnx.Muon(weight_decay=0.01),
    ):
        trainer = cnnx.Trainer(
            cnnx.models.lenet5(),
            optimizer=optimizer,
            rules=[cnnx.ParameterRule("*.bias", weight_decay_factor=0, learning_rate_factor=2)],
            clip_norm=0.5,
            averaging=cnnx.WeightAverage(0.9, every=2),
            schedule=cnnx.Warmup(0.5, cnnx.OneCycle(0.4)),
        )
        trainer.fit(x, y, epochs=2, batch_size=16)
        found += digest(trainer, x)
        for array in trainer.averaged_model().parameters.values():
            found += hashlib.sha256(array.tobytes()).hexdigest()
    return found


def other_losses() -> str:
    found = ""
    rng = np.random.default_rng(SEED)
    x = rng.random((37, 12, 12, 2), dtype=np.float32)
    for loss, y in (
        (cnnx.BinaryCrossEntropy(), rng.integers(0, 2, (37, 5))),
        (cnnx.MSE(), rng.standard_normal((37, 5))),
        (cnnx.L1(), rng.standard_normal((37, 5))),
        (cnnx.Huber(0.5), rng.standard_normal((37, 5))),
    ):
        layers = [cnnx.Conv2d(6, 5, stride=3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(5)]
        model = cnnx.Model(layers, input_shape=(12, 12, 2), seed=SEED)
        optimizer = cnnx.SGD(0.1, momentum=0.5, nesterov=True, weight_decay=0.01)
        trainer = cnnx.Trainer(model, optimizer=optimizer, loss=loss)
        trainer.fit(x, y, epochs=2, batch_size=16)
        found += digest(trainer, x)
    return found


def sample_weights() -> str:
    """Row weights times class weights, with mixup; and those of losses without classes."""
    x, y = cnnx.data.xo(130, seed=SEED)
    weights = np.random.default_rng(SEED).gamma(0.5, size=130)
    mixup = cnnx.data.Augmentation(mixup=0.3)
    loss = cnnx.CrossEntropy(class_weights=[1, 3], label_smoothing=0.1)
    trainer = cnnx.Trainer(cnnx.models.small(seed=SEED), loss=loss, seed=SEED)
    trainer.fit(x, y, sample_weight=weights, epochs=2, batch_size=65, augmentation=mixup)
    found = digest(trainer, x)
    for other in (cnnx.BinaryCrossEntropy(), cnnx.Huber(0.5)):
        trainer = cnnx.Trainer(cnnx.models.small(seed=SEED), loss=other)
        held_out = (x[:9], np.eye(2)[y[:9]], weights[:9])
        trainer.fit(x, np.eye(2)[y], sample_weight=weights, epochs=1, validation=held_out)
        found += digest(trainer, x)
    return found


RUNS: dict[str, Callable[[], str]] = {
    run.__name__: run
    for run in (
        *(lenet5, x_and_o, augmented, wide, every_layer, sharded),
        *(residual_network, other_updates, other_losses, sample_weights),
    )
}


if __name__ == "__main__":
    cnnx.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"isa": cnnx.isa(), **{name: run() for name, run in RUNS.items()}}))

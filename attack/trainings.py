"""Drawn trainings of networks, as source of a function that makes the trainer."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import cnnx

from attack import snippets
from attack.case import HEADER, Draw, lines, paste
from attack.networks import drawn_model, in_cnnx
from attack.recipes import (
    averaging_settings,
    call,
    optimizer_settings,
    rule_settings,
    schedule_settings,
    trainer_call,
    with_warmup,
)

NORMS = ("", "cnnx.BatchNorm2d()", "cnnx.GroupNorm({groups})", "cnnx.LayerNorm()")
# In ceil mode a window may be larger than the image, which has become small by then.
POOLS = ("cnnx.MaxPool2d(2, ceil_mode=True)", "cnnx.AvgPool2d(2, ceil_mode=True)")
ACTIVATIONS = ("cnnx.ReLU()", "cnnx.GELU()", "cnnx.PReLU()", "cnnx.SiLU()", "cnnx.LeakyReLU(0.2)")
AUGMENTATIONS = (
    "None",
    "None",
    "cnnx.data.Augmentation(flip='random', crop_padding=1, rotate=10)",
    "cnnx.data.Augmentation(flip='alternating', scale=(0.9, 1.1), cutout=2, contrast=0.2)",
)


FITTED = '''
import hashlib
import os
import subprocess


def fitted():
    """A trainer after its fit, and a hash of its model and losses."""
    trainer = make_trainer()
    found = hashlib.sha256()
    try:
        given = dict(epochs={epochs}, validation={validation}, {fit})
        history = trainer.fit(x, y, sample_weight=w, **given)
        found.update(np.array([history.loss, history.validation_loss]).tobytes())
    except FloatingPointError as error:
        found.update(str(error).encode())
    for array in (*trainer.model.parameters.values(), *trainer.model.buffers.values()):
        found.update(array.tobytes())
    return trainer, found
'''


class Training(NamedTuple):
    """Source of a training.

    Attributes:
        setup: defines `x`, `y`, their weights `w` or None, and the function `make_trainer`.
        fit: arguments of `Trainer.fit` except x, y, their weights, epochs and checkpoints.
        validation: the argument of that name, which a resumed fit needs again.
        epochs: the number of epochs.
    """

    setup: str
    fit: str
    validation: str
    epochs: int

    @property
    def fitted(self) -> str:
        """Source of a function that trains and hashes, after `setup`."""
        return FITTED.format(epochs=self.epochs, validation=self.validation, fit=self.fit)


def layers_in_order(draw: Draw) -> list[str]:
    """Source of layers that are wide enough for several threads."""
    layers = []
    for _ in range(draw.integer(1, 3)):
        groups = draw.one_of(1, 1, 2, 4)
        channels = groups * draw.integer(2, 48 // groups)
        kernel, stride = draw.one_of((3, 3), draw.pair(1, 5)), draw.one_of(1, 1, 2)
        layers.append(f"cnnx.Conv2d({channels}, {kernel}, padding='same', stride={stride})")
        if groups > 1:
            layers.append(f"cnnx.Conv2d({channels}, {kernel}, padding='same', groups={groups})")
        layers += [draw.one_of(*NORMS).format(groups=groups), draw.one_of(*ACTIVATIONS)]
    layers += [draw.one_of("", *POOLS, "cnnx.Dropout(0.3)")]
    layers += ["cnnx.Flatten()", f"cnnx.Dense({draw.integer(1, 20)})"]
    return [layer for layer in layers if layer]


def model_source(draw: Draw) -> str:
    """Source of a model: a random graph, or layers in order."""
    if draw.chance(0.5):
        model = drawn_model(draw)
        if has_matrix(model):
            return lines(in_cnnx(model, draw.integer(0, 99)))
    shape = (*draw.pair(8, 18), draw.integer(1, 6))
    layers = lines((f"{layer}," for layer in layers_in_order(draw)), "    ")
    return f"layers = [\n{layers}\n]\nmodel = cnnx.Model(layers, input_shape={shape})"


def has_matrix(model: cnnx.Model) -> bool:
    """Whether a trained dense layer has a weight, which every optimizer can update."""
    return any(layer.kind == "dense" and layer.trainable for layer in model.layers)


def drawn_training(draw: Draw, shards: int | None = None, **more: str) -> Training:
    """A network, a trainer and the settings of a fit.

    Small learning rates and clipping keep the numbers finite.

    Args:
        draw: random choices.
        shards: of each batch; None draws them, too.
        more: further arguments of the trainer and their source.
    """
    shards = shards or draw.one_of(1, 1, 3, 10)
    kind = draw.one_of("SGD", "Adam", "AdamW", "RMSprop", "Muon")
    own = {**optimizer_settings(draw, kind), "learning_rate": draw.exponent(-4, -2)}
    if kind == "Muon":
        own["matrices"] = "*.weight"
    epochs = draw.integer(1, 4)
    shape, settings = schedule_settings(draw, epochs)
    warmup = (draw.one_of(0.0, 0.5), draw.one_of(0.0, 0.3))
    rules = [rule_settings(draw, ("*", "*.weight")) for _ in range(draw.integer(0, 1))]
    trainer = trainer_call(
        call(kind, own),
        rules,
        draw.exponent(-2, 0),
        draw.one_of(None, averaging_settings(draw)),
        with_warmup(call(shape, settings) if shape else "None", warmup),
        shards=str(shards),
        **more,
    )
    images = draw.integer(12, 90)
    weights = draw.one_of("None", f"rng.gamma(1.0, size={images}) * (np.arange({images}) % 3)")
    compute_dtype = draw.one_of("float32", "float32", "bfloat16")
    source = f"{model_source(draw)}\nmodel.compute_dtype = {compute_dtype!r}\nreturn {trainer}"
    setup = paste(
        HEADER,
        snippets.draw,
        f"def make_trainer():\n{textwrap.indent(source, '    ')}",
        f"rng = np.random.default_rng({draw.seed})\n"
        "model = make_trainer().model\n"
        f"x = draw(rng, ({images}, *model.input_shape))\n"
        f"y = draw(rng, ({images}, *model.output_shape))\n"
        f"w = {weights}",
    )
    validation = "(x[:5], y[:5])" if shape == "Plateau" else draw.one_of("None", "(x[:5], y[:5])")
    fit = (
        f"batch_size={draw.integer(max(5, shards), 40)}, augmentation={draw.one_of(*AUGMENTATIONS)}"
    )
    return Training(setup, fit, validation, epochs)

"""The benchmarks' plain networks in TensorFlow: train steps by `tf.function`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from benchmarks.network_description import (
    CHECKED_RATE,
    MOMENTUM,
    TIMED_RATE,
    Convolution,
    Dense,
    Flatten,
    MaxPool,
    Network,
    NetworkTask,
    Relu,
    draw_batch,
    draw_parameters,
)
from benchmarks.networks import network_named


def versions() -> dict[str, str]:
    """The library's version."""
    return {"tensorflow": tf.__version__}


def _forward(network: Network, variables: Sequence[Any], x: Any) -> Any:
    remaining = iter(variables)
    for layer in network.layers:
        if isinstance(layer, Convolution):
            assert layer.padding == 0, "TensorFlow would need a layer of padding"
            x = tf.nn.conv2d(x, next(remaining), layer.stride, "VALID") + next(remaining)
        elif isinstance(layer, MaxPool):
            x = tf.nn.max_pool2d(x, layer.size, layer.size, "VALID")
        elif isinstance(layer, Flatten):
            x = tf.reshape(x, (x.shape[0], -1))
        elif isinstance(layer, Dense):
            x = x @ next(remaining) + next(remaining)
        else:
            assert isinstance(layer, Relu), f"{layer} has no operator here"
            x = tf.nn.relu(x)
    return x


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A train step, and its first losses."""
    network_name, batch, training, threads, _ = NetworkTask(*task)
    assert training, "TensorFlow is measured in training"
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    network = network_named(network_name)
    images, labels = draw_batch(network, batch)
    x, y = tf.constant(images), tf.constant(labels)
    drawn = [array for parameters in draw_parameters(network) for array in parameters.arrays()]
    variables = [tf.Variable(array) for array in drawn]

    def stepper(rate: float) -> Callable[[], float]:
        optimizer = tf.keras.optimizers.SGD(rate, momentum=MOMENTUM)
        optimizer.build(variables)

        @tf.function
        def step(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = _forward(network, variables, x)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return loss

        return lambda: float(step(x, y).numpy())

    checked = stepper(CHECKED_RATE)
    losses = [checked() for _ in range(network.checked_steps)]
    return stepper(TIMED_RATE), {"losses": losses}

"""Checks of the images that a model gets: their scale, and what its preprocessing makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray
from cnnx.doctor.finding import Finding
from cnnx.model.model import Model

# Kinds of first layers that normalise their input themselves.
_NORMS = ("batch_norm2d", "group_norm", "layer_norm")
# Of what the network gets after a preprocessing with mean and std, expected about 0 and 1.
_MEAN_AT_MOST, _STD_AT_LEAST, _STD_AT_MOST = 2.0, 0.1, 4.0
# Without mean and std, pixels from 0 to 1 stay as they are.
_PLAIN_STD_AT_LEAST = 0.02


def check_input(model: Model, values: FloatArray) -> Iterator[Finding]:
    """Findings on images in the form of a call of the model, pixels from 0 to 1."""
    if not np.isfinite(values).all():
        yield Finding(
            "error",
            "not-finite",
            "images hold NaN or infinity",
            int((~np.isfinite(values)).any(axis=(1, 2, 3)).sum()),
            advice="look for divisions by 0 in the code that makes them",
        )
        return
    deviations = values.std(axis=(0, 1, 2), dtype=np.float64)
    constant = [f"channel {k}" for k in np.flatnonzero(deviations == 0)]
    if constant:
        yield Finding(
            "warning",
            "constant-channels",
            f"{len(constant)} of {len(deviations)} channels have the same value in all pixels",
            len(constant),
            tuple(constant),
            "look for an alpha channel or images that were not read",
        )
    if not model._has_unknown_range and model.layers[0].kind not in _NORMS:
        yield from _scale(model, values)


def _scale(model: Model, values: FloatArray) -> Iterator[Finding]:
    how = model.preprocessing
    mean, std = np.asarray(how.mean), np.asarray(how.std)
    normalised = (values - mean) / std
    level, spread = float(normalised.mean()), float(normalised.std())
    is_plain = not mean.any() and bool((std == 1).all())
    least = _PLAIN_STD_AT_LEAST if is_plain else _STD_AT_LEAST
    if abs(level) <= _MEAN_AT_MOST and least <= spread <= _STD_AT_MOST:
        return
    own_mean, own_std = values.mean(axis=(0, 1, 2)), values.std(axis=(0, 1, 2))
    yield Finding(
        "warning",
        "input-scale",
        f"the preprocessing gives the network pixels of mean {level:.3g} and standard deviation "
        f"{spread:.3g}, expected about 0 and 1",
        1,
        advice=f"the images have mean {_numbers(own_mean)} and standard deviation "
        f"{_numbers(own_std)}: see cnnx.Preprocessing(mean=..., std=...)",
    )


def _numbers(values: NDArray[Any]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)

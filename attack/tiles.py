"""Cases that predict an image in tiles and as a whole, which must give the same probabilities."""

from __future__ import annotations

import math

import cnnx
from cnnx.model.receptive_field import Network, network_of
from graph_networks import with_random_values

from attack.case import HEADER, Case, Draw, lines, paste
from attack.networks import drawn_model, in_cnnx

CHECK = '''
def whole(height, width):
    """Probabilities of the whole image, extended to this size."""
    more = [(0, height - x.shape[0]), (0, width - x.shape[1]), (0, 0)]
    return model.resized((height, width)).predict_proba(np.pad(x, more, mode="edge"))


tiled = model.predict_proba_tiled(x, tile={tile})
try:
    expected = whole(*x.shape[:2])
except ValueError:  # the network refuses this size
    expected = whole(*{extended})[: tiled.shape[0], : tiled.shape[1]]
np.testing.assert_allclose(tiled, expected, rtol=1e-5, atol=1e-5)
'''


def tiles(draw: Draw) -> Case:
    """A random fully convolutional graph, and an image and tiles of any size."""
    model, network = fully_convolutional(draw)
    size = [draw.integer(20, 150) for _ in range(2)]
    extended = [side + -side % grid for side, grid in zip(size, network.grids, strict=True)]
    # Large enough for the receptive field.
    tile = [
        math.ceil(field.last - field.first) + 2 * grid + draw.integer(0, 40)
        for field, grid in zip(network.fields, network.grids, strict=True)
    ]
    setup = paste(
        '"""An image in tiles and as a whole, which must give the same probabilities."""',
        HEADER,
        with_random_values,
        lines(in_cnnx(model, draw.integer(0, 99))),
        "model = with_random_values(model)",
        f"rng = np.random.default_rng({draw.seed})",
        f"x = rng.random({(*size, model.input_shape[2])}, np.float32)",
    )
    return Case(setup, "", CHECK.format(tile=tuple(tile), extended=tuple(extended)))


def fully_convolutional(draw: Draw) -> tuple[cnnx.Model, Network]:
    """A random graph without layers that read the whole image."""
    while True:
        model = drawn_model(draw)
        try:
            return model, network_of(model._core, "tiles")
        except ValueError:
            continue

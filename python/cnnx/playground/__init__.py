"""Playgrounds: one HTML file in which a model runs, is changed by hand, and trains.

The file holds cnnx itself, compiled to WebAssembly, and the model. It needs no server and no
network. `write` writes it.
"""

from cnnx.playground.writing import write

__all__ = ["write"]

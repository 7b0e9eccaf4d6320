"""Where the time of train steps goes, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LayerTime", "Profile"]


@dataclass(frozen=True)
class LayerTime:
    """The time of one layer, or of several that run as one.

    Attributes:
        layers: their names, in order.
        forward: seconds, in all steps together.
        backward: likewise; 0 where nothing needs its gradient.
    """

    layers: tuple[str, ...]
    forward: float
    backward: float


@dataclass(frozen=True)
class Profile:
    """What `Trainer.profile` measured since `Trainer.start_profile`.

    Attributes:
        steps: how many train steps.
        seconds: of all steps together; what the parts below leave over lies between them.
        layers: the network in order.
        loss: seconds for the loss and its gradient.
        update: seconds for the parameters' update.
    """

    steps: int
    seconds: float
    layers: tuple[LayerTime, ...]
    loss: float
    update: float

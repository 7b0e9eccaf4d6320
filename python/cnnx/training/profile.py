"""Profile of train steps by layer."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LayerTime", "Profile"]


@dataclass(frozen=True)
class LayerTime:
    """Time of one layer, or of several fused layers.

    Attributes:
        layers: names of the layers, in order.
        forward: total seconds of the forward pass over all steps.
        backward: total seconds of the backward pass; 0 if no gradient is needed.
    """

    layers: tuple[str, ...]
    forward: float
    backward: float


@dataclass(frozen=True)
class Profile:
    """Profile of the train steps since `Trainer.start_profile`.

    Attributes:
        steps: number of train steps.
        seconds: total seconds of all steps, including the time between the parts below.
        layers: times of the layers, in order.
        loss: total seconds of the loss and its gradient.
        update: total seconds of the parameter update.
    """

    steps: int
    seconds: float
    layers: tuple[LayerTime, ...]
    loss: float
    update: float

    def _repr_html_(self) -> str:
        from cnnx.training.profile_bars import profile_fragment  # on first use, as everything drawn

        return profile_fragment(self)

"""Processes of a trainer: what they check at the beginning, and what process 0 does for all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cnnx import _core
from cnnx.arguments import shown
from cnnx.distributed.communicator import Communicator
from cnnx.distributed.transport import CommunicationTimes, ShardTransport
from cnnx.model.model import Model
from cnnx.training.callback_base import Callback
from cnnx.training.checkpoint_metadata import pack
from cnnx.training.history import Progress
from cnnx.training.interrupts import interrupts_recorded

if TYPE_CHECKING:
    from cnnx.training.config import TrainingRecipe


def _described(model: Model) -> str:
    """A model as text, which differs for models that differ in any setting."""
    settings = repr((model._core.layers, model.preprocessing, model.classes))
    return f"{model!r} #{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


class Processes:
    """The processes that train a model, or the only one.

    Attributes:
        communicator: of several processes, or None.
        times: seconds of communication so far.

    Args:
        communicator: of several processes, or None.
        recipe: settings of the trainer, which all processes must have.

    Raises:
        TypeError: if the communicator is none.
        ValueError: if its number of processes does not divide the shards, or if a process has other
            settings.
    """

    def __init__(self, communicator: Communicator | None, recipe: TrainingRecipe) -> None:
        if communicator is not None and not isinstance(communicator, Communicator):
            raise TypeError(
                f"Trainer: communicator is {shown(communicator)}, expected None or "
                "cnnx.distributed.world()"
            )
        several = communicator is not None and communicator.processes > 1
        self.communicator = communicator if several else None
        self._shards = recipe.shards
        self.times = CommunicationTimes()
        self._arrived: Sequence[object] = ()
        if self.communicator is None:
            return
        count = self.communicator.processes
        if recipe.shards % count != 0:
            raise ValueError(
                f"Trainer: shards is {recipe.shards} for {count} processes, expected a multiple of "
                f"the processes: shards={count * max(1, round(recipe.shards / count))}"
            )
        text, arrays = pack(recipe)
        self.communicator.check_same("Trainer: the recipe", text)
        self.communicator.check_same_arrays(
            "Trainer: the recipe", [arrays[name] for name in sorted(arrays)]
        )

    def called(
        self, callbacks: Sequence[Callback], progress: Callable[[Progress], object] | None
    ) -> tuple[Sequence[Callback], Callable[[Progress], object] | None]:
        """Those of `callbacks` and `progress` that this process calls."""
        if self.communicator is None or self.communicator.is_first:
            return callbacks, progress
        return [each for each in callbacks if not each.only_in_first_process], None

    def share_out(self, model: Model, core: _core.Trainer) -> None:
        """Give the model the weights of process 0, and its trainer a part of the shards.

        Raises:
            ValueError: if the models differ.
        """
        communicator = self.communicator
        if communicator is None:
            return
        communicator.check_same("Trainer: the model", _described(model))
        for arrays in (model.parameters, model.buffers):
            for name in arrays:
                arrays[name] = communicator.first_bytes_of(arrays[name])
        self.check_same_weights(model)
        transport = ShardTransport(*communicator.channels, self._shards)
        core.distribute(self._shards, communicator.process, communicator.processes, transport)
        transport.segments = core.segments
        self.times = transport.times

    def check_same_weights(self, model: Model) -> None:
        """Refuse weights that differ between the processes."""
        if self.communicator is not None:
            arrays = [*model.parameters.values(), *model.buffers.values()]
            self.communicator.check_same_arrays("Trainer: the hash of the weights", arrays)

    def check_same_fit(
        self, settings: dict[str, Any], fingerprints: Sequence[dict[str, Any] | None]
    ) -> None:
        """Refuse settings of a fit, or data, that differ between the processes.

        Raises:
            ValueError: in all processes, if they differ.
        """
        if self.communicator is not None:
            self.communicator.check_same("fit: the settings", settings)
            self.communicator.check_same("fit: the data", fingerprints)

    @contextmanager
    def agreed_interrupts(self) -> Iterator[None]:
        """In the block, interrupts of a process wait for `end_step`, which interrupts all."""
        if self.communicator is None:
            yield
            return
        with interrupts_recorded() as self._arrived:
            yield

    def end_step(self) -> None:
        """Raise the interrupt that has arrived in one of the processes, in all of them.

        Raises:
            KeyboardInterrupt: if there is one.
        """
        if self.communicator is not None and self.communicator.any_of(bool(self._arrived)):
            raise KeyboardInterrupt

    def save(self, model: Model, write: Callable[[], object]) -> None:
        """Write a checkpoint in process 0, after a check that all have the same weights.

        Raises:
            ValueError: if the weights differ.
            OSError: in all processes, if it cannot be written.
        """
        self.check_same_weights(model)
        self.in_first(write)

    def in_first(self, action: Callable[[], object]) -> None:
        """Run an action in process 0 alone.

        Raises:
            Exception: in all processes, the one that the action raised.
        """
        if self.communicator is None:
            action()
        else:
            self.communicator.in_first(action)

"""Processes of a trainer: what they check at the beginning, and what process 0 does for all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import shown
from cnnx.distributed.communicator import Communicator
from cnnx.distributed.lost import remember_checkpoint
from cnnx.distributed.transport import CommunicationTimes, ShardTransport
from cnnx.model.model import Model
from cnnx.training.callback_base import Callback
from cnnx.training.checkpoint import LoadedCheckpoint, load_checkpoint, refuse_foreign
from cnnx.training.checkpoint_metadata import pack
from cnnx.training.fit_inputs import FitData
from cnnx.training.history import Progress
from cnnx.training.interrupts import interrupts_recorded
from cnnx.training.run_state import Run

if TYPE_CHECKING:
    from cnnx.training.config import TrainingRecipe

_HASHED_BYTES = 2**28  # of an array that is compared; a larger one in parts
_HASHED_ROWS = 256  # at once


def _described(model: Model) -> str:
    """A model as text, which differs for models that differ in any setting."""
    settings = repr((model._core.layers, model.preprocessing, model.classes))
    return f"{model!r} with the hash {hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def _described_data(data: FitData) -> dict[str, object]:
    """What must be the same of the data of all processes, by name."""
    values: dict[str, object] = {}
    for place, arrays in data.arrays.items():
        pixels, _, targets, weights = arrays or (None,) * 4
        for name, array in (("x", pixels), ("y", targets), ("sample_weight", weights)):
            values[place + name] = "no array" if array is None else _described_array(array)
    return values


def _described_array(array: NDArray[Any]) -> str:
    """Shape, dtype and hash of an array; of a large one, of rows from all parts."""
    found, every = hashlib.sha256(), max(1, -(-array.nbytes // _HASHED_BYTES))
    for first in range(0, len(array), _HASHED_ROWS * every):
        rows = array[first : first + _HASHED_ROWS * every : every]
        found.update(np.ascontiguousarray(rows).data)
    return f"{array.dtype} of shape {array.shape} with the hash {found.hexdigest()[:8]}"


def _several(communicator: Communicator | None, function: str) -> Communicator | None:
    """The communicator if it has several processes."""
    if communicator is None:
        return None
    if not isinstance(communicator, Communicator):
        raise TypeError(
            f"{function}: communicator is {shown(communicator)}, expected None or "
            "cnnx.distributed.world()"
        )
    return communicator if communicator.processes > 1 else None


def load_in_processes(path: str, communicator: Communicator | None) -> LoadedCheckpoint:
    """Read and check an untrusted checkpoint, which only process 0 needs to have.

    Raises:
        cnnx.FormatError: in every process, if it is damaged, of a newer format, or none.
        OSError: in every process, if it cannot be read.
    """
    several = _several(communicator, "resume")
    if several is None:
        return load_checkpoint(path)
    loaded: list[LoadedCheckpoint] = []
    several.in_first(lambda: loaded.append(load_checkpoint(path)))
    remember_checkpoint(path)
    with several.file_of_first(path) as file:
        return loaded[0] if several.is_first else load_checkpoint(file)


class Processes:
    """The processes that train a model, or the only one.

    Attributes:
        communicator: of several processes, or None.
        times: seconds of communication so far.

    Args:
        communicator: of several processes, or None.
        recipe: settings of the trainer, which all processes must have.

    Raises:
        TypeError: if the communicator is not one.
        ValueError: if its number of processes does not divide the shards, or if a process has other
            settings.
    """

    def __init__(self, communicator: Communicator | None, recipe: TrainingRecipe) -> None:
        self.communicator = _several(communicator, "Trainer")
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
        settings = {f"Trainer: {name}": value for name, value in vars(recipe).items()}
        self.communicator.check_same_each(settings)
        _, arrays = pack(recipe)  # whose text forms may leave out values
        self.communicator.check_same_arrays(
            "Trainer: the hash of the settings", [arrays[name] for name in sorted(arrays)]
        )

    def called(
        self, callbacks: Sequence[Callback], progress: Callable[[Progress], object] | None
    ) -> tuple[Sequence[Callback], Callable[[Progress], object] | None]:
        """Those of `callbacks` and `progress` that this process calls.

        Raises:
            ValueError: if a callback that only process 0 calls has a state of its own.
        """
        if self.communicator is None:
            return callbacks, progress
        in_all = [each for each in callbacks if not each.only_in_first_process]
        for each in callbacks:
            if each not in in_all and type(each).state is not Callback.state:
                raise ValueError(
                    f"fit: callbacks holds {type(each).__name__}, which has a state and is called "
                    "in process 0 only, expected only_in_first_process = False: all processes have "
                    "the state of the run"
                )
        return (callbacks, progress) if self.communicator.is_first else (in_all, None)

    def share_out(self, model: Model, core: _core.Trainer) -> None:
        """Give the model the weights of process 0, and its trainer a part of the shards.

        Raises:
            ValueError: if the models differ.
        """
        communicator = self.communicator
        if communicator is None:
            return
        communicator.check_same("Trainer: the model", _described(model))
        communicator.check_same("Trainer: the model's compute_dtype", model.compute_dtype)
        for arrays in (model.parameters, model.buffers):
            for name in arrays:
                arrays[name] = communicator.first_bytes_of(arrays[name])
        self.check_same_weights(model)
        transport = ShardTransport(*communicator.channels, self._shards, communicator.waiting)
        core.distribute(self._shards, communicator.process, communicator.processes, transport)
        transport.segments = core.segments
        self.times = transport.times

    def check_same_weights(self, model: Model) -> None:
        """Refuse weights that differ between the processes."""
        if self.communicator is not None:
            arrays = [*model.parameters.values(), *model.buffers.values()]
            self.communicator.check_same_arrays("Trainer: the hash of the weights", arrays)

    def check_same_fit(
        self, run: Run, model: Model, core: _core.Trainer, data: FitData, saves: bool
    ) -> None:
        """Refuse a fit whose settings, position or data differ between the processes.

        Raises:
            ValueError: if something differs; the message names it.
        """
        if self.communicator is None:
            return
        position = {name: getattr(run, name) for name in ("epoch", "number", "position", "stopped")}
        settings = {**run.settings, "checkpoint": "given" if saves else None}
        trainer = {
            "the model": _described(model),
            "the model's compute_dtype": model.compute_dtype,
            "the learning rate": core.learning_rate,
        }
        values = {**settings, **position, **trainer, **_described_data(data)}
        self.communicator.check_same_each({f"fit: {name}": values[name] for name in values})

    @contextmanager
    def agreed_interrupts(self) -> Iterator[None]:
        """In the block, interrupts of a process wait for `end_step`, which interrupts all."""
        if self.communicator is None:
            yield
            return
        with interrupts_recorded() as self._arrived:
            yield

    def end_step(self, run: Run) -> None:
        """Stop the run, or interrupt it, in all processes if this has been asked for in one.

        Raises:
            KeyboardInterrupt: if an interrupt has arrived in one of the processes.
        """
        if self.communicator is None:
            return
        any_of = self.communicator.any_of
        if any_of(run.stopped or bool(self._arrived)):
            run.stopped = any_of(run.stopped)
            if any_of(bool(self._arrived)):
                raise KeyboardInterrupt

    def refuse_foreign(self, path: str, own: str | None) -> None:
        """Refuse to write checkpoints over a file of another kind or over another, unfinished run.

        All processes call it, whether they have the file or not.

        Raises:
            FileExistsError: in all processes, if it is such a file in process 0.
        """
        self.in_first(lambda: refuse_foreign(path, own))

    def save(self, model: Model, path: str, write: Callable[[], object]) -> None:
        """Write a checkpoint in process 0, after a check that all have the same weights.

        Raises:
            ValueError: if the weights differ.
            OSError: in all processes, if it cannot be written.
        """
        self.check_same_weights(model)
        self.in_first(write)
        remember_checkpoint(path)

    def in_first(self, action: Callable[[], object]) -> None:
        """Run an action in process 0 alone.

        Raises:
            Exception: in all processes, the one that the action raised.
        """
        if self.communicator is None:
            action()
        else:
            self.communicator.in_first(action)

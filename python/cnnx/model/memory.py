"""Memory of a model: how much a batch takes, made ready, and freed, as methods of `Model`."""

from __future__ import annotations

from cnnx._core import Model as CoreModel
from cnnx.arguments import at_least
from cnnx.spelling import checked_call


class ModelMemory:
    """Base class of `Model` with the methods for its memory."""

    _core: CoreModel

    @checked_call
    def memory_bytes(self, count: int = 1) -> int:
        """Bytes of memory that predicting a batch of so many images takes, the model included.

        Nothing is run or allocated. The images and the outputs are not included, nor what Python
        and NumPy take themselves. With several threads that predict at once, each needs its own.

        Args:
            count: images of the batch.

        Raises:
            ValueError: if `count` is below 1.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.lenet5()
            >>> model.memory_bytes(64) > model.memory_bytes(1) > 4 * 61_706
            True
        """
        return self._core.memory_bytes(at_least(1, count, "memory_bytes", "count"))

    @checked_call
    def warm_up(self, count: int = 1) -> None:
        """Run a batch of images of zeros, so that the next call takes no longer than later ones.

        The first prediction of a model allocates its memory, packs its weights and starts threads.
        A server calls this before it accepts requests.

        Args:
            count: images of the largest batch to come.

        Raises:
            ValueError: if `count` is below 1.
            MemoryError: if the batch needs more memory than there is.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
            >>> model.warm_up(32)
        """
        self._core.warm_up(at_least(1, count, "warm_up", "count"))

    def release(self) -> None:
        """Free the memory of the largest batch, kept for the next call, which allocates it again.

        It is kept for each thread that predicted at the same time, and for training.
        """
        self._core.release()

"""Mapping of a model's arrays by name, read as read-only copies and assigned as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from numpy.typing import ArrayLike

from cnnx.arguments import FloatArray, float32_array
from cnnx.spelling import nearest


class Parameters(Mapping[str, FloatArray]):
    """Mapping of a model's arrays by name.

    Reading returns a copy that NumPy does not let you write to, because the model would not see it.
    Assigning checks the shape and updates the model: ``parameters[name] = 2 * parameters[name]``.

    Example:
        >>> from cnnx import Dense, Flatten, Model
        >>> model = Model([Flatten(), Dense(2)], input_shape=(2, 2, 1))
        >>> model.parameters["dense_1.bias"] = [1.0, 2.0]
        >>> model.parameters["dense_1.bias"]
        array([1., 2.], dtype=float32)
    """

    def __init__(
        self,
        infos: Sequence[tuple[str, list[int], int]],
        read: Callable[[str], FloatArray],
        write: Callable[[str, FloatArray], None],
        kind: str,
    ) -> None:
        self._shapes = {name: tuple(shape) for name, shape, _ in infos}
        self._read = read
        self._write = write
        self._kind = kind

    def __getitem__(self, name: str) -> FloatArray:
        array = self._read(self._known(name))
        array.flags.writeable = False
        return array

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        self._write(self._known(name), float32_array(value, self._kind, name))

    def _known(self, name: str) -> str:
        if name not in self._shapes:
            near = nearest(name, self._shapes) if isinstance(name, str) else []
            known = [*near, f"one of {', '.join(self._shapes)}"]
            raise KeyError(f"{self._kind}: has no array {name}, expected {known[0]}")
        return name

    def __contains__(self, name: object) -> bool:
        return name in self._shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {list(shape)}" for name, shape in self._shapes.items())
        return f"Parameters({shapes})"

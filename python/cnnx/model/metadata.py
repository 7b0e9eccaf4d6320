"""Texts of the user's own that are saved with a model, as a property of `Model`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cnnx._core import Model as CoreModel
from cnnx.arguments import shown


class ModelMetadata:
    """Base class of `Model` with its texts."""

    _core: CoreModel

    @property
    def metadata(self) -> Mapping[str, str]:
        """Texts of your own that are saved with the model, such as its author, data and licence.

        Assign a dictionary of texts to replace all of them. Copies of the model keep them, and so
        do its files, ONNX files included. Any reader of safetensors finds them in the file.

        Raises:
            TypeError: if what is assigned is no dictionary of texts.
            ValueError: for a name that is empty or begins with `cnnx.`, and for more than 1 MiB.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.lenet5()
            >>> model.metadata = {"trained on": "MNIST", "licence": "CC0"}
            >>> model.metadata["trained on"]
            'MNIST'
        """
        return MappingProxyType(self._core.metadata)

    @metadata.setter
    def metadata(self, texts: Mapping[str, str]) -> None:
        self._core.metadata = _checked(texts)


def _checked(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts as a dictionary.

    Raises:
        TypeError: if they are no mapping from text to text.
    """
    if not isinstance(texts, Mapping):
        raise TypeError(
            f'metadata: got {shown(texts)}, expected a dictionary of texts: {{"author": "..."}}'
        )
    for name, text in texts.items():
        if not isinstance(name, str):
            raise TypeError(f"metadata: a name is {shown(name)}, expected a text")
        if not isinstance(text, str):
            raise TypeError(
                f"metadata: {name!r} is {shown(text)}, expected a text; json.dumps(value) makes one"
            )
    return dict(texts)

"""Texts of the user's own that are saved with a model, as a property of `Model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

from cnnx._core import Model as CoreModel
from cnnx.arguments import shown

IMPORTED = "onnx.boundary"  # text of every model that `cnnx.onnx.load` makes of a foreign file


def is_imported(core: CoreModel) -> bool:
    """Whether a model comes from a foreign file, which does not say the range of its inputs."""
    return IMPORTED in core.metadata


class Texts(MutableMapping[str, str]):
    """The texts of a model, which changes with them."""

    def __init__(self, core: CoreModel) -> None:
        """Give access to the texts of a model of the core."""
        self._core = core

    def __getitem__(self, name: str) -> str:
        """Text of this name."""
        return self._core.metadata[name]

    def __setitem__(self, name: str, text: str) -> None:
        """Add or replace a text."""
        self._core.metadata = _checked({**self._core.metadata, name: text})

    def __delitem__(self, name: str) -> None:
        """Remove a text."""
        texts = self._core.metadata
        del texts[name]
        self._core.metadata = texts

    def __iter__(self) -> Iterator[str]:
        """Names of the texts, in alphabetical order."""
        return iter(self._core.metadata)

    def __len__(self) -> int:
        """Number of texts."""
        return len(self._core.metadata)

    def __repr__(self) -> str:
        """Return the texts as a dictionary."""
        return repr(self._core.metadata)


class ModelMetadata:
    """Base class of `Model` with its texts."""

    _core: CoreModel

    @property
    def metadata(self) -> MutableMapping[str, str]:
        """Texts of your own that are saved with the model, such as its author, data and licence.

        `model.metadata[name] = text` changes one text. Assign a dictionary to replace all. Copies
        of the model keep them, and so do its files, ONNX files included. Any reader of safetensors
        finds them in the file.

        Raises:
            TypeError: if what is assigned is no text, or no dictionary of texts.
            ValueError: for a name that is empty or begins with `cnnx.`, and for more than 1 MiB.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.lenet5()
            >>> model.metadata = {"trained on": "MNIST", "licence": "CC0"}
            >>> model.metadata["author"] = "Ada"
            >>> dict(model.metadata)
            {'author': 'Ada', 'licence': 'CC0', 'trained on': 'MNIST'}
        """
        return Texts(self._core)

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
        for each in (name, text):
            if not each.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in each):
                raise ValueError(f"metadata: {shown(each)} is no text that UTF-8 can encode")
    return dict(texts)

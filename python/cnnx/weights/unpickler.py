"""Reader of pickles that knows the names of PyTorch's tensors and can run nothing.

A pickle is a program for a stack machine, and one of its instructions calls any function of Python.
This machine has the instructions that `torch.save` writes for a state dict. Its only names are
those of `collections.OrderedDict`, of the types of storage and of the functions that put a tensor
together, and each stands for an object of this module. Python's own unpickler is not used.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnnx._core import FormatError
from cnnx.arguments import shown
from cnnx.weights.stored_array import MOST_AXES
from cnnx.weights.weight_file import WeightFile

# Type of storage in PyTorch -> name of its dtype in `stored_array.DTYPES`.
_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
# Far more than a state dict has; they limit the memory that a hostile pickle takes.
_MOST_INSTRUCTIONS = 2_000_000
_MOST_OPEN = 1000  # containers that are open at the same time


@dataclass(frozen=True)
class Storage:
    """Flat numbers elsewhere in the file, by their key."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """View of a storage: the number of the first element, the sizes and the strides."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _StorageType:
    dtype: str


class _Mark:
    """Beginning of the items of a container on the stack."""


_MARK = _Mark()


@dataclass(frozen=True)
class Pickle:
    """Object that a pickle describes.

    Attributes:
        value: dictionaries, lists, tuples, text, numbers, and `Tensor` and `Storage`.
        end: position after the pickle.
        storages: all storages by their keys.
    """

    value: Any
    end: int
    storages: dict[str, Storage]


def unpickle(file: WeightFile, content: memoryview, start: int = 0) -> Pickle:
    """Read the pickle in `content` that begins at `start`.

    Raises:
        FormatError: if the pickle is damaged, or names anything but PyTorch's tensors.
    """
    machine = _Machine(file.path, content, start)
    while not machine.finished:
        machine.step()
    return Pickle(machine.pop(), machine.position, machine.storages)


class _Machine:
    """State of the stack machine, and a method per group of instructions."""

    def __init__(self, path: str, content: memoryview, start: int) -> None:
        self._path = path
        self._content = content
        self._stack: list[Any] = []
        self._marks: list[int] = []  # positions of the marks on the stack
        self._memo: dict[int, Any] = {}
        self._instructions = 0
        self.storages: dict[str, Storage] = {}
        self.position = start
        self.finished = False

    def step(self) -> None:
        """Execute one instruction."""
        self._instructions += 1
        if self._instructions > _MOST_INSTRUCTIONS:
            raise self._damaged(f"has more than {_MOST_INSTRUCTIONS:,} instructions")
        code = self._bytes(1)
        instruction = _INSTRUCTIONS.get(code)
        if instruction is None:
            raise self._damaged(f"has the instruction 0x{code.hex()}, which no tensor needs")
        instruction(self)

    def pop(self) -> Any:
        """The uppermost object of the stack."""
        if not self._stack or self._stack[-1] is _MARK:
            raise self._damaged("takes more from its stack than it put there")
        return self._stack.pop()

    def push(self, value: Any) -> None:
        """Put an object on the stack."""
        self._stack.append(value)

    def number(self, form: str) -> int:
        """An integer in a form of `struct`."""
        return int(struct.unpack(form, self._bytes(struct.calcsize(form)))[0])

    def mark(self) -> None:
        """Begin the items of a container."""
        if len(self._marks) == _MOST_OPEN:
            raise self._damaged(f"nests more than {_MOST_OPEN} containers")
        self._marks.append(len(self._stack))
        self.push(_MARK)

    def items(self) -> list[Any]:
        """The objects above the last mark, which they leave with it."""
        if not self._marks:
            raise self._damaged("ends a container that never began")
        at = self._marks.pop()
        found = self._stack[at + 1 :]
        del self._stack[at:]
        return found

    def text(self, form: str) -> None:
        """Push text of a length that stands before it."""
        self.push(self._utf8(self._bytes(self.number(form))))

    def remember(self, form: str) -> None:
        """Store the uppermost object under a number."""
        value = self.pop()
        self._memo[self.number(form)] = value
        self.push(value)

    def recall(self, form: str) -> None:
        """Push a stored object."""
        number = self.number(form)
        if number not in self._memo:
            raise self._damaged(f"recalls object {number}, which it never stored")
        self.push(self._memo[number])

    def protocol(self) -> None:
        """Check the version of the instructions."""
        version = self.number("<B")
        if version > 5:
            raise self._damaged(f"has protocol {version}, expected 2 to 5")

    def real(self) -> None:
        """Push a real number."""
        self.push(struct.unpack(">d", self._bytes(8))[0])

    def long(self) -> None:
        """Push an integer of up to 255 bytes."""
        self.push(int.from_bytes(self._bytes(self.number("<B")), "little", signed=True))

    def small_tuple(self, count: int) -> None:
        """Push a tuple of the uppermost objects."""
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def set_items(self, items: list[Any]) -> None:
        """Put keys and values into the uppermost dictionary."""
        target = self.pop()
        if type(target) is not dict or len(items) % 2:
            raise self._damaged("puts keys and values into what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int)):
                raise self._damaged(f"has a key of type {type(key).__name__}, expected text")
            target[key] = value
        self.push(target)

    def append(self, items: list[Any]) -> None:
        """Put objects at the end of the uppermost list."""
        target = self.pop()
        if type(target) is not list:
            raise self._damaged("appends to what is no list")
        target.extend(items)
        self.push(target)

    def named(self) -> None:
        """Push what a name stands for."""
        module, name = self._line(), self._line()
        if module in ("torch", "torch.cuda") and name in _STORAGES:
            self.push(_StorageType(_STORAGES[name]))
        elif (module, name) in _FUNCTIONS:
            self.push(_FUNCTIONS[module, name])
        else:
            raise FormatError(
                f"{self._path}: names {shown(f'{module}.{name}')}, which could run code and is "
                "never called, expected tensors in dictionaries; in PyTorch save the weights "
                "alone: torch.save(model.state_dict(), 'weights.pth')"
            )

    def call(self) -> None:
        """Push the result of one of this module's functions."""
        arguments, function = self.pop(), self.pop()
        if function not in _FUNCTIONS.values() or type(arguments) is not tuple:
            raise self._damaged("calls what is no function of PyTorch's tensors")
        self.push(function(self, arguments))

    def set_state(self) -> None:
        """Drop the attributes of an OrderedDict, PyTorch's versions of modules."""
        self.pop()
        if not self._stack or type(self._stack[-1]) is not dict:
            raise self._damaged("sets attributes of what is no dictionary")

    def storage(self) -> None:
        """Push the storage that a persistent id describes."""
        about = self.pop()
        is_storage = type(about) is tuple and len(about) in (5, 6) and about[0] == "storage"
        if not is_storage or not isinstance(about[1], _StorageType):
            raise self._damaged("has a persistent id that is no storage")
        if len(about) == 6 and about[5] is not None:
            raise self._damaged("has a storage that is a view of another one")
        key, count = about[2], about[4]
        if not isinstance(key, str) or not _is_size(count):
            raise self._damaged("has a storage whose key or count is missing")
        self.storages[key] = Storage(about[1].dtype, key, count)
        self.push(self.storages[key])

    def tensor(self, arguments: tuple[Any, ...]) -> Tensor:
        """`torch._utils._rebuild_tensor_v2`: a view of a storage, checked to lie within it."""
        if len(arguments) < 4 or not isinstance(arguments[0], Storage):
            raise self._damaged("has a tensor without storage, offset, size and stride")
        storage, offset, shape, strides = arguments[:4]
        sizes_are_good = all(
            type(sizes) is tuple and len(sizes) <= MOST_AXES and all(map(_is_size, sizes))
            for sizes in (shape, strides)
        )
        if not sizes_are_good or not _is_size(offset) or len(shape) != len(strides):
            raise self._damaged("has a tensor with an impossible offset, size or stride")
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if 0 not in shape and last >= storage.count:
            raise self._damaged(
                f"has a tensor that ends at element {last + 1} of a storage of {storage.count}"
            )
        return Tensor(storage, offset, shape, strides)

    def parameter(self, arguments: tuple[Any, ...]) -> Tensor:
        """`torch._utils._rebuild_parameter`: the tensor of a parameter."""
        if not arguments or not isinstance(arguments[0], Tensor):
            raise self._damaged("has a parameter without a tensor")
        return arguments[0]

    def dictionary(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        """`collections.OrderedDict`, which begins empty."""
        if arguments:
            raise self._damaged("makes an OrderedDict with arguments, expected none")
        return {}

    def stop(self) -> None:
        """End the program, whose result is the uppermost object."""
        self.finished = True

    def _bytes(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._content):
            raise self._damaged("is cut off")
        found = bytes(self._content[self.position : end])
        self.position = end
        return found

    def _line(self) -> str:
        """Text up to the next line break."""
        found = bytes(self._content[self.position : self.position + 256]).partition(b"\n")
        if not found[1]:
            raise self._damaged("has a name without an end")
        self.position += len(found[0]) + 1
        return self._utf8(found[0])

    def _utf8(self, text: bytes) -> str:
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            raise self._damaged("has text that is no UTF-8") from None

    def _damaged(self, how: str) -> FormatError:
        return FormatError(
            f"{self._path}: its pickle {how}; it is damaged or holds more than arrays"
        )


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**62


_FUNCTIONS: dict[tuple[str, str], Callable[[_Machine, tuple[Any, ...]], Any]] = {
    ("collections", "OrderedDict"): _Machine.dictionary,
    ("torch._utils", "_rebuild_tensor_v2"): _Machine.tensor,
    ("torch._utils", "_rebuild_parameter"): _Machine.parameter,
}

# The instructions by their bytes; the comments are the names in Python's `pickletools`.
_INSTRUCTIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.protocol,  # PROTO
    b".": _Machine.stop,  # STOP
    b"(": _Machine.mark,  # MARK
    b"N": lambda m: m.push(None),  # NONE
    b"\x88": lambda m: m.push(True),  # NEWTRUE
    b"\x89": lambda m: m.push(False),  # NEWFALSE
    b"J": lambda m: m.push(m.number("<i")),  # BININT
    b"K": lambda m: m.push(m.number("<B")),  # BININT1
    b"M": lambda m: m.push(m.number("<H")),  # BININT2
    b"\x8a": _Machine.long,  # LONG1
    b"G": _Machine.real,  # BINFLOAT
    b"X": lambda m: m.text("<I"),  # BINUNICODE
    b"U": lambda m: m.text("<B"),  # SHORT_BINSTRING, of Python 2
    b"}": lambda m: m.push({}),  # EMPTY_DICT
    b"]": lambda m: m.push([]),  # EMPTY_LIST
    b")": lambda m: m.push(()),  # EMPTY_TUPLE
    b"t": lambda m: m.push(tuple(m.items())),  # TUPLE
    b"\x85": lambda m: m.small_tuple(1),  # TUPLE1
    b"\x86": lambda m: m.small_tuple(2),  # TUPLE2
    b"\x87": lambda m: m.small_tuple(3),  # TUPLE3
    b"a": lambda m: m.append([m.pop()]),  # APPEND
    b"e": lambda m: m.append(m.items()),  # APPENDS
    b"s": lambda m: m.set_items([*reversed([m.pop(), m.pop()])]),  # SETITEM
    b"u": lambda m: m.set_items(m.items()),  # SETITEMS
    b"q": lambda m: m.remember("<B"),  # BINPUT
    b"r": lambda m: m.remember("<I"),  # LONG_BINPUT
    b"h": lambda m: m.recall("<B"),  # BINGET
    b"j": lambda m: m.recall("<I"),  # LONG_BINGET
    b"c": _Machine.named,  # GLOBAL
    b"R": _Machine.call,  # REDUCE
    b"b": _Machine.set_state,  # BUILD
    b"Q": _Machine.storage,  # BINPERSID
}

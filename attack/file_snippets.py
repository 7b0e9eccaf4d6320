"""Functions whose source is pasted into the programs that damage files."""

from __future__ import annotations

import json
import resource
import struct
from pathlib import Path
from typing import Any

MOST_MEMORY = 1 << 30  # in addition to the memory of the process


def limit_memory(most: int) -> None:
    """Let allocations fail that take more than this in addition to the memory of the process."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + most
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def damaged(content: bytes, rng: Any) -> bytes:
    """The content with one to three random changes of its bytes."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        first, last = sorted(rng.integers(0, len(changed) + 1, 2).tolist())
        if rng.random() < 0.5:  # most formats have their lengths at the front
            first = min(first, int(rng.integers(0, 64)))
        kind = int(rng.integers(7))
        if kind == 0 and changed:
            changed[first % len(changed)] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            number = [0, 1, 255, 65535, 1 << 24, (1 << 31) - 1, (1 << 32) - 1][rng.integers(7)]
            form = ["<I", ">I", "<Q"][rng.integers(3)]
            changed[first : first + struct.calcsize(form)] = struct.pack(form, number)
        elif kind == 2:
            del changed[first:]
        elif kind == 3:
            del changed[first : first + int(rng.integers(1, 9))]
        elif kind == 4:
            changed[first:first] = rng.bytes(int(rng.integers(1, 17)))
        elif kind == 5:
            changed[first:first] = changed[first:last]
        else:
            changed[first : first + 4] = rng.bytes(4)
    return bytes(changed)


def replaced(value: Any, rng: Any, values: tuple[Any, ...]) -> Any:
    """A JSON value with one value in it replaced or removed, also in a text that is JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.dumps(replaced(json.loads(value), rng, values))
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.05:
        return values[int(rng.integers(len(values)))]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[int(rng.integers(len(keys)))]
    changed = value.copy()
    if rng.random() < 0.1:
        del changed[key]
    else:
        changed[key] = replaced(value[key], rng, values)
    return changed


def with_replaced_header(content: bytes, rng: Any, values: tuple[Any, ...]) -> bytes:
    """A safetensors file with one value of its header replaced."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.dumps(replaced(json.loads(content[8 : 8 + length]), rng, values)).encode()
    return struct.pack("<Q", len(header)) + header + content[8 + length :]

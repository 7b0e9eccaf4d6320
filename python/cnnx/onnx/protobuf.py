"""Encodings of Protocol Buffers that an ONNX file consists of.

Reference:
    Protocol Buffers, "Encoding": https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct

# Wire types.
_VARINT, _LENGTH_DELIMITED, _FIXED32 = 0, 2, 5


def varint(value: int) -> bytes:
    """Encode an integer in groups of 7 bits, the lowest first; a negative one takes 10 bytes.

    Example:
        >>> varint(300).hex()
        'ac02'
    """
    value &= 2**64 - 1
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def integer_field(field: int, value: int) -> bytes:
    """Encode a field that is an integer, a boolean or an enumeration."""
    return varint(field << 3 | _VARINT) + varint(value)


def float_field(field: int, value: float) -> bytes:
    """Encode a field that is a float32."""
    return varint(field << 3 | _FIXED32) + struct.pack("<f", value)


def text_field(field: int, text: str) -> bytes:
    """Encode a field that is a string."""
    return message_field(field, text.encode())


def message_field(field: int, content: bytes) -> bytes:
    """Encode a field that is bytes or another message."""
    return header_of(field, len(content)) + content


def header_of(field: int, size: int) -> bytes:
    """Encode the beginning of a field of bytes, whose content, `size` bytes, follows it."""
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(size)

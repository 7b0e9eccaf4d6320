"""A WebSocket client of the standard library alone, for a browser's remote protocol.

Reference: RFC 6455. Text messages only, without extensions and encryption.
"""

from __future__ import annotations

import base64
import os
import socket
import struct

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_LAST = 0x80
_MASKED = 0x80


class WebSocket:
    """A connection to `ws://127.0.0.1:PORT/PATH`."""

    def __init__(self, port: int, path: str, *, seconds: float) -> None:
        """Connect and shake hands; every later wait ends with TimeoutError after `seconds`."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(f"the server refused a WebSocket: {head.decode()}")

    def send(self, text: str) -> None:
        """Send a text message."""
        self._send_frame(_TEXT, text.encode())

    def receive(self) -> str:
        """The next text message, of one frame or several."""
        message = b""
        while True:
            first, second = self._take(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._take(8))
            payload = self._take(length)
            kind = first & 0x0F
            if kind == _CLOSE:
                raise ConnectionError("the browser closed the connection")
            if kind == _PING:
                self._send_frame(_PONG, payload)
            elif kind != _PONG:
                message += payload
                if first & _LAST:
                    return message.decode()

    def close(self) -> None:
        """Close the connection without a farewell."""
        self._socket.close()

    def _send_frame(self, kind: int, payload: bytes) -> None:
        if len(payload) < 126:
            length = struct.pack(">B", _MASKED | len(payload))
        elif len(payload) < 1 << 16:
            length = struct.pack(">BH", _MASKED | 126, len(payload))
        else:
            length = struct.pack(">BQ", _MASKED | 127, len(payload))
        mask = os.urandom(4)
        pattern = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
        masked = (int.from_bytes(payload, "big") ^ pattern).to_bytes(len(payload), "big")
        self._socket.sendall(struct.pack(">B", _LAST | kind) + length + mask + masked)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _fill(self) -> None:
        part = self._socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the browser ended the connection")
        self._buffer += part

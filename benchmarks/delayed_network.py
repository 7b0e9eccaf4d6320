"""A switch between network namespaces that delivers frames late.

    python -m benchmarks.delayed_network SECONDS DEVICE NAMESPACE...

For kernels whose `tc` has no netem. It creates a TAP device in each namespace and passes the frames
of one to another after the delay. It prints `ready` when all devices exist. Frames have up to 64 KB
(segmentation offload), so one process can pass on several Gbit/s.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

# From <linux/if_tun.h>.
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x1, 0x2
MOST_FRAME_BYTES = 1 << 17
# A frame begins with the header of the offloads, then has its receiver's address.
OFFLOAD_HEADER_BYTES, ADDRESS_BYTES = 10, 6


class Frame(NamedTuple):
    """A frame on its way."""

    due: float
    receivers: list[int]
    content: bytes


def create_device(index: int, device: str, namespace: str) -> int:
    """Create a TAP device in a namespace; returns its file descriptor."""
    here = f"tap{index}"
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", here.encode(), flags))
    fcntl.ioctl(descriptor, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    address = f"02:00:00:00:00:{index:02x}"
    words = f"ip link set {here} address {address} netns {namespace} name {device}"
    subprocess.run(words.split(), check=True)
    return descriptor


def receivers(frame: bytes, sender: int, devices: int) -> list[int]:
    """The devices that a frame is for: the one with its address, or all others."""
    address = frame[OFFLOAD_HEADER_BYTES : OFFLOAD_HEADER_BYTES + ADDRESS_BYTES]
    if address[0] == 2:  # from `create_device`
        return [address[-1]]
    return [other for other in range(devices) if other != sender]


def switch(descriptors: list[int], delay: float) -> None:
    """Pass on frames for ever."""
    waiting: deque[Frame] = deque()
    while True:
        while waiting and waiting[0].due <= time.perf_counter():
            frame = waiting.popleft()
            for receiver in frame.receivers:
                with suppress(OSError):  # a device that is down loses its frames
                    os.write(descriptors[receiver], frame.content)
        rest = max(0.0, waiting[0].due - time.perf_counter()) if waiting else None
        for readable in select.select(descriptors, [], [], rest)[0]:
            content = os.read(readable, MOST_FRAME_BYTES)
            to = receivers(content, descriptors.index(readable), len(descriptors))
            waiting.append(Frame(time.perf_counter() + delay, to, content))


def main() -> None:
    """Create the devices, then pass on their frames."""
    delay, device, *namespaces = sys.argv[1:]
    descriptors = [create_device(index, device, name) for index, name in enumerate(namespaces)]
    print("ready", flush=True)
    # Goes before processes that compute, as a network card would.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    switch(descriptors, float(delay))


if __name__ == "__main__":
    main()

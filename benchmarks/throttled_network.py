"""MPI processes of one machine, joined by a network of a given rate and latency.

    python -m benchmarks.throttled_network --processes 2 --megabits 200 --latency 0.001 -- COMMAND

Every process has a namespace with one network device, so that MPI has to use TCP. `tc` limits the
rate of each device. It also delays the packets, or `delayed_network` does where the kernel has no
netem. Everything lives in namespaces of its own and ends with this command. Linux, root and MPICH
are needed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TOOLS = ("unshare", "ip", "tc", "mpiexec")
DEVICE, NAMESPACE = "eth0", "process"
# It fills a link without losses evenly, also after a pause.
CONGESTION_CONTROL = "reno"
# MPICH uses either of these libraries. Both are bound to TCP and to the device.
ENVIRONMENT = {
    "MPIR_CVAR_NOLOCAL": "1",  # no shared memory
    "UCX_TLS": "tcp,self",
    "UCX_NET_DEVICES": DEVICE,
    "FI_PROVIDER": "tcp",
    "FI_TCP_IFACE": DEVICE,
}


class Network(NamedTuple):
    """A network in which every process has a full-duplex link to one switch."""

    megabits: float  # per second, of a link in one direction; 0 is no limit
    latency: float  # seconds from process to process

    def __str__(self) -> str:
        rate = f"{self.megabits:g} Mbit/s" if self.megabits else "unlimited rate"
        return f"{rate}, {1e3 * self.latency:g} ms"


def command(network: Network, processes: int, program: list[str]) -> list[str]:
    """The command line that runs a program in `processes` processes of this network."""
    return [
        *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *(sys.executable, "-m", "benchmarks.throttled_network", "--processes", str(processes)),
        *("--megabits", str(network.megabits), "--latency", str(network.latency), "--", *program),
    ]


def obstacle() -> str | None:
    """The reason why no network can be throttled here, None if one can be."""
    if sys.platform != "linux":
        return "network namespaces need Linux"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{' and '.join(missing)} not found"
    if os.geteuid() != 0:
        return "network namespaces need root"
    attempt = subprocess.run(
        command(Network(100, 0.001), 2, [sys.executable, "-c", "pass"]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if attempt.returncode == 0:
        return None
    return (attempt.stderr.strip().splitlines() or [f"exit code {attempt.returncode}"])[-1]


def run(*words: str) -> None:
    """Run a command that prints only its error."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def inside(process: int, *words: str) -> None:
    """Run a command in the namespace of a process."""
    run("ip", "netns", "exec", namespace(process), *words)


def namespace(process: int) -> str:
    """The name of a process's namespace."""
    return f"{NAMESPACE}{process}"


def has_netem() -> bool:
    """Whether the kernel can delay packets."""
    words = ("tc", "qdisc", "replace", "dev", "lo", "root", "netem", "delay", "1ms")
    if subprocess.run(words, check=False, capture_output=True).returncode != 0:
        return False
    run("tc", "qdisc", "del", "dev", "lo", "root")
    return True


def join_by_bridge(processes: int) -> None:
    """A bridge of the kernel that joins the devices of all processes."""
    run("ip", "link", "add", "switch", "type", "bridge")
    run("ip", "link", "set", "switch", "up")
    for process in range(processes):
        port, there = f"port{process}", namespace(process)
        peer = ("type", "veth", "peer", "name", DEVICE, "netns", there)
        run("ip", "link", "add", port, *peer)
        run("ip", "link", "set", port, "master", "switch", "up")


def join_by_relay(processes: int, latency: float) -> subprocess.Popen[bytes]:
    """A process that joins the devices of all processes and delays the packets."""
    namespaces = [namespace(process) for process in range(processes)]
    words = [sys.executable, "-m", "benchmarks.delayed_network", str(latency), DEVICE, *namespaces]
    relay = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE)
    assert relay.stdout is not None
    if relay.stdout.readline().strip() != b"ready":
        raise OSError("benchmarks.delayed_network could not make its devices")
    return relay


def limit(process: int, network: Network, netem: bool) -> None:
    """Limit the rate of a process's device, and delay its packets if `netem`."""
    parent = ["root"]
    if network.megabits:
        # A millisecond, and longer than the largest packet.
        burst = max(70_000, round(network.megabits * 1e6 / 8 * 0.001))
        rate = ("tbf", "rate", f"{network.megabits}mbit", "burst", str(burst), "latency", "50ms")
        inside(process, *("tc", "qdisc", "add", "dev", DEVICE, "root", "handle", "1:", *rate))
        parent = ["parent", "1:1"]
    if netem:
        delay = ("netem", "delay", f"{network.latency * 1e6:.0f}us", "limit", "100000")
        inside(process, *("tc", "qdisc", "add", "dev", DEVICE, *parent, *delay))


def build(network: Network, processes: int) -> subprocess.Popen[bytes] | None:
    """Build the network in the namespaces of this process; returns the relay if it needs one."""
    Path("/run/netns").mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "none", "/run/netns")
    run("ip", "link", "set", "lo", "up")
    for process in range(processes):
        run("ip", "netns", "add", namespace(process))
    netem = network.latency > 0 and has_netem()
    relay = None
    if network.latency > 0 and not netem:
        relay = join_by_relay(processes, network.latency)
    else:
        join_by_bridge(processes)
    for process in range(processes):
        address = f"10.0.0.{process + 1}"
        inside(process, "ip", "link", "set", "lo", "up")
        inside(process, "ip", "link", "set", DEVICE, "up")
        inside(process, "ip", "addr", "add", f"{address}/24", "dev", DEVICE)
        route = ("ip", "route", "change", "10.0.0.0/24", "dev", DEVICE, "src", address)
        inside(process, *route, "congctl", CONGESTION_CONTROL)
        limit(process, network, netem)
    return relay


def main() -> int:
    """Build the network, then run the program; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--megabits", type=float, default=0.0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    relay = build(Network(options.megabits, options.latency), options.processes)
    enter = f'exec ip netns exec {NAMESPACE}$PMI_RANK "$@"'
    words = ["mpiexec", "-iface", "lo", "-bind-to", "core", "-n", str(options.processes)]
    try:
        return subprocess.run(
            [*words, "sh", "-c", enter, "sh", *options.program],
            env={**os.environ, **ENVIRONMENT},
            check=False,
        ).returncode
    finally:
        if relay is not None:
            relay.kill()
            relay.wait()


if __name__ == "__main__":
    sys.exit(main())

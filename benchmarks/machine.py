"""The machine on which a figure was measured: CPU, system and load."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path


def cpu_name() -> str:
    """The CPU's name and model numbers from the system, or the name of its architecture.

    A virtual machine may hide the name; family, model and stepping still identify the CPU.
    """
    fields: dict[str, str] = {}
    information = Path("/proc/cpuinfo")
    for line in information.read_text().splitlines() if information.exists() else []:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    numbers = (f"{key} {fields[key]}" for key in ("cpu family", "model", "stepping"))
    return f"{fields['model name']} ({', '.join(numbers)})"


def describe() -> dict[str, object]:
    """The machine for a file of results; called before and after, as the load changes."""
    return {
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }


def headline() -> str:
    """One line to print above the figures."""
    return f"{cpu_name()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}"


def save(path: Path, before: object, content: Mapping[str, object]) -> None:
    """Write results as JSON, with the output of `describe` before and after them."""
    machine = {"before": before, "after": describe()}
    path.write_text(json.dumps({"machine": machine, **content}))

"""What a benchmark leaves: {"bench", "machine", "figures": {key: number}}."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import psutil


def machine() -> dict[str, object]:
    """What a figure is worth nothing without."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def write(file: Path, bench: str, figures: Mapping[str, float]) -> None:
    file.write_text(json.dumps({"bench": bench, "machine": machine(), "figures": dict(figures)}, indent=2) + "\n")


def as_text(figures: Mapping[str, float]) -> str:
    width = max((len(key) for key in figures), default=0)
    return "\n".join(f"{key:<{width}}  {value:>14,.{2 if abs(value) >= 10 else 5}f}" for key, value in figures.items())


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor() or platform.machine())

"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tests.support.paths import REPOSITORY

_PACKAGES = ("torch", "open_clip_torch", "av", "numpy", "watchdog")


def facts() -> dict[str, Any]:
    """Return processor, memory, versions and the commit; `load_before` is the load average as it is now."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "ffmpeg": _first_line("ffmpeg", "-version"),
        **{name: version(name) for name in _PACKAGES},
        "gpu": _first_line("nvidia-smi", "--query-gpu=name", "--format=csv,noheader"),
        "commit": _first_line("git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"),
        "load_before": load(),
    }


def load() -> float:
    """Return how many processes wanted a core over the last minute: other work makes every figure worse."""
    return round(os.getloadavg()[0], 2)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    wide = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {name} " in text]
    return f"{found.group(1) if found else platform.processor()} ({', '.join(wide)})"


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except FileNotFoundError:
        return ""
    return (done.stdout.splitlines() or [""])[0] if done.returncode == 0 else ""

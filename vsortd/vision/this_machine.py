"""What this machine offers a model: memory, processors, a GPU, room for downloads; and what `auto` is here.

torch alone can tell whether it computes on a GPU, and takes seconds to load: it is asked only where a driver is there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.system.machine_memory import machine_memory_bytes
from vsortd.core.units import about_size
from vsortd.vision.models import AUTO_CPU, AUTO_CUDA, hub_cache

if TYPE_CHECKING:
    from vsortd.vision.models import Recommended

# NVIDIA's driver, on Linux and in Windows' own Linux; AMD's.
_DRIVERS: Final = ("/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that torch computes on."""

    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """Memory and free disk in bytes, None where the system does not tell; `cores` may be used by this process."""

    memory_bytes: int | None
    cores: int
    gpus: tuple[Gpu, ...]
    cache: Path
    cache_free_bytes: int | None

    @classmethod
    def look(cls) -> ThisMachine:
        """Look at the machine; takes seconds where torch has to be asked about a GPU."""
        cache = hub_cache()
        return cls(machine_memory_bytes(), usable_cpus(), _gpus(), cache, _free(cache))

    @property
    def auto(self) -> tuple[str, str]:
        """What `model: auto` means here: name and tag."""
        return AUTO_CUDA if self.gpus else AUTO_CPU

    def why_not(self, model: Recommended, *, cached: bool) -> str:
        """Return why a model can't be used here, "" where nothing is known against it.

        Its weights alone are held against the memory: a model needs more, so only what is sure is said.
        """
        missing = [name for name in model.packages if importlib.util.find_spec(name) is None]
        if missing:
            return f"needs the package {', '.join(missing)}: pip install {' '.join(missing)}"
        free, size = self.cache_free_bytes, model.download_bytes
        if not cached and free is not None and size > free:
            return f"a download of {about_size(size)}, and {about_size(free)} are free"
        if self.gpus:
            whole = max(gpu.memory_bytes for gpu in self.gpus)
            if model.gpu_bytes > whole:
                return f"its weights alone take {about_size(model.gpu_bytes)} of {about_size(whole)} on the GPU"
        elif self.memory_bytes is not None and model.memory_bytes > self.memory_bytes:
            return f"its weights alone take {about_size(model.memory_bytes)} of {about_size(self.memory_bytes)}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "memory_bytes": self.memory_bytes,
            "cores": self.cores,
            "gpus": [asdict(gpu) for gpu in self.gpus],
            "cache_free_bytes": self.cache_free_bytes,
            "auto": "/".join(self.auto),
        }


def usable_cpus() -> int:
    """Return how many CPUs this process may use, by affinity and the container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min(count, _cgroup_cpus() or count))


def _cgroup_cpus() -> int | None:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):  # no cgroup v2 here: no quota that we know of
        return None


def _free(folder: Path) -> int | None:
    """Return the free bytes of the disk that a folder is, or would be made, on."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def driver_is_there() -> bool:
    """Tell whether a GPU's driver is installed, without asking it anything."""
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    return any(Path(driver).exists() for driver in _DRIVERS)


def _gpus() -> tuple[Gpu, ...]:
    if not driver_is_there():
        return ()
    import torch

    if not torch.cuda.is_available():
        return ()
    found = (torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count()))
    return tuple(Gpu(one.name, int(one.total_memory)) for one in found)

"""The environment for programs that read strangers' files: what they run by, never what a person keeps in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import vsortd

if TYPE_CHECKING:
    from collections.abc import Mapping

# What programs are found and loaded by, and how they speak.
_NAMES: Final = frozenset(
    {
        "PATH",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONUTF8",
        "PYTHONDONTWRITEBYTECODE",
        # Windows' own
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "TEMP",
        "TMP",
        "PATHEXT",
        "NUMBER_OF_PROCESSORS",
        "PROCESSOR_ARCHITECTURE",
    }
)
# Languages, the loader, threads, GPUs.
_BEGINNINGS: Final = ("LC_", "LD_", "DYLD_", "OMP_", "KMP_", "OPENBLAS_", "MKL_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_")
# Nothing that is named so travels, whatever else its name is.
_SECRET: Final = ("TOKEN", "PASSWORD", "PASSWD", "SECRET", "KEY", "CREDENTIAL")


def least_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the part of this process's environment that a decoder or ffmpeg needs, with `more` on top."""
    return {name: value for name, value in os.environ.items() if _travels(name.upper())} | dict(more or {})


def package_path() -> str:
    """Return the PYTHONPATH of a child that takes nothing from its folder (`-P`): where our package is, then ours."""
    root = str(Path(vsortd.__file__).resolve().parent.parent)
    return os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)


def _travels(name: str) -> bool:
    return (name in _NAMES or name.startswith(_BEGINNINGS)) and not any(word in name for word in _SECRET)

"""What `vsortd doctor` looks at: each finding says what was found and, where something is amiss, what to do."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sqlite3
import sys
import tempfile
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.errors import VsortdError
from vsortd.places import journal_path, state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.settings import Settings

# Below this much free space a night's conversions may not fit: bytes.
LOW_SPACE_BYTES = 5 * 10**9
# Fewer inotify watches than this run out in a deep tree of folders.
FEW_WATCHES = 8192


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    level: Level
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as `doctor --json` prints it."""
        return {key: str(value) for key, value in asdict(self).items()}


def examine(config: Path | None) -> list[Finding]:
    """Look at everything that can be looked at; one broken part does not hide the others."""
    findings = [*_versions(), _ffmpeg(), _state(), _watches()]
    try:
        settings = _settings(config)
    except VsortdError as error:
        return [*findings, Finding("config", Level.FAIL, error.title, error.remedy)]
    findings.append(
        Finding("config", Level.OK, f"{len(settings.inboxes)} inboxes, {len(settings.rules)} rules at the top")
    )
    findings += _folders(settings)
    findings.append(_model(settings))
    return findings


def _settings(config: Path | None) -> Settings:
    from vsortd.settings import find_config, load_settings

    return load_settings(find_config(config))


def _versions() -> Iterator[Finding]:
    yield Finding("python", Level.OK, sys.version.split()[0])
    for name in ("torch", "open_clip_torch", "av", "watchdog"):
        try:
            yield Finding(name, Level.OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, Level.FAIL, "not installed", "Install vsortd again: pip install vsortd.")
    yield Finding("sqlite", Level.OK, sqlite3.sqlite_version)


def _ffmpeg() -> Finding:
    from vsortd.media.ffmpeg import find_ffmpeg

    try:
        found = find_ffmpeg()
    except VsortdError as error:
        return Finding("ffmpeg", Level.FAIL, error.title, error.remedy)
    return Finding("ffmpeg", Level.OK, str(found))


def _state() -> Finding:
    folder = state_folder()
    if not folder.exists():
        return Finding("state folder", Level.OK, f"{folder} (made at the first run)")
    from vsortd.filing.journal import Journal

    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if journal_path(folder).exists():
            Journal.open(journal_path(folder)).close()
    except OSError as error:
        return Finding(
            "state folder",
            Level.FAIL,
            f"{folder}: {error.strerror}",
            "Make it writable, or set VSORTD_STATE_DIR.",
        )
    except VsortdError as error:
        return Finding("state folder", Level.FAIL, error.title, error.remedy)
    return Finding("state folder", Level.OK, str(folder))


def _watches() -> Finding:
    limit_file = Path("/proc/sys/fs/inotify/max_user_watches")
    if not limit_file.exists():
        return Finding("file events", Level.OK, "no limit known here")
    limit = int(limit_file.read_text())
    if limit < FEW_WATCHES:
        return Finding(
            "file events",
            Level.WARN,
            f"{limit} inotify watches",
            f"Raise fs.inotify.max_user_watches to {FEW_WATCHES} or more; until then inboxes may be polled.",
        )
    return Finding("file events", Level.OK, f"{limit} inotify watches")


def _folders(settings: Settings) -> Iterator[Finding]:
    for inbox in settings.inboxes:
        yield _folder(f"inbox {inbox.path}", inbox.path)
    yield _folder(f"library {settings.library}", settings.library)
    if not settings.library.is_dir():
        return
    free = shutil.disk_usage(settings.library).free
    if free < LOW_SPACE_BYTES:
        yield Finding(
            "free space",
            Level.WARN,
            f"{free / 1e9:.1f} GB in the library",
            "Conversions need room for a copy.",
        )
    else:
        yield Finding("free space", Level.OK, f"{free / 1e9:.0f} GB in the library")
    for inbox in settings.inboxes:
        if inbox.path.is_dir():
            yield _same_filesystem(inbox.path, settings.library)


def _folder(name: str, path: Path) -> Finding:
    if not path.is_dir():
        return Finding(name, Level.WARN, "is not there", f"mkdir -p {path}")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding(name, Level.FAIL, "can't be read and written", f"Give yourself rights to {path}.")
    return Finding(name, Level.OK, "can be read and written")


def _same_filesystem(inbox: Path, library: Path) -> Finding:
    """Try a rename, since bind mounts of one filesystem refuse it although their device numbers agree."""
    name = f"rename {inbox} → {library}"
    from vsortd.filing.noreplace import rename_noreplace

    descriptor, made = tempfile.mkstemp(dir=inbox, prefix=".vsortd-doctor-")
    os.close(descriptor)
    probe, target = Path(made), library / Path(made).name
    try:
        rename_noreplace(str(probe), str(target), None, None)
        target.unlink()
    except OSError as error:
        probe.unlink(missing_ok=True)
        return Finding(name, Level.WARN, f"not possible ({error.strerror}): files are copied, checked, then removed")
    return Finding(name, Level.OK, "one filesystem: files are renamed, never copied")


def _model(settings: Settings) -> Finding:
    from vsortd.vision.encoder import load_encoder

    try:
        encoder = load_encoder(settings.model)
    except VsortdError as error:
        return Finding("model", Level.FAIL, error.title, error.remedy)
    info = encoder.info
    encoder.close()
    return Finding("model", Level.OK, f"{info.name} / {info.weights} on {info.device} ({info.dtype})")

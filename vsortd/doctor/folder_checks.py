"""The folders: whether they are there, can be written, have room, and what their filesystems can do.

Rights are found out by really writing and removing a file: mode bits say nothing about read-only mounts, ACLs, quotas
and shares.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from vsortd.config.choices import PlaceMethod
from vsortd.config.rules import build_rules
from vsortd.core.folder_templates import MISSING_NAME, parse_folder
from vsortd.core.paths import journal_path, state_folder
from vsortd.core.system.network_fs import filesystem_type, network_type
from vsortd.core.system.private_files import private_folder
from vsortd.core.text import counted
from vsortd.core.units import about_duration, about_size, format_duration
from vsortd.doctor import disk_trials
from vsortd.doctor.finding import Finding, Severity
from vsortd.doctor.place_trials import place_trials
from vsortd.errors import DaemonUnreachableError, StoreError, VsortdError
from vsortd.filing.identical import policy_of
from vsortd.watch.candidates import NameRules
from vsortd.watch.other_videos import count_endings, left_alone_line
from vsortd.watch.scan import ScanPlan, scan, spell_within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.inbox_options import Inbox
    from vsortd.config.settings import Settings
    from vsortd.errors import FilingError

# Below this much free space a night's conversions may not fit; below the second nothing works: bytes.
LOW_SPACE_BYTES, NO_SPACE_BYTES = 5 * 10**9, 50 * 10**6
LOW_STATE_BYTES = 500 * 10**6
# A share whose clock differs by more makes times of files misleading: seconds.
CLOCK_SKEW_S = 5.0
# Subfolders of an inbox are counted up to here.
MANY_FOLDERS = 20_000
_PREFIX = ".vsortd-doctor-"  # hidden, so that no watcher takes it for a video
_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")


def state() -> Iterator[Finding]:
    """Look at the state folder and the journal in it."""
    folder = state_folder()
    if not folder.exists():
        trouble = _above(folder)
        if trouble:
            yield Finding("state folder", Severity.FAIL, f"{folder} can't be made: {trouble}", _elsewhere())
            return
        yield Finding("state folder", Severity.OK, f"{folder} (made at the first run)")
        there = next(parent for parent in folder.parents if parent.exists())
        yield _space("free space for the state", there, LOW_STATE_BYTES)
        return
    try:
        private_folder(folder)
    except StoreError as error:
        yield Finding("state folder", Severity.FAIL, error.title, error.remedy)
        return
    except OSError as error:
        yield Finding("state folder", Severity.FAIL, f"{folder} can't be used: {error.strerror}", _elsewhere())
        return
    if trouble := write_and_remove(folder):
        remedy = f"sudo chown -R $(id -u) {quote(str(folder))}   (or: export VSORTD_STATE_DIR=FOLDER)"
        yield Finding("state folder", Severity.FAIL, f"{folder} can't be written: {trouble}", remedy)
    elif network := network_type(folder):
        found = f"{folder} is on a network filesystem ({network}): the journal needs a local disk"
        yield Finding("state folder", Severity.WARN, found, _elsewhere())
    else:
        yield Finding("state folder", Severity.OK, f"{folder} ({filesystem_type(folder) or 'local'})")
        yield disk_trials.disk("state folder", folder)
    yield from _journal(folder)
    yield _space("free space for the state", folder, LOW_STATE_BYTES)


def _elsewhere() -> str:
    return "export VSORTD_STATE_DIR=$HOME/.local/state/vsortd"


def _journal(folder: Path) -> Iterator[Finding]:
    from vsortd.filing.journal import Journal
    from vsortd.filing.last_commit import leftovers
    from vsortd.filing.passed_time import last_jump

    path = journal_path(folder)
    with contextlib.suppress(PermissionError):
        if not path.exists() and not leftovers(path):
            return
    try:
        with Journal.open(path, thorough=True) as journal:
            counts, jump = journal.counts(), last_jump(journal.db)
    except VsortdError as error:
        yield Finding("journal", Severity.FAIL, error.title, error.remedy, error.details)
        return
    yield Finding(
        "journal", Severity.OK, f"{counted(sum(counts.values()), 'video')}, {about_size(path.stat().st_size)}"
    )
    if jump:
        yield Finding("clock of this machine", Severity.OK, f"its last jump, {jump}")


def inboxes(settings: Settings) -> Iterator[Finding]:
    """Look at each inbox: rights, filesystem, how many folders are to be watched, and what the daemon says of it."""
    told = _from_daemon()
    moves = PlaceMethod.MOVE in build_rules(settings).methods(settings.place)
    for inbox in settings.inboxes:
        yield (finding := _inbox(inbox, moves=moves))
        if finding.level is not Severity.FAIL and inbox.path.is_dir() and (moves or not write_and_remove(inbox.path)):
            yield disk_trials.disk("inbox", inbox.path)
        yield from _left_alone(settings, inbox)
        health, reason = told.get(str(inbox.path), ("ok", ""))
        if health != "ok":
            yield Finding(
                f"inbox {inbox.path}: health", Severity.WARN, f"{health}: {reason}", "vsortd logs --level warning"
            )
    yield _folder_count(settings)


def _inbox(inbox: Inbox, *, moves: bool) -> Finding:
    name = f"inbox {inbox.path}"
    finding = _usable(name, inbox.path, written=moves)
    if finding.level is not Severity.OK:
        return finding
    kind = filesystem_type(inbox.path)
    network = network_type(inbox.path)
    every = f"looked through every {format_duration(inbox.poll_s)}"
    if network and inbox.watch == "events":
        found = f"on a network filesystem ({network}), where events of other machines don't arrive"
        return Finding(name, Severity.WARN, found, "Write `watch: auto` for it: vsortd edit")
    if network:
        return Finding(name, Severity.OK, f"can be read and written; a network filesystem ({network}), {every}")
    how = every if inbox.watch == "poll" else "watched by events"
    return Finding(name, Severity.OK, f"can be read and written; {kind or 'a local filesystem'}, {how}")


def _left_alone(settings: Settings, inbox: Inbox) -> Iterator[Finding]:
    """Tell of videos in an inbox that its `extensions` leaves out."""
    elsewhere = [settings.library, state_folder(), *(one.path for one in settings.inboxes)]
    plan = ScanPlan(
        inbox.path, NameRules(inbox.extensions, inbox.ignore), inbox.recursive, spell_within(inbox.path, elsewhere)
    )
    try:
        others = count_endings(scan(plan).others)
    except OSError:  # it has been told of
        return
    if line := left_alone_line(others, inbox.extensions):
        yield Finding(f"inbox {inbox.path}: endings", Severity.OK, line)


def _folder_count(settings: Settings) -> Finding:
    """Count the folders that need a watch each."""
    folders = 0
    for inbox in settings.inboxes:
        if inbox.watch == "poll" or not inbox.path.is_dir() or network_type(inbox.path):
            continue
        folders += 1
        for _, below, _ in os.walk(inbox.path) if inbox.recursive else ():
            folders += len(below)
            if folders >= MANY_FOLDERS:
                break
    with contextlib.suppress(OSError, ValueError):
        limit = int(_WATCHES.read_text())
        if folders > limit // 2:
            remedy = f"sudo sysctl fs.inotify.max_user_watches={max(524_288, folders * 4)}"
            return Finding("folders to watch", Severity.WARN, f"{folders} of the {limit} that the limit allows", remedy)
    return Finding("folders to watch", Severity.OK, f"{folders}{' or more' if folders >= MANY_FOLDERS else ''}")


def _from_daemon() -> dict[str, tuple[str, str]]:
    """Return what a running daemon says of its inboxes."""
    from vsortd.service.client import Client

    try:
        status = Client(state_folder()).status()
    except (DaemonUnreachableError, VsortdError):
        return {}
    return {one["path"]: (one["health"], one["reason"]) for one in status["inboxes"]}


def library(settings: Settings) -> Iterator[Finding]:
    """Look at the library: rights, room, its clock, and whether files can be renamed into it."""
    folder = settings.library
    finding = _usable(f"library {folder}", folder, made_later=True)
    why = _waits(folder) if finding.level is not Severity.FAIL else None
    if why is not None:
        finding = Finding(f"library {folder}", Severity.WARN, why.title, why.remedy)
    yield finding
    if finding.level is not Severity.OK or not folder.is_dir():
        return
    yield _space("free space in the library", folder, LOW_SPACE_BYTES)
    yield _skew(folder)
    methods = build_rules(settings).methods(settings.place)
    yield disk_trials.disk("library", folder, dict.fromkeys(filter(None, _folder_names(settings))))
    for inbox in settings.inboxes:
        if inbox.path.is_dir() and not write_and_remove(inbox.path):
            if PlaceMethod.MOVE in methods:
                yield _same_filesystem(inbox.path, folder)
            yield from place_trials(inbox.path, folder, methods, _PREFIX)


def _folder_names(settings: Settings) -> Iterator[str]:
    """Yield the names that folders of the library get, as far as no video has a part in them; some are empty."""
    place = settings.place
    rules = list(build_rules(settings).walk())
    for rule in rules:
        yield from rule.path
    for template in dict.fromkeys((place.folder, *(rule.place.folder for rule in rules if rule.place is not None))):
        yield from (text.strip() for part in parse_folder(template) for text, _ in part.pieces)
    yield place.missing.replace(f"{{{MISSING_NAME}}}", "camera")
    yield from (place.review, policy_of(place.on_duplicate)[1])


def _waits(library: Path) -> FilingError | None:
    """Return why nothing can be filed into the library now; None also where the journal can't be asked."""
    from vsortd.filing.journal import Journal
    from vsortd.filing.library_folder import waits

    path = journal_path(state_folder())
    with contextlib.suppress(VsortdError, OSError):
        if not path.exists():
            return waits(None, library)
        with Journal.open(path) as journal:
            return waits(journal, library)
    return None


def _usable(name: str, path: Path, *, made_later: bool = False, written: bool = True) -> Finding:
    make = f"mkdir -p {quote(str(path))}"
    try:
        there = path.is_dir()
        if not there and path.exists():
            return Finding(name, Severity.FAIL, "is no folder", f"Move it away, then: {make}")
    except OSError as error:
        return Finding(
            name, Severity.FAIL, f"can't be looked into: {error.strerror or error}", f"ls -ld {quote(str(path))}"
        )
    if not there:
        if made_later and not _above(path):
            return Finding(name, Severity.OK, "is made with the first video")
        return Finding(name, Severity.WARN, "is not there; it is waited for", make)
    return _rights(name, path, written=written)


def _rights(name: str, path: Path, *, written: bool = True) -> Finding:
    try:
        with os.scandir(path) as entries:
            next(entries, None)
    except OSError as error:
        return Finding(
            name, Severity.FAIL, f"can't be read: {error.strerror or error}", f"chmod u+rwx {quote(str(path))}"
        )
    if written and (trouble := write_and_remove(path)):
        remedy = f"sudo chown $(id -u) {quote(str(path))}   (read-only mount? see: findmnt -T {quote(str(path))})"
        return Finding(name, Severity.FAIL, f"can't be written: {trouble}", remedy)
    return Finding(name, Severity.OK, f"can be read and written; {filesystem_type(path) or 'a local filesystem'}")


def write_and_remove(folder: Path) -> str:
    """Write a small file and remove it; return what went wrong, "" if nothing did."""
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX)
        try:
            os.write(handle, b"vsortd doctor\n")
            os.fsync(handle)
        finally:
            os.close(handle)
            Path(name).unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _above(path: Path) -> str:
    """Return what keeps a folder that is not there from being made, "" if nothing does."""
    for parent in path.parents:
        with contextlib.suppress(OSError):
            if parent.exists():
                return write_and_remove(parent) if parent.is_dir() else f"{parent} is no folder"
    return "nothing above it is there"


def _space(name: str, folder: Path, low_bytes: int) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(name, Severity.WARN, f"can't be told: {error.strerror or error}", f"df -h {quote(str(folder))}")
    found = f"{about_size(free)} in {folder}"
    remedy = f"See what takes it: du -xh -d1 {quote(str(folder))} | sort -h"
    if free < NO_SPACE_BYTES:
        return Finding(name, Severity.FAIL, found, remedy)
    if free < low_bytes:
        return Finding(name, Severity.WARN, f"{found}; {about_size(low_bytes)} would be safe", remedy)
    return Finding(name, Severity.OK, found)


def _skew(folder: Path) -> Finding:
    """Compare the clock by which the library's filesystem dates its files with this machine's."""
    name = "clock of the library"
    before = time.time()
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=_PREFIX) as file:
            file.write(b"?")
            file.flush()
            os.fsync(file.fileno())
            dated = os.fstat(file.fileno()).st_mtime
    except OSError as error:
        return Finding(name, Severity.WARN, f"can't be told: {error.strerror or error}", f"ls -ld {quote(str(folder))}")
    after = time.time()
    apart = max(before - dated, dated - after, 0.0)
    if apart > CLOCK_SKEW_S:
        found = f"files are dated {about_duration(apart)} {'late' if dated > after else 'early'}"
        return Finding(name, Severity.WARN, found, "Set both clocks by the network: sudo timedatectl set-ntp true")
    return Finding(name, Severity.OK, "files are dated by the same clock")


def _same_filesystem(inbox: Path, library: Path) -> Finding:
    """Try a rename, since bind mounts of one filesystem refuse it although their device numbers agree."""
    name = f"rename {inbox} → {library}"
    from vsortd.core.system.rename_noreplace import rename_noreplace

    try:
        descriptor, made = tempfile.mkstemp(dir=inbox, prefix=_PREFIX)
    except OSError as error:
        return Finding(name, Severity.FAIL, f"not possible: {error.strerror or error}", f"ls -ld {quote(str(inbox))}")
    os.close(descriptor)
    probe, target = Path(made), library / Path(made).name
    try:
        rename_noreplace(str(probe), str(target), None, None)
        target.unlink()
    except OSError as error:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
        found = f"not possible ({error.strerror}): files are copied, checked, then removed; slower, just as safe"
        return Finding(name, Severity.OK, found)
    return Finding(name, Severity.OK, "one filesystem: files are renamed, never copied")

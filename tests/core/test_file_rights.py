"""Who may read what is made of a file: nobody who may not read the file itself, whatever can't be kept."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from itertools import chain, combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vsortd.core.system.file_rights import Rights, carry_over, carry_over_between, make_for

if TYPE_CHECKING:
    from pathlib import Path

USER, GROUP = 0x02, 0x08
PEOPLE, GROUPS = (1, 2, 3), (11, 12, 13)
PERMISSIONS = st.integers(0, 7)
NAMED = st.dictionaries(
    st.sampled_from([(USER, one) for one in PEOPLE] + [(GROUP, one) for one in GROUPS]), PERMISSIONS, max_size=4
).map(lambda found: tuple((tag, permissions, whose) for (tag, whose), permissions in sorted(found.items())))
RIGHTS = st.builds(Rights, PERMISSIONS, PERMISSIONS, PERMISSIONS, PERMISSIONS, NAMED)


def may(rights: Rights, owner: int, group: int, person: int, groups: frozenset[int]) -> int:
    """Return what somebody may do, as acl(5) has it."""
    if person == owner:
        return rights.owner
    for tag, permissions, whose in rights.named:
        if (tag, whose) == (USER, person):
            return permissions & rights.mask
    of_groups = [permissions for tag, permissions, whose in rights.named if tag == GROUP and whose in groups]
    of_groups += [rights.group] if group in groups else []
    if of_groups:  # each one that is enough by itself
        found = 0
        for permissions in of_groups:
            found |= permissions & rights.mask
        return found
    return rights.other


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine a draw may take seconds
@given(RIGHTS, st.sampled_from(PEOPLE), st.sampled_from(GROUPS), st.sampled_from(["kept", "lost"]))
def test_nobody_may_do_more_with_a_copy_of_another_owner_or_group_or_without_a_list(
    rights: Rights, owner: int, group: int, its_list: str
) -> None:
    made = rights.narrowed(owner_kept=owner == 1, group_kept=group == 11)
    made = made if its_list == "kept" else made.without_list()
    belongs = [frozenset(some) for some in chain.from_iterable(combinations(GROUPS, n) for n in range(4))]
    for person in {*PEOPLE, 4} - {owner}:  # the new owner is the process, which has read it all
        for groups in belongs:
            before, after = may(rights, 1, 11, person, groups), may(made, owner, group, person, groups)
            assert 0 == after & ~before, (person, groups, before, after)


def test_what_can_be_kept_is_kept() -> None:
    rights = Rights(6, 4, 4, 4, ((USER, 6, 2),))
    assert rights == rights.narrowed(owner_kept=True, group_kept=True)
    assert 0o640 == Rights.of_mode(0o640).narrowed(owner_kept=False, group_kept=True).mode
    assert 0o600 == Rights.of_mode(0o640).narrowed(owner_kept=True, group_kept=False).mode
    assert 0o644 == Rights.of_mode(0o644).narrowed(owner_kept=False, group_kept=False).mode
    assert 0o600 == Rights.of_mode(0o604).narrowed(owner_kept=True, group_kept=False).mode


@given(RIGHTS)
def test_a_list_is_read_as_it_is_written(rights: Rights) -> None:
    assert rights == Rights.of_list(rights.to_list())


@pytest.mark.parametrize("data", [b"", b"\2\0\0", b"\3\0\0\0", b"\2\0\0\0\1\0", b"\2\0\0\0" + b"\1\0\6\0\0\0\0\0"])
def test_a_list_that_is_not_understood_is_none(data: bytes) -> None:
    assert Rights.of_list(data) is None


ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
linux = pytest.mark.skipif(sys.platform != "linux", reason="access control lists are read on Linux")


def listed(path: Path, attribute: str, rights: Rights) -> None:
    """Give a file or folder a list, where the filesystem can hold one."""
    try:
        os.setxattr(path, attribute, rights.to_list())
    except OSError as error:
        pytest.skip(f"no second filesystem: with access control lists ({error.strerror})")


@linux
def test_a_list_and_attributes_come_along(tmp_path: Path) -> None:
    source, made = tmp_path / "a.mov", tmp_path / "a.mp4"
    source.write_bytes(b"film")
    rights = Rights(6, 0, 0, 4, ((USER, 4, 4321), (GROUP, 4, 4322)))
    listed(source, ACCESS, rights)
    os.setxattr(source, "user.tags", b"holiday")
    os.close(os.open(made, os.O_CREAT | os.O_WRONLY, 0o600))
    carry_over_between(source, made)
    assert rights == Rights.of_list(os.getxattr(made, ACCESS))
    assert b"holiday" == os.getxattr(made, "user.tags")
    assert source.stat().st_mode == made.stat().st_mode
    assert source.stat().st_mtime_ns == made.stat().st_mtime_ns


@linux
def test_what_the_folder_would_allow_others_is_not_taken_over(tmp_path: Path) -> None:
    """A default list makes new files readable as soon as their group's bits say so: these are its mask then."""
    folder = tmp_path / "library"
    folder.mkdir()
    listed(folder, DEFAULT, Rights(7, 7, 7, 7, ((USER, 7, 4321),)))
    source, made = tmp_path / "a.mov", folder / "a.mp4"
    source.write_bytes(b"film")
    source.chmod(0o640)
    os.close(os.open(made, os.O_CREAT | os.O_WRONLY, 0o600))
    assert ACCESS in os.listxattr(made)
    carry_over_between(source, made)
    assert ACCESS not in os.listxattr(made)
    assert 0o640 == stat.S_IMODE(made.stat().st_mode)


ROOT = sys.platform != "win32" and os.geteuid() == 0


@pytest.mark.skipif(not ROOT, reason="needs root, and a Python that other users may run")
@pytest.mark.parametrize(
    ("mode", "groups", "wanted"),
    [
        (0o640, [], (4321, 4321, 0o600)),
        (0o640, [4400], (4321, 4400, 0o640)),
        (0o664, [], (4321, 4321, 0o644)),
        (0o604, [], (4321, 4321, 0o600)),
    ],
)
def test_somebody_who_may_not_give_files_away_keeps_the_group_where_it_is_theirs(
    tmp_path: Path, mode: int, groups: list[int], wanted: tuple[int, int, int]
) -> None:
    """The same code in a process of another user, who was handed the open files."""
    source, made = tmp_path / "a.mov", tmp_path / "a.mp4"
    source.write_bytes(b"film")
    os.chown(source, 4300, 4400)
    source.chmod(mode)
    descriptors = os.open(source, os.O_RDONLY), os.open(made, os.O_CREAT | os.O_WRONLY, 0o600)
    os.fchown(descriptors[1], 4321, 4321)
    child = os.fork()
    if child == 0:
        os.setgroups(groups)
        os.setgid(4321)
        os.setuid(4321)
        try:
            carry_over(*descriptors)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    for descriptor in descriptors:
        os.close(descriptor)
    found = made.stat()
    assert wanted == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
@pytest.mark.parametrize(("modes", "wanted"), [([0o600, 0o644], 0o600), ([0o644, 0o640], 0o640), ([0o444], 0o644)])
def test_what_shows_something_of_videos_is_for_whom_all_of_them_are(
    tmp_path: Path, modes: list[int], wanted: int
) -> None:
    videos = [tmp_path / f"{number}.mp4" for number in range(len(modes))]
    for video, mode in zip(videos, modes, strict=True):
        video.write_bytes(b"film")
        video.chmod(mode)
    before = os.umask(0)
    try:
        make_for(tmp_path / "sheet.png", videos)
        make_for(tmp_path / "gone.png", [tmp_path / "gone.mp4"])
        os.umask(0o077)
        make_for(tmp_path / "mine.png", videos)
    finally:
        os.umask(before)
    found = [stat.S_IMODE((tmp_path / f"{name}.png").stat().st_mode) for name in ("sheet", "gone", "mine")]
    assert [wanted, 0o600, 0o600] == found
    (tmp_path / "mine.png").write_bytes(b"drawn")
    (tmp_path / "mine.png").chmod(0o644)
    make_for(tmp_path / "mine.png", videos)
    assert (b"drawn", 0o644) == ((tmp_path / "mine.png").read_bytes(), (tmp_path / "mine.png").stat().st_mode & 0o777)
    make_for(tmp_path / "no folder" / "sheet.png", videos)


def test_rights_without_a_list_are_the_mode() -> None:
    for mode in range(0o1000):
        assert mode == Rights.of_mode(mode).mode
        assert mode == replace(Rights.of_mode(mode), mask=7).without_list().mode

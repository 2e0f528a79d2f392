"""`vsortd doctor` really looks, says ok, warn or fail, and what to type; nothing of it is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Home
from vsortd.config.load import load_settings
from vsortd.core.units import about_duration, about_size
from vsortd.doctor import examine, folder_checks, machine_checks, model_checks, trial
from vsortd.doctor.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.config.settings import Settings


def by_name(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def settings_of(folder: Path, **changes: str) -> Settings:
    text = {"model": "model: sample", "inbox": f"path: {folder / 'Inbox'}", **changes}
    path = folder / "vsortd.yaml"
    path.write_text(
        f"version: 2\ninboxes: [{{{text['inbox']}}}]\nlibrary: {folder / 'Sorted'}\n{text['model']}\n"
        "rules: [{name: forest}]\n"
    )
    return load_settings(path)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.make(tmp_path / "home")


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_sound_home_is_well_from_end_to_end_and_left_as_it_was(home: Home) -> None:
    before = everything(home.folder)
    done = home.run("doctor", timeout_s=170)
    assert "fail" not in done.stdout
    for named in ("ffmpeg: ", "device: ", "clock: ", "file events: ", "inotify instances: ", "open files: "):
        assert named in done.stdout
    for named in ("state folder: ", "free space for the state: ", "free space in the library: ", "model weights: "):
        assert named in done.stdout
    assert f"inbox {home.inbox}: can be read and written" in done.stdout
    assert f"library {home.library}: can be read and written" in done.stdout
    assert "sorting a clip: a clip was filed and undone, the same bytes came back" in done.stdout
    assert before == everything(home.folder)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_json_says_the_same_and_quick_leaves_out_what_takes_long(home: Home) -> None:
    document = home.json("doctor", "--quick")
    names = [check["name"] for check in document["checks"]]
    assert document["ok"]
    assert 0 == document["failed"]
    assert "sorting a clip" not in names
    assert {"name", "level", "found", "remedy"} == set(document["checks"][0])
    assert {"ok", "warn"} >= {check["level"] for check in document["checks"]}


@pytest.mark.timeout(120)
def test_what_fails_has_a_remedy_and_exit_code_1(home: Home) -> None:
    home.library.rmdir()
    home.library.write_text("no folder")
    home.inbox.rmdir()
    home.more_environment["VSORTD_FFMPEG"] = "/no/such/ffmpeg"
    home.more_environment["NO_COLOR"] = "1"
    document = home.json("doctor", "--quick", code=1)
    checks = {check["name"]: check for check in document["checks"]}
    assert "fail" == checks["ffmpeg"]["level"]
    assert "fail" == checks[f"library {home.library}"]["level"]
    assert ("warn", f"mkdir -p {home.inbox}") == (
        checks[f"inbox {home.inbox}"]["level"],
        checks[f"inbox {home.inbox}"]["remedy"],
    )
    assert all(check["remedy"] for check in document["checks"] if check["level"] != "ok")


def test_no_config_hides_nothing_else(tmp_path: Path) -> None:
    found = by_name(examine(tmp_path / "none.yaml", quick=True))
    assert Severity.FAIL is found["config"].level
    assert "vsortd config init" in found["config"].remedy
    assert {"python", "ffmpeg", "clock", "state folder"} <= set(found)


# The machine


def test_an_ffmpeg_that_is_too_old_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "ffmpeg"
    old.write_text("#!/bin/sh\necho ffmpeg version 4.2.7 Copyright\n")
    old.chmod(0o755)
    monkeypatch.setenv("VSORTD_FFMPEG", str(old))
    (finding,) = machine_checks.ffmpeg()
    assert Severity.FAIL is finding.level
    assert "4.2 is too old" in finding.found


def test_without_any_ffmpeg_it_warns_and_says_what_is_left_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.delenv("VSORTD_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = machine_checks.ffmpeg()
    assert Severity.WARN is finding.level
    assert "pip install 'vsortd[ffmpeg]'" in finding.remedy
    assert ("Videos are filed without it as they are: none is converted, cut or joined.",) == finding.details


def test_an_ffmpeg_without_encoders_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "ffmpeg"
    small.write_text("#!/bin/sh\necho ffmpeg version 6.1 Copyright\n")
    small.chmod(0o755)
    monkeypatch.setenv("VSORTD_FFMPEG", str(small))
    found = by_name(machine_checks.ffmpeg())
    assert found["ffmpeg"].found.startswith("6.1")
    assert Severity.WARN is found["ffmpeg encoders"].level


@pytest.mark.parametrize(
    ("said", "driver", "level", "words"),
    [
        ("cpu\tcpu\t13.0\t", "", Severity.OK, "no GPU: the CPU is used"),
        ("cuda\tNVIDIA H100\t13.0\t", "580.1", Severity.OK, "NVIDIA H100 (CUDA 13.0, driver 580.1)"),
        ("cpu\tcpu\t13.0\tThe NVIDIA driver is too old", "450.0", Severity.WARN, "too old"),
        ("cpu\tcpu\t\t", "580.1", Severity.WARN, "a build for CPUs"),
        (None, "", Severity.FAIL, "can't be loaded"),
    ],
)
def test_what_computes(
    monkeypatch: pytest.MonkeyPatch, said: str | None, driver: str, level: Severity, words: str
) -> None:
    def ask(command: list[str]) -> str | None:
        return said if command[0] == sys.executable else driver or None

    monkeypatch.setattr(machine_checks, "_ask", ask)
    monkeypatch.setattr(machine_checks, "_NVIDIA_VERSION", Path("/no/such"))
    (finding,) = machine_checks.device()
    assert (level, True) == (finding.level, words in finding.found), finding


def test_a_clock_without_its_battery_fails() -> None:
    assert Severity.FAIL is machine_checks.clock(86_400.0).level
    assert "timedatectl" in machine_checks.clock(86_400.0).remedy
    assert Severity.OK is machine_checks.clock().level


def test_few_inotify_watches_are_a_warning_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "max_user_watches").write_text("100\n")
    (tmp_path / "max_user_instances").write_text("128\n")
    found = by_name(machine_checks.limits(tmp_path))
    assert Severity.WARN is found["file events"].level
    assert "sysctl fs.inotify.max_user_watches=" in found["file events"].remedy


def test_a_system_without_inotify_is_well(tmp_path: Path) -> None:
    found = by_name(machine_checks.limits(tmp_path / "none"))
    assert Severity.OK is found["file events"].level
    assert "inotify instances" not in found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux'")
def test_inotify_instances_that_are_all_taken_are_noticed() -> None:
    code = (
        "import ctypes, pathlib\nfrom vsortd.doctor import machine_checks as machine\n"
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "libc = ctypes.CDLL(None)\n"
        "while libc.inotify_init1(0) >= 0: pass\n"
        "print(machine._instances(128))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert "Severity.WARN" in done.stdout


# The folders


def test_rights_are_found_out_by_writing(tmp_path: Path) -> None:
    assert "" == folder_checks.write_and_remove(tmp_path)
    assert [] == list(tmp_path.iterdir())
    assert "" != folder_checks.write_and_remove(Path("/proc"))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a folder that even root can't write")
def test_a_folder_that_can_not_be_written_fails(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, inbox="path: /proc/self/task")
    found = by_name(folder_checks.inboxes(settings))
    finding = found["inbox /proc/self/task"]
    assert Severity.FAIL is finding.level
    assert "can't be written" in finding.found
    assert "findmnt" in finding.remedy


def test_a_network_inbox_is_polled_and_events_on_it_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Inbox").mkdir()
    monkeypatch.setattr(folder_checks, "network_type", lambda _: "nfs4")
    monkeypatch.setattr(folder_checks, "filesystem_type", lambda _: "nfs4")
    name = f"inbox {tmp_path / 'Inbox'}"
    auto = by_name(folder_checks.inboxes(settings_of(tmp_path)))[name]
    assert (Severity.OK, True) == (auto.level, "looked through every 10s" in auto.found)
    events = by_name(folder_checks.inboxes(settings_of(tmp_path, inbox=f"path: {tmp_path / 'Inbox'}, watch: events")))[
        name
    ]
    assert (Severity.WARN, True) == (events.level, "vsortd edit" in events.remedy)


def test_the_filesystems_type_is_told(tmp_path: Path) -> None:
    (tmp_path / "Inbox").mkdir()
    finding = by_name(folder_checks.inboxes(settings_of(tmp_path)))[f"inbox {tmp_path / 'Inbox'}"]
    told = subprocess.run(["df", "--output=fstype", tmp_path], capture_output=True, text=True, check=True, timeout=10)
    assert f"; {told.stdout.split()[-1]}, watched by events" in finding.found


def test_too_many_folders_for_the_limit_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        (tmp_path / "Inbox" / str(number)).mkdir(parents=True)
    limit = tmp_path / "limit"
    limit.write_text("40")
    monkeypatch.setattr(folder_checks, "_WATCHES", limit)
    finding = by_name(folder_checks.inboxes(settings_of(tmp_path)))["folders to watch"]
    assert (Severity.WARN, "31 of the 40 that the limit allows") == (finding.level, finding.found)


def test_little_and_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_200_000_000})
    monkeypatch.setattr(folder_checks.shutil, "disk_usage", lambda _: usage)
    assert "1.2 GB" in folder_checks._space("x", tmp_path, 5 * 10**9).found
    assert Severity.WARN is folder_checks._space("x", tmp_path, 5 * 10**9).level
    usage.free = 1000
    assert Severity.FAIL is folder_checks._space("x", tmp_path, 5 * 10**9).level


def test_a_share_whose_clock_differs_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(folder_checks.time, "time", lambda: now - 3600)
    finding = folder_checks._skew(tmp_path)
    assert (Severity.WARN, "files are dated 60 min late") == (finding.level, finding.found)
    assert [] == list(tmp_path.iterdir())


def test_a_state_folder_that_others_may_write_fails(own_state: Path) -> None:
    own_state.chmod(0o777)
    found = by_name(folder_checks.state())
    assert Severity.FAIL is found["state folder"].level
    assert f"chmod 700 {own_state}" in found["state folder"].remedy


def test_a_journal_that_can_not_be_read_fails(own_state: Path) -> None:
    (own_state / "journal.sqlite3").write_bytes(b"this is no database" * 100)
    found = by_name(folder_checks.state())
    assert Severity.FAIL is found["journal"].level


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_running_daemons_word_on_an_inbox_counts(home: Home) -> None:
    home.start()
    try:
        home.inbox.rmdir()
        home.wait(lambda: home.look("status")["inboxes"][0]["health"] == "missing", what="it is missed")
        document = home.json("doctor", "--quick")
        names = {check["name"]: check for check in document["checks"]}
        assert names[f"inbox {home.inbox}: health"]["found"].startswith("missing: ")
        home.run("status", "--check", code=1)
        home.inbox.mkdir()
        home.wait(lambda: home.look("status")["inboxes"][0]["health"] == "ok", what="it is back")
        home.run("status", "--check", code=0)
    finally:
        home.stop()
    home.run("status", "--check", code=1)


# The model


def test_weights_that_are_not_here_fail_with_the_command_and_no_network_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    settings = settings_of(tmp_path, model="model: {name: ViT-B-32-256, weights: datacomp_s34b_b86k}")
    found = list(model_checks.weights(settings))
    assert [Severity.FAIL] == [finding.level for finding in found]
    assert "vsortd model fetch ViT-B-32-256 datacomp_s34b_b86k   (a download, about 604 MB" in found[0].remedy
    assert [] == list(model_checks.loads(settings))


def test_weights_in_the_cache_are_found_with_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "models--laion--CLIP-ViT-B-32-256x256-DataComp-s34B-b86K" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    (folder / "open_clip_model.safetensors").write_bytes(b"x" * 2500)
    settings = settings_of(tmp_path, model="model: {name: ViT-B-32-256, weights: datacomp_s34b_b86k}")
    (finding,) = model_checks.weights(settings)
    assert (Severity.OK, True) == (finding.level, "2.5 KB in" in finding.found)


def test_a_weights_file_that_is_gone_fails(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, model="model: {name: ViT-B-32, weights: /no/such/file.safetensors}")
    (finding,) = model_checks.weights(settings)
    assert (Severity.FAIL, True) == (finding.level, "vsortd edit" in finding.remedy)


# Sorting a clip


def test_a_trial_that_fails_says_how_to_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_sort", lambda _: "the clip is not in Sorted/forest (review: unsure)")
    finding = trial.sorting()
    assert (Severity.FAIL, True) == (finding.level, "vsortd demo --keep" in finding.remedy)


def test_a_clip_that_the_installation_lacks_is_a_finding_not_a_crash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("vsortd.doctor.demo_clips.FOLDER", tmp_path)
    found = trial.sorting()
    assert (Severity.FAIL, f"The installation lacks {tmp_path / 'walk in the woods.mp4'}.") == (
        found.level,
        found.found,
    )


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (2500, "2.5 KB"), (10**6, "1 MB"), (999_600, "1 MB"),
     (123_456_789_012, "123 GB"), (5 * 10**15, "5000 TB")],
)  # fmt: skip
def test_sizes_for_people(size_bytes: int, text: str) -> None:
    assert text == about_size(size_bytes)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.04, "40 ms"), (3, "3 s"), (90, "90 s"), (3600, "60 min"), (9000, "2.5 h"), (216_000, "2.5 days")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert text == about_duration(seconds)


@pytest.mark.long
def test_json_of_doctor_is_pure_though_the_config_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "--config", "/no/such.yaml", "doctor", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(os.environ),
    )
    assert 1 == done.returncode
    assert not json.loads(done.stdout)["ok"]


def test_a_check_that_fails_itself_is_a_finding_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd() -> Iterable[Finding]:
        yield Finding("first of them", Severity.OK, "fine")
        raise OverflowError("timestamp out of range")

    monkeypatch.setattr(machine_checks, "limits", odd)
    found = by_name(examine(tmp_path / "none.yaml", quick=True))
    assert Severity.OK is found["first of them"].level
    assert Severity.FAIL is found["limits"].level
    assert "OverflowError: timestamp out of range" in found["limits"].found
    assert "config" in found

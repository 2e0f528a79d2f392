"""The log: one line a video with its id, kept small, without secrets; `vsortd logs` with and without a daemon."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from tests.support.harness import Home
from tests.support.shots import Shot, render_shot
from vsortd.config.load import load_settings
from vsortd.core.logs import sinks
from vsortd.core.logs.file import LogFile, old_logs
from vsortd.core.logs.reader import Choice, LogFollower, newest, parse
from vsortd.core.logs.redaction import Redactor, secret_words
from vsortd.errors import StoreError
from vsortd.service.daemon_log import daemon_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.settings import Settings


@pytest.fixture
def said() -> list[str]:
    """Return what the log file had to say about itself."""
    return []


def log_file(folder: Path, said: list[str], *, size_bytes: int = 1000, keep: int = 3) -> LogFile:
    return LogFile(folder / "logs" / "vsortd.log", size_bytes=size_bytes, keep=keep, say=said.append)


# The file


def test_the_file_and_its_folder_are_its_owners_alone(tmp_path: Path, said: list[str]) -> None:
    file = log_file(tmp_path, said)
    file.write("one")
    file.close()
    assert 0o600 == stat.S_IMODE(file.path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(file.path.parent.stat().st_mode)
    assert "one\n" == file.path.read_text()


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_full_file_is_put_aside_and_only_so_many_are_kept(tmp_path: Path, said: list[str], keep: int) -> None:
    file = log_file(tmp_path, said, keep=keep)
    for number in range(200):
        file.write(f"line {number:>4} " + "x" * 90)
    file.close()
    assert keep == len(old_logs(file.path))
    every = [*reversed(old_logs(file.path)), file.path]
    lines = [line for path in every for line in path.read_text().splitlines()]
    numbers = [int(line.split()[1]) for line in lines]
    assert list(range(numbers[0], 200)) == numbers, "a line is missing, torn or out of its order"
    assert all(path.stat().st_size <= 1000 for path in every)
    assert [] == said


def test_a_file_that_can_not_be_written_is_said_once_and_again_when_it_can(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "logs").write_text("in the way")
    file = log_file(tmp_path, said)
    for _ in range(5):
        file.write("lost")
    assert 1 == len(said)
    assert "can't be written" in said[0]
    (tmp_path / "logs").unlink()
    file.write("kept")
    file.close()
    assert 2 == len(said)
    assert "kept\n" == file.path.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only where there is a device that is always full")
def test_a_full_disk_is_said_once(said: list[str]) -> None:
    file = LogFile(Path("/dev/full"), size_bytes=1000, keep=1, say=said.append)
    for _ in range(3):
        file.write("lost")
    file.close()
    assert 1 == len(said)
    assert "No space left" in said[0]


def test_a_file_that_somebody_moved_away_or_removed_is_begun_anew(tmp_path: Path, said: list[str]) -> None:
    file = log_file(tmp_path, said)
    file.write("one")
    file.path.rename(tmp_path / "elsewhere")
    file.write("two")
    file.path.unlink()
    file.write("three")
    file.close()
    assert "three\n" == file.path.read_text()
    assert "one\n" == (tmp_path / "elsewhere").read_text()


# What is said


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = Home.make(tmp_path / "home", more="log: {paths: relative, max_size: 100kB, keep: 2}\n")
    return load_settings(home.config)


@pytest.fixture
def logging(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Log into a file as the daemon does."""
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    sinks.set_up_logging(quiet=True)
    sinks._Logging.level = "DEBUG"
    with daemon_log(settings, tmp_path / "state"):
        yield
    logger.remove()


def written(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "state" / "logs" / "vsortd.log").read_text().splitlines()]


@pytest.mark.usefixtures("logging")
def test_a_line_is_json_with_its_time_level_job_and_fields(tmp_path: Path) -> None:
    with sinks.about_job("k3f9xa"):
        logger.bind(video=7, score=0.123456, margin=float("inf"), path="/x/a\nb.mp4").warning("two\nlines")
    (line,) = written(tmp_path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("time")))
    assert {
        "level": "warning",
        "message": r"two\nlines",
        "job": "k3f9xa",
        "video": 7,
        "score": 0.1235,
        "margin": None,
        "path": r"/x/a\nb.mp4",
    } == line


@pytest.mark.usefixtures("logging")
def test_paths_are_relative_on_wish_in_messages_and_fields(tmp_path: Path, settings: Settings) -> None:
    video = settings.inboxes[0].path / "trip" / "a.mp4"
    logger.bind(path=str(video)).info("{} → {}", video, settings.library / "sea" / "a.mp4")
    (line,) = written(tmp_path)
    assert "Inbox/trip/a.mp4 → Sorted/sea/a.mp4" == line["message"]
    assert "Inbox/trip/a.mp4" == line["path"]
    assert str(tmp_path) not in json.dumps(line)


@pytest.mark.usefixtures("logging")
def test_no_secret_is_written_not_even_in_a_traceback(tmp_path: Path) -> None:
    try:
        raise ValueError("GET https://ann:pa55word@hub/x with hf_verysecret refused")  # noqa: TRY301
    except ValueError:
        logger.exception("hf_verysecret; Authorization: Bearer abcdefgh12345678")
    text = (tmp_path / "state" / "logs" / "vsortd.log").read_text()
    assert "ValueError" in text
    for secret in ("hf_verysecret", "pa55word", "abcdefgh12345678"):
        assert secret not in text


def test_secrets_are_known_by_their_names() -> None:
    environment = {"HF_TOKEN": "0123456789", "MY_API_KEY": "abcdefgh", "HOME": "/srv/ann", "DB_PASSWORD": "x"}
    assert ("0123456789", "abcdefgh") == secret_words(environment)


def test_two_inboxes_of_one_name_stay_apart() -> None:
    roots = [Path("/srv/ann/phone/In"), Path("/srv/ann/camera/In"), Path("/srv/Sorted")]
    redactor = Redactor(relative=True, roots=roots)
    assert "phone/In/a.mp4 camera/In/a.mp4 Sorted" == redactor.apply(
        "/srv/ann/phone/In/a.mp4 /srv/ann/camera/In/a.mp4 /srv/Sorted"
    )


def test_a_folder_whose_name_only_begins_like_a_root_is_another_one() -> None:
    redactor = Redactor(relative=True, roots=[Path("/srv/In"), Path("/srv/Sorted")])
    for text in ("/srv/In2/a.mp4", "/srv/Sorted.old/a.mp4", "/srv/In-box"):
        assert text == redactor.apply(text)
    assert "In/a.mp4, Sorted." == redactor.apply("/srv/In/a.mp4, /srv/Sorted.")


def test_an_id_of_a_job_is_never_taken_for_a_number() -> None:
    ids = {sinks.new_job_id() for _ in range(1000)}
    assert 990 < len(ids)
    assert not any(one.isdigit() for one in ids)


# Showing it


def put(path: Path, *lines: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def line(message: str, minute: int = 0, **fields: object) -> dict[str, object]:
    return {"time": f"2026-11-25T10:{minute:02}:00.000Z", "level": "info", "message": message, **fields}


def messages(path: Path, choice: Choice, last: int | None = None) -> list[object]:
    return [one.fields["message"] for one in newest(path, choice, last)]


def test_the_newest_lines_go_over_old_files_too(tmp_path: Path) -> None:
    path = tmp_path / "vsortd.log"
    put(tmp_path / "vsortd.log.2", line("a"), line("b"))
    put(tmp_path / "vsortd.log.1", line("c"))
    put(path, line("d"), line("e"))
    assert ["c", "d", "e"] == messages(path, Choice(), 3)
    assert list("abcde") == messages(path, Choice())


def test_one_videos_lines_are_found_by_its_number_from_the_first_stage_on(tmp_path: Path) -> None:
    path = tmp_path / "vsortd.log"
    put(path, line("other", job="zzzzzz"), line("probe done", job="k3f9xa"), line("#7 filed", job="k3f9xa", video=7))
    assert ["probe done", "#7 filed"] == messages(path, Choice(id="7"))
    assert ["probe done", "#7 filed"] == messages(path, Choice(id="k3f9xa"))
    assert [] == messages(path, Choice(id="77"))


def test_since_and_level_choose(tmp_path: Path) -> None:
    path = tmp_path / "vsortd.log"
    put(path, line("old", 1), line("new", 30), {**line("bad", 31), "level": "error"})
    since_s = parse(json.dumps(line("", 15))).time_s  # type: ignore[union-attr]
    assert ["new", "bad"] == messages(path, Choice(since_s=since_s))
    assert ["bad"] == messages(path, Choice(level="warning"))


def test_what_a_power_cut_tore_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "vsortd.log"
    put(path, line("a"))
    with path.open("ab") as file:
        file.write(b'{"time": "2026\n\x00\x00\xff\n[1]\n')
    put(path, line("b"))
    assert ["a", "b"] == messages(path, Choice())


def test_following_goes_across_rotations_and_a_new_start(tmp_path: Path) -> None:
    said: list[str] = []
    file = LogFile(tmp_path / "vsortd.log", size_bytes=2000, keep=50, say=said.append)
    file.write(json.dumps(line("before")))
    got: list[object] = []
    end = threading.Event()

    def follow() -> None:
        with LogFollower(file.path) as follower:
            ready.set()
            got.extend(one.fields["message"] for one in follower.lines(end.is_set))

    ready = threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    ready.wait(5)
    for number in range(300):  # some 20 files
        file.write(json.dumps(line(f"line {number}", pad="x" * 40)))
        if number % 100 == 50:
            file.close()  # the daemon was started again
            time.sleep(0.3)
    deadline = time.monotonic() + 10
    while len(got) < 300 and time.monotonic() < deadline:
        time.sleep(0.05)
    end.set()
    thread.join(5)
    file.close()
    assert [f"line {number}" for number in range(300)] == got
    assert len(old_logs(file.path)) > 5


# The command, and the real daemon


def vsortd(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert code == done.returncode, done.stderr
    return done


def test_without_a_log_it_says_what_to_type() -> None:
    done = vsortd("logs")
    assert "" == done.stdout
    assert "vsortd run" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_level_that_is_none_is_wrong_use() -> None:
    assert "debug, info" in vsortd("logs", "--level", "loud", code=2).stderr


def test_the_command_shows_lines_for_people_and_as_they_are(own_state: Path) -> None:
    path = own_state / "logs" / "vsortd.log"
    hostile = "\x1b[2Jwiped"
    put(
        path,
        line("#7 filed: [bold]a.mp4[/]", job="k3f9xa", video=7),
        line(hostile),
        {**line("late", 2), "traceback": "T\nU"},
    )
    shown = vsortd("logs").stdout
    assert "info     k3f9xa #7 filed: [bold]a.mp4[/]" in shown
    assert "\x1b" not in shown
    assert "    U" in shown
    raw = vsortd("logs", "--json", "--last", "1").stdout
    assert "late" == json.loads(raw)["message"]
    assert "#7 filed" in vsortd("logs", "--id", "#7").stdout
    assert "vsortd history" in vsortd("logs", "--id", "8").stderr


def test_a_log_that_can_not_be_read_is_an_error_with_a_remedy(own_state: Path) -> None:
    (own_state / "logs" / "vsortd.log").mkdir(parents=True)
    done = vsortd("logs", code=int(StoreError.exit_code))
    assert "can't be read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
@pytest.mark.timeout(120)
def test_the_daemons_log_has_a_line_a_video_without_secrets_and_relative(tmp_path: Path) -> None:
    home = Home.make(tmp_path / "ann", more="log: {paths: relative}\n")
    home.more_environment = {
        "HF_TOKEN": "hf_verysecret12345",
        "AWS_SECRET_ACCESS_KEY": "anothersecret",
        "MARK": "envmark",
    }
    render_shot(Shot("walk.mp4", "forest", "day"), home.inbox / "walk.mp4", seed=7001)
    (home.inbox / "broken.mp4").write_bytes(b"no video" * 100)
    done = home.run("--verbose", "run", "--once", "--json-log", code=3)
    text = (tmp_path / "ann" / "state" / "logs" / "vsortd.log").read_text()
    told = [json.loads(one) for one in text.splitlines()]
    assert all({"time", "level", "message"} <= set(one) for one in told)
    ends = {one["video"]: one for one in told if "video" in one}
    items = {item["id"]: item for item in home.items()}
    assert set(items) == set(ends), "not one line for each video"
    (filed,) = [one for one in ends.values() if one["state"] == "filed"]
    (failed,) = [one for one in ends.values() if one["state"] == "failed"]
    assert "nature/forest" == filed["rule"]
    assert {"path", "destination", "score", "reason", "timings_ms", "job"} <= set(filed)
    assert failed["reason"] == items[failed["video"]]["reason"]
    stages = [one["message"] for one in told if one.get("job") == filed["job"]]
    assert [
        f"walk.mp4: {stage} done" for stage in ("probe", "admit", "measure", "judge", "convert", "place")
    ] == stages[:6]
    for hidden in ("hf_verysecret12345", "anothersecret", "envmark", str(tmp_path)):
        assert hidden not in text
        assert hidden not in done.stderr
    on_stderr = [json.loads(one) for one in done.stderr.splitlines()]
    assert [one["message"] for one in told] == [one["message"] for one in on_stderr]
    shown = home.run("logs", "--id", str(filed["video"])).stdout.splitlines()
    assert len(stages) == len(shown)


@pytest.mark.timeout(120)
def test_a_log_folder_that_can_not_be_written_does_not_stop_the_daemon(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "logs").write_text("in the way")
    (home.inbox / "broken.mp4").write_bytes(b"no video" * 100)
    done = home.run("run", "--once", code=1)
    assert 1 == done.stderr.count("The log file")
    assert 1 == len(home.items())


@pytest.mark.long
@pytest.mark.timeout(120)
def test_logs_follows_a_daemon_that_is_started_again(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    follower = subprocess.Popen(
        [sys.executable, "-m", "vsortd", "logs", "-f", "--json"],
        env={**home.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    seen: list[str] = []
    assert follower.stdout is not None
    reader = threading.Thread(target=lambda: seen.extend(follower.stdout or ()))
    reader.start()
    try:
        for name in ("one.mp4", "two.mp4"):
            (home.inbox / name).write_bytes(os.urandom(2000))
            home.run("run", "--once", code=None)
        deadline = time.monotonic() + 20
        while len([one for one in seen if '"video"' in one]) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        follower.terminate()
        follower.wait(10)
        reader.join(10)
        follower.stdout.close()
    assert ["one.mp4", "two.mp4"] == [Path(json.loads(one)["path"]).name for one in seen if '"video"' in one]

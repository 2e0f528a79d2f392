"""Tab in real shells on names that a stranger chose: nothing of them runs, and what is put in is the name itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Home
from tests.support.shell_terminal import Terminal, environment_with, script
from tests.support.waiting import PATIENCE_S, until
from vsortd.cli.completion_answer import bash_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = [pytest.mark.timeout(300), pytest.mark.skipif(sys.platform == "win32", reason="shells in a terminal")]

SHELLS = ("bash", "zsh", "fish")
RUNS = "touch pwned"
# What a rule may be called; each would be something else to a shell, were it not quoted. None has / or \, which no
# folder's name can have.
NAMES = (
    f"holiday$({RUNS}).mp4", f"holiday`{RUNS}`", f"$({RUNS})", f"a;{RUNS};", f"a|{RUNS}", f"a&{RUNS}&", "a>pwned",
    "it's", "its'", 'say "hi"', f"it's \"$({RUNS})\"", "two  spaces and one", "a:b:c", "~", "~root", "=ls", "#no", "!!",
    "a!b",
    "*", "?[a-z]*", "{a,b}", "(x)", "%F{red}x%f", f"${{(e):-$({RUNS})}}", "$HOME", "[b] [red]x", "a=b", "like=this",
    "^a^b", "été ☃ 日本", "a+b@c,d%",
)  # fmt: skip
# What an inbox's path may hold besides.
PATH_NAMES = (r"back\slash", rf"h\$({RUNS})", r"\\", "a'b\\'c", '"\\"', r"\x1b[31m", r"c:\new", "[/b] [red]x")


def some(names: Sequence[str], shell: str) -> list[str]:
    """Return every ninth name, others for each shell; with `VSORTD_TEST_STEP=1` all of them."""
    return list(names if os.environ.get("VSORTD_TEST_STEP") == "1" else names[SHELLS.index(shell) :: len(SHELLS) ** 2])


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Return a shell that is here."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here: apt install {name}")
    return name


def config(folder: Path, rules: list[str], inbox: str = "inbox") -> str:
    """Return a config with these rules, as JSON, which YAML is."""
    return json.dumps(
        {
            "version": 2,
            "inboxes": [{"path": str(folder / inbox)}],
            "library": str(folder / "out"),
            "rules": [{"name": name, "prompts": [f"{name} | $({RUNS}) `{RUNS}`"[:100]]} for name in rules],
        }
    )


class Typist:
    """Types lines with Tab into a shell, and reads with which arguments the command was run then."""

    def __init__(self, shell: str, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "record"
        self.environment = environment_with(folder, config(folder, ["forest"]))
        self.environment["VSORTD_RECORD"] = str(self.record)
        self.terminal = Terminal(shell, {**self.environment, "VSORTD_RECORD": ""}, folder, first=self._recording(shell))

    def _recording(self, shell: str) -> str:
        word = "set -gx VSORTD_RECORD " if shell == "fish" else "export VSORTD_RECORD="
        return f"{word}{self.record}; "

    def run(self, line: str) -> list[str]:
        """Type a line that holds a Tab and Enter; returns the arguments that the command got."""
        self.record.unlink(missing_ok=True)
        self.terminal.type(f"{line}\n")
        deadline = time.monotonic() + PATIENCE_S
        while not self.record.exists():
            assert time.monotonic() < deadline, f"{line!r} did not run: {self.terminal.shown!r}"
            self.terminal.look(0.05)
        self.terminal.wait_for("READY ")
        return self.record.read_text(encoding="utf-8").split("\0")[:-1]

    def use(self, text: str) -> None:
        """Write another config."""
        (self.folder / "vsortd.yaml").write_text(text, encoding="utf-8")


@pytest.mark.long
def test_a_rule_is_put_in_as_it_is_called(shell: str, tmp_path: Path) -> None:
    """Whatever a rule is called: the command that is run after Tab gets that very name, and nothing else runs."""
    typist = Typist(shell, tmp_path)
    got = {}
    names = NAMES if shell == "zsh" else some(NAMES, shell)
    names = [
        name for name in names if shell != "fish" or not name.startswith("~")
    ]  # fish expands what it puts in there
    with typist.terminal:
        for name in names:
            typist.use(config(tmp_path, [name]))
            got[name] = typist.run("vsortd teach a.mp4 \t")
    assert {name: ["teach", "a.mp4", name] for name in names} == got
    assert not list(tmp_path.glob("pwned*"))


@pytest.mark.few(1)
def test_a_path_is_put_in_as_it_is(shell: str, tmp_path: Path) -> None:
    """Backslashes and quotes of both sorts, too, which a path may hold."""
    typist = Typist(shell, tmp_path)
    got = {}
    names = [*some(NAMES, shell), *PATH_NAMES]
    with typist.terminal:
        for name in names:
            typist.use(config(tmp_path, ["forest"], name))
            got[name] = typist.run("vsortd pause --inbox \t")
    assert {name: ["pause", "--inbox", str(tmp_path / name)] for name in names} == got
    assert not list(tmp_path.glob("pwned*"))


@pytest.mark.few(1)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_within_quotes_that_were_begun(shell: str, quote: str, tmp_path: Path) -> None:
    """A name that is begun with a quote goes on within it."""
    typist = Typist(shell, tmp_path)
    got = {}
    names = [f"x{name}" for name in some(NAMES[:20], shell)]
    with typist.terminal:
        for name in names:
            typist.use(config(tmp_path, [name]))
            got[name] = typist.run(f"vsortd teach a.mp4 {quote}x\t")
    assert {name: ["teach", "a.mp4", name] for name in names} == got
    assert not list(tmp_path.glob("pwned*"))


@pytest.mark.few(1)
def test_a_name_is_finished_behind_what_stands_there(shell: str, tmp_path: Path) -> None:
    """Behind a colon, where bash begins a word of its own, behind an escaped blank, and behind an option's sign."""
    typist = Typist(shell, tmp_path)
    with typist.terminal:
        typist.use(config(tmp_path, ["a:b:c $x", "Slow motion `x`"]))
        assert ["teach", "a", "a:b:c $x"] == typist.run("vsortd teach a a:b:\t")
        assert ["teach", "a", "Slow motion `x`"] == typist.run("vsortd teach a Slow\\ m\t")
        assert ["search", "wood", "--rule=Slow motion `x`"] == typist.run("vsortd search wood --rule=Sl\t")
        assert ["logs", "--level=warning"] == typist.run("vsortd logs --level=w\t")
    assert not list(tmp_path.glob("pwned*"))


def test_a_folder_of_a_rules_name_beside_it_adds_nothing(shell: str, tmp_path: Path) -> None:
    typist = Typist(shell, tmp_path)
    (tmp_path / "Slow motion").mkdir()
    typist.use(config(tmp_path, ["Slow motion"]))
    with typist.terminal:
        assert ["teach", "a", "Slow motion"] == typist.run("vsortd teach a S\t")


@pytest.mark.parametrize("name", ["-rf", "~root", "a\u202eb", "a\u2066b", "\ufeffa"])
def test_a_name_that_would_be_another_when_run_is_not_offered(name: str, tmp_path: Path) -> None:
    """One that begins like an option, and one that hides what it is (a config takes them no more)."""
    environment = environment_with(tmp_path, config(tmp_path, ["forest", name]))
    asked = {**environment, "_VSORTD_COMPLETE": "fish", "_VSORTD_COMPLETE_WORDS": "teach\x1fa.mp4\x1f"}
    done = subprocess.run(["vsortd"], env=asked, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert name not in offered
    if name == "-rf":
        assert ["forest"] == offered
        asked["_VSORTD_COMPLETE_WORDS"] = "teach\x1fa.mp4\x1f--\x1f-"
        done = subprocess.run(["vsortd"], env=asked, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
        assert "-rf" in done.stdout


EVIL = (
    f"holiday\\$({RUNS}).mp4", f"it's `{RUNS}`.mp4", f'"$({RUNS}).mp4', "[b][red]x.mp4",
    "\x1b]0;pwned\x07\x1b[31mR.mp4",
    "a\nb\tc\rd.mp4", "a:b\\:c\\\\.mp4", "%F{red}%n${(e):-x}.mp4", "\u202egpj\u2066.mp4", "\x9b31m.mp4",
)  # fmt: skip


def remember(folder: Path, names: tuple[str, ...]) -> None:
    """Have the journal of a folder's state hold failed videos of these names."""
    home = Home.make(folder / "home", rules="rules: [{name: forest}]\n")
    for name in names:
        (home.inbox / name).write_bytes(b"no video")
    home.run("sort", home.inbox, code=None)
    assert len(names) == len(home.items())
    shutil.copytree(home.folder / "state", folder / "state")


@pytest.mark.few(1)
def test_a_files_name_in_a_description_does_not_run(shell: str, tmp_path: Path) -> None:
    """What typer's script for zsh ran at Tab: a backslash ended the escape of the dollar."""
    remember(tmp_path, EVIL[:1])
    typist = Typist(shell, tmp_path)
    with typist.terminal:
        assert ["retry", "1"] == typist.run("vsortd retry \t")
    assert not list(tmp_path.glob("pwned*"))


@pytest.mark.few(1)
def test_files_names_in_descriptions_steer_nothing(shell: str, tmp_path: Path) -> None:
    """The journal's ids are offered with the names of their files, which strangers made; all of it is made visible."""
    remember(tmp_path, EVIL)
    typist = Typist(shell, tmp_path)
    with typist.terminal as terminal:
        terminal.type("vsortd retry \t\t" if shell == "bash" else "vsortd retry \t")
        marks: tuple[bytes, ...] = (
            (b"10",) if shell == "bash" else (rb"\x1b]0;", b"31m.mp4", b"pwned).mp4")
        )  # bash shows no descriptions
        until(lambda: terminal.look(0.1) or all(mark in terminal.shown for mark in marks), what="all is listed")
        shown = terminal.shown
    assert not list(tmp_path.glob("pwned*"))
    assert b"pwned\x07" not in shown
    assert b"\x1b[31mR" not in shown
    assert b"\xc2\x9b" not in shown
    assert "\u202e".encode() not in shown


@pytest.mark.parametrize(
    "instruction", ["complete_zsh", "complete_bash", "complete_fish", "complete_powershell", "x", ""]
)
def test_a_script_of_another_making_gets_nothing_to_evaluate(instruction: str, tmp_path: Path) -> None:
    """Those that typer made, and that may lie about yet: zsh's evaluated the answer."""
    environment = environment_with(tmp_path, config(tmp_path, [f"$({RUNS})"]))
    asked = {**environment, "_VSORTD_COMPLETE": instruction, "_TYPER_COMPLETE_ARGS": "vsortd teach a.mp4 "}
    asked |= {"COMP_WORDS": "vsortd\nteach\na.mp4\n", "COMP_CWORD": "3", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(["vsortd"], env=asked, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert ("", "") == (done.stdout, done.stderr)


def test_powershells_script_evaluates_nothing(tmp_path: Path) -> None:
    """What PowerShell would run is not in it; a value that is more than a word is put into quotes by its own rules."""
    text = script(environment_with(tmp_path, config(tmp_path, ["forest"])), "powershell")
    assert not re.search(
        r"Invoke-|iex|\$\(|ExpandString|ScriptBlock\]|Set-PSReadLine|Import-Module", "\n".join(text.splitlines()[1:])
    )
    assert "EscapeSingleQuotedStringContent" in text
    assert "[System.Management.Automation.CompletionResult]::new(" in text
    for opening, closing in ("()", "{}", "[]"):
        assert text.count(opening) == text.count(closing)


def test_powershell_puts_in_the_name(tmp_path: Path) -> None:
    pwsh = shutil.which("pwsh")
    if pwsh is None:
        pytest.skip("no pwsh here: it comes from Microsoft, not from Debian")
    environment = environment_with(tmp_path, config(tmp_path, []))
    (tmp_path / "c.ps1").write_text(script(environment, "powershell"), encoding="utf-8")
    for name in NAMES:
        (tmp_path / "vsortd.yaml").write_text(config(tmp_path, [name]), encoding="utf-8")
        code = (
            f". '{tmp_path}/c.ps1'; $line = 'vsortd teach a.mp4 '; "
            "$found = TabExpansion2 $line $line.Length; $put = $found.CompletionMatches[0].CompletionText; "
            "$line + $put | Invoke-Expression"
        )
        record = tmp_path / "record"
        record.unlink(missing_ok=True)
        subprocess.run(
            [pwsh, "-NoProfile", "-Command", code],
            env={**environment, "VSORTD_RECORD": str(record)},
            check=True,
            timeout=PATIENCE_S,
        )
        assert ["teach", "a.mp4", name] == record.read_text(encoding="utf-8").split("\0")[:-1]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    "words", [["a"], ["a b", "it's"], ['"x"', "$(y)", ""], ["\\", "a\\b", "~"], ["é ☃", "'\"'"], ["", "", "x y"]]
)
def test_words_are_split_as_bash_splits_them(words: list[str]) -> None:
    quoted = subprocess.run(
        ["bash", "-c", "printf '%q ' \"$@\"", "x", *words], capture_output=True, text=True, check=True
    )
    assert ([*words, ""], "") == bash_words(quoted.stdout)

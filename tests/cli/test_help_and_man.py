"""`vsortd help`, and the manual pages that are made of the commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Annotated, Any

import click
import pytest

from tests.cli.test_quiet import every_command
from tests.support import harness
from tests.support.paths import REPOSITORY
from vsortd.cli.app import command as command_line
from vsortd.cli.command_tree import context_of
from vsortd.cli.front.commands import command_of
from vsortd.cli.front.declared import Option
from vsortd.cli.man_page import ENVIRONMENT, man_page, page_name
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

ROOT: Any = click.Context(command_line(), info_name="vsortd")
PAGES = REPOSITORY / "docs/man"
# What vsortd's processes tell one another, or a test them.
INTERNAL = {"VSORTD_MEDIA_PARENT", "VSORTD_MEDIA_TEST_OPS", "VSORTD_COMPLETE", "VSORTD_COMPLETE_WORDS"}

needs_mandoc = pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc here")
needs_groff = pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
needs_man = pytest.mark.skipif(shutil.which("man") is None, reason="no man here")


def groups() -> list[list[str]]:
    """Return the words of the root and of every group."""
    return [words for words in every_command() if getattr(context_of(ROOT, words).command, "commands", None)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    return harness.Here(harness.Home.make(tmp_path_factory.mktemp("help") / "home").folder)


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_help_prints_what_the_option_prints(words: list[str], home: harness.Here) -> None:
    assert home.run(*words, "--help").stdout == home.run("help", *words).stdout


def test_every_line_of_the_help_fits_a_terminal_of_80_columns(home: harness.Here) -> None:
    """Commands stand in sections, each with one line of at most 60 letters, so that none is folded."""
    too_long = []
    for words in every_command():
        lines: dict[str, str] = getattr(context_of(ROOT, words).command, "lines", {})
        too_long += [line for line in lines.values() if len(line) > 60]
    assert [] == too_long
    said = home.run("--help").stdout
    titles = re.findall(r"(?m)^. ?. ([A-Z][\w ]+?) [^\w ]", said)
    assert ["Daily use", "Look and learn", "Library", "Daemon", "Setup"] == titles[-5:]
    for name, line in ROOT.command.lines.items():
        assert re.search(rf"(?m)^. {name} +{re.escape(line)}", said), name


def test_every_help_tells_of_the_config_and_what_stands_for_a_value_in_capitals(home: harness.Here) -> None:
    for words in every_command():
        said = home.run(*words, "--help").stdout
        assert re.search(r"--config +PATH", said), words
        assert [] == re.findall(r"<(?:path|str|int|float|bool)(?:[ ,].*)?>", said), words


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("serch", "vsortd help search"),
        ("config inti", "vsortd help config init"),
        ("search more", "vsortd help search"),
        ("xyzzy", "vsortd help"),
    ],
)
def test_an_unknown_command_is_told_with_what_is_near(typed: str, proposed: str, home: harness.Here) -> None:
    done = home.run("help", *typed.split(), code=ExitCode.USAGE)
    assert repr(typed) in done.stderr
    assert done.stderr.rstrip().endswith(proposed)


def test_a_hostile_word_is_escaped(home: harness.Here) -> None:
    assert "\x1b" not in home.run("help", "\x1b[31mred", code=ExitCode.USAGE).stderr


def test_the_pages_in_the_tree_are_current(home: harness.Here) -> None:
    """`.ci/task man` writes them."""
    made = {f"{page_name(context_of(ROOT, words))}.1": home.run("help", "--man", *words).stdout for words in groups()}
    assert made == {path.name: path.read_text("ascii") for path in PAGES.iterdir()}


def test_the_pages_tell_of_every_command_and_option() -> None:
    pages = {words[0] if words else "": man_page(context_of(ROOT, words)) for words in groups()}
    for words in every_command():
        text = pages.get(words[0] if words else "", pages[""])
        assert rf"vsortd {' '.join(words)}".rstrip().replace("-", r"\-") in text, words
        for option in context_of(ROOT, words).command.params:
            for name in option.opts if option.name != "help" else ():
                if name.startswith("--"):
                    assert name.replace("-", r"\-") in text + pages[""], (words, name)
    for code in ExitCode:
        assert rf"\fB{int(code)}\fR" in pages[""]


def test_the_page_names_the_variables_that_are_read() -> None:
    read = {
        name
        for path in (REPOSITORY / "vsortd").rglob("*.py")
        for name in re.findall(r'environ(?:\.get\(|\[)"(VSORTD_[A-Z_]+)"', path.read_text("utf-8"))
    }
    assert {"VSORTD_CONFIG", "VSORTD_STATE_DIR", "VSORTD_FFMPEG"} <= read
    told = {name for names, _ in ENVIRONMENT for name in names.split(", ")}
    assert read - INTERNAL <= told


@needs_mandoc
@pytest.mark.parametrize("page", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_mandoc_has_nothing_to_warn_of(page: Path) -> None:
    """Without a date: that of the building would make each page another."""
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False)
    assert [] == [line for line in done.stdout.splitlines() if 'missing date, using ""' not in line]


@needs_groff
@pytest.mark.parametrize("page", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_groff_has_nothing_to_warn_of(page: Path) -> None:
    command = ["groff", "-man", "-ww", "-Tutf8", page]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "" == done.stderr
    assert "NAME" in _without_overstrikes(done.stdout)


@needs_man
def test_man_shows_a_page() -> None:
    command = ["man", "-l", PAGES / "vsortd-config.1"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"MANPAGER": "cat", "PATH": "/usr/bin:/bin"}
    )
    assert "vsortd config init --yes --out ~/vsortd.yaml" in done.stdout


HOSTILE = r""".TH EVIL 9

.so /etc/passwd

'br \fBbold\fR \n[x] \*(Tm \e \\ --dry-run it's "so" `code` ~ ^ Füße → 日本"""


def _without_overstrikes(text: str) -> str:
    return re.sub(".\b", "", text)


def _hostile_page() -> str:
    def hostile(name: Annotated[str, Option("--na-me", help=HOSTILE)] = ".x\\") -> None:
        raise NotImplementedError(name)

    hostile.__doc__ = HOSTILE
    return man_page(click.Context(command_of("hostile", hostile), info_name="evil.so"))


@needs_groff
def test_no_text_is_taken_for_a_request() -> None:
    """What is printed is what was written, in both places, down to the last backslash."""
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-c"]
    done = subprocess.run(command, input=_hostile_page(), capture_output=True, text=True, check=True)
    assert "" == done.stderr
    told = " ".join(_without_overstrikes(done.stdout).split())
    for line in HOSTILE.replace("`", "").split("\n\n"):
        assert 2 <= told.count(line), (line, told)
    assert "root:" not in told


@needs_mandoc
def test_mandoc_prints_the_same() -> None:
    done = subprocess.run(["mandoc", "-T", "utf8"], input=_hostile_page(), capture_output=True, text=True, check=False)
    told = " ".join(_without_overstrikes(done.stdout).split())
    assert r"\fBbold\fR \n[x] \*(Tm \e \\ --dry-run it's" in told


def test_the_wheel_brings_the_pages(tmp_path: Path) -> None:
    """Where man looks for them: beside the folder of the program."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        data = {name.split(".data/data/")[1] for name in archive.namelist() if ".data/data/" in name}
    found = {name for name in data if name.startswith("share/man/")}
    assert {f"share/man/man1/{path.name}" for path in PAGES.iterdir()} == found

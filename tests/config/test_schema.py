"""The schema of the config file and its examples: current, and each fits the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from vsortd.__main__ import main
from vsortd.config.load import load_settings
from vsortd.core.resources import resource_folder
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ["first.yaml", "deep-tree.yaml", "phone-portrait.yaml"]


def test_the_schema_in_the_package_is_the_one_that_the_models_make(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "schema"]) == ExitCode.OK
    printed = capsys.readouterr().out
    stored = (resource_folder("config") / "vsortd.schema.json").read_text(encoding="utf-8")
    assert json.loads(printed) == json.loads(stored), "run: vsortd config schema > config/vsortd.schema.json"
    assert printed == stored


def test_the_schema_has_recursive_rules_help_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == ExitCode.OK
    schema = json.loads(capsys.readouterr().out)
    rule = schema["$defs"]["RuleSettings"]
    assert (
        {"$ref": "#/$defs/RuleSettings"}
        == rule["properties"]["rules"]["items"]
        == schema["properties"]["rules"]["items"]
    )
    levels = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    assert len(levels) > 20
    facet = schema["$defs"]["Facet"]
    assert schema["properties"]["facets"]["additionalProperties"] == {"$ref": "#/$defs/Facet"}
    assert ["string", "array"] == [way["type"] for way in facet["additionalProperties"]["anyOf"]]
    for level in levels:
        assert (level["additionalProperties"] is False) is (level is not facet)
        for option in level["properties"].values():
            of_type = schema["$defs"].get(option.get("$ref", "").removeprefix("#/$defs/"), {})
            assert option.get("description") or of_type["description"]
        assert not any("null" in json.dumps(option) for option in level["properties"].values())
    inbox = schema["$defs"]["Inbox"]["properties"]
    assert (inbox["settle"]["default"], inbox["settle_max"]["default"]) == ("2s", "1h")
    assert schema["$defs"]["Convert"]["properties"]["keep_original"]["default"] == "auto"
    assert schema["$defs"]["Workers"]["properties"]["memory"]["default"] == "2GB"
    assert schema["required"] == ["inboxes", "library", "rules"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_fits_the_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((resource_folder("config") / "vsortd.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((resource_folder("config") / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(values)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_begins_with_the_editors_line(name: str) -> None:
    first = (resource_folder("config") / name).read_text(encoding="utf-8").partition("\n")[0]
    assert first == "# yaml-language-server: $schema=./vsortd.schema.json"


def test_the_first_example_names_every_option_but_those_of_rules() -> None:
    text = (resource_folder("config") / "first.yaml").read_text(encoding="utf-8")
    schema = json.loads((resource_folder("config") / "vsortd.schema.json").read_text(encoding="utf-8"))
    levels = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    options = {option for level in levels for option in level["properties"]}
    assert sorted(option for option in options if f"{option}:" not in text) == []


def test_every_option_that_the_first_example_comments_out_is_valid_with_its_default(tmp_path: Path) -> None:
    source = (resource_folder("config") / "first.yaml").read_text(encoding="utf-8")
    lines = []
    for line in source.splitlines():
        before, mark, after = line.partition("# ")
        lines.append(before + after if mark and before and not before.strip() else line)
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    first = load_settings(resource_folder("config") / "first.yaml")
    everything = load_settings(path)
    assert first.sampling == everything.sampling
    assert first.workers == everything.workers
    assert first.inboxes[0].model_copy(update={"ignore": ("*.tmp",)}) == everything.inboxes[0]


def test_the_phone_example_takes_portrait_only() -> None:
    settings = load_settings(resource_folder("config") / "phone-portrait.yaml")
    assert settings.accept.orientation == ("portrait",)

"""A config of any bytes: what is wrong is a mistake with a line of the file, and reading ends soon.

What is right in it can be shown, told apart, and made into rules. The list of categories, which people paste, is read
by a parser of its own; it gets the same bytes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.fuzz.driver import Target
from tests.support.harness import RULES
from vsortd.analysis.label_import import import_labels
from vsortd.config.category_file import InvalidCategoryFileError
from vsortd.config.check import check_file
from vsortd.config.diagnostics import InvalidConfigError
from vsortd.config.dump import fingerprint
from vsortd.config.rules import build_rules
from vsortd.config.settings import Settings
from vsortd.config.warnings import warnings_of
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BASE = "version: 2\ninboxes: [{path: /nowhere/in, settle: 2s}]\nlibrary: /nowhere/out\nmodel: sample\n"
_MORE = """\
model: {name: ViT-B-32, weights: /w.pt}
convert: {keep_originals: 30d}
place: {name: '{date}-{stem}', on_duplicate: skip}
accept: {min_duration: 1s}
rules:
  - name: a
    min_score: 0.5
    when: {orientation: portrait, duration: {min: 1s}}
    prompts: ["x: y", 'it''s']
    rules: [{name: b, prompts: [c, d]}]
tags: {dog: [a dog]}
"""
_TRAPS = "rules: &a [x, *a]\n<<: {no: 1}\n? [a]\n: !!int 3\nx: 1\nx: 0o7\n--- |\n  t\n...\n%YAML 9\n"


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Target]:
    """Yield the target, with a file in `folder`."""
    path = folder / "vsortd.yaml"
    seeds = [_BASE + RULES, _BASE + _MORE, _TRAPS, "- sea: waves\n- city\n", "sea\n  beach: sand, waves\ncity\n"]
    seeds += ["[" * 50, "a: " * 20, "{" * 20, '"\\ud800": 1', "\ufeffversion: 1", "rules:\n" + "- rules:\n " * 5]
    options = [f"{name}: ".encode() for name in sorted(Settings.model_fields)]
    words = [*options, b"- name: ", b"prompts: [", b"rules:\n", b"&a ", b"*a", b"!!", b"? ", b"|\n", b">-\n", b"---\n"]
    words += [b"'", b'"', b"<<: ", b"~", b".inf", b"1e999", b"0x", b"\t", b"\xc2\x85", b"\xe2\x80\xa8", b"\xff"]
    encoded = tuple(seed.encode("utf-8", "surrogatepass") for seed in seeds)
    yield Target("config", lambda data: attempt(data, path), encoded, tuple(words))


def attempt(data: bytes, path: Path) -> None:
    """Check, load, show and use a config of these bytes, and read them as categories."""
    path.write_bytes(data)
    report = check_file(path)
    lines = data.count(b"\n") + data.count(b"\r") + data.count(b"\xc2\x85") + data.count(b"\xe2\x80") + 1
    for mistake in report.mistakes:
        if not 1 <= mistake.line <= lines or not mistake.message:
            raise AssertionError(f"a mistake that stands nowhere: {mistake}")
        mistake.to_json(str(path))
    try:
        settings = report.settings_or_raise()
    except InvalidConfigError as error:
        told = str(error)
        if not error.mistakes or str(path) not in told:
            raise AssertionError("a refusal that doesn't say where") from error
    else:
        build_rules(settings)
        fingerprint(settings)
        warnings_of(report, lambda _: ())
    try:
        import_labels(path)
    except InvalidCategoryFileError as error:
        if str(path) not in str(error):
            raise AssertionError("a refusal that doesn't say where") from error
    except ConfigError:
        pass

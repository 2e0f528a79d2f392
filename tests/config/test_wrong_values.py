"""Each wrong value of each option is reported once: line, dotted path, what is allowed, the nearest word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from vsortd.__main__ import main
from vsortd.config.check import check_file
from vsortd.config.diagnostics import InvalidConfigError
from vsortd.config.error_messages import keys_of
from vsortd.config.load import load_settings
from vsortd.config.settings import Settings
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.config.diagnostics import Mistake

BASE = {
    "version": "version: 1",
    "inboxes": "inboxes: [{path: /in}]",
    "library": "library: /out",
    "rules": "rules: [{name: a}]",
}


class Case(NamedTuple):
    """One wrong config: `text` takes the place of a base line (same key), else it follows them as line 5."""

    text: str
    line: int
    path: str
    says: str  # in the message or in what is allowed
    nearest: str = ""
    value: object = ...


DURATION = "500ms, 2s, 1m, 2h, 30d"
CASES = [
    # the top level
    Case("version: 2", 1, "version", "reads version 1", value=2),
    Case('version: "1"', 1, "version", "reads version 1", value="1"),
    Case("version: 1.5", 1, "version", "reads version 1"),
    Case("version:", 1, "version", "nothing stands here", value=None),
    Case("libary: /out", 5, "libary", "library", "library", value="/out"),
    Case("Rules: []", 5, "Rules", "the keys version, inboxes", "rules"),
    Case("qqq: 1", 5, "qqq", "the keys version, inboxes", ""),
    # judging
    Case("hierarchy: topdown", 5, "hierarchy", "top_down, leaves, product", "top_down"),
    Case("temperature: hot", 5, "temperature", "auto"),
    Case("temperature: 0", 5, "temperature", "0.05"),
    Case("learn: true", 5, "learn", "a mapping of options is wanted"),
    Case("learn: {use: 1}", 5, "learn.use", "true or false"),
    Case("learn: {from_moves: sometimes}", 5, "learn.from_moves", "true or false"),
    Case("learn: {from_move: true}", 5, "learn.from_move", "use, from_moves", "from_moves"),
    Case("defaults: {ensemble: mean}", 5, "defaults.ensemble", "average, best"),
    Case("rules: [{name: a, when: portrait}]", 4, "rules[0].when", "a mapping of options is wanted"),
    Case("rules: [{name: a, when: {}}]", 4, "rules[0].when", "every video would be filed here"),
    Case(
        "rules: [{name: a, when: {orientation: tall}}]",
        4,
        "rules[0].when.orientation",
        "portrait, landscape, square",
        value="tall",
    ),
    Case("rules: [{name: a, when: {duration: 5s}}]", 4, "rules[0].when.duration", "min_duration", "min_duration"),
    Case("rules: [{name: a, when: {min_fps: fast}}]", 4, "rules[0].when.min_fps", "a number"),
    Case("rules: [{name: a, when: {min_fps: -1}}]", 4, "rules[0].when.min_fps", "0"),
    Case("rules: [{name: a, when: {codec: h 264}}]", 4, "rules[0].when.codec", "h264, hevc, av1"),
    Case('rules: [{name: a, when: {has_audio: "yes"}}]', 4, "rules[0].when.has_audio", "true or false"),
    Case("rules: [{name: a, when: {recorded_since: yesterday}}]", 4, "rules[0].when.recorded_since", "2026-11-24"),
    Case("rules: [{name: a, when: {recorded_before: 2026-02-30}}]", 4, "rules[0].when.recorded_before", "no such day"),
    Case(
        "rules:\n  - name: a\n    when:\n      recorded_since: 2026-03-01\n      recorded_before: 2026-02-01",
        8,
        "rules[0].when.recorded_before",
        "nothing is between",
    ),
    Case(
        "rules: [{name: a, when: {min_duration: 2m, max_duration: 30s}}]",
        4,
        "rules[0].when.max_duration",
        "min_duration (2m) is more than max_duration (30s)",
    ),
    Case(
        "rules: [{name: a, rules: [{name: b, when: {min_height: 1080, max_height: 720}}]}]",
        4,
        "rules[0].rules[0].when.max_height",
        "min_height (1080) is more than max_height (720)",
    ),
    Case("rules: [{name: a, contains: wine}]", 4, "rules[0].contains", "a mapping of options is wanted"),
    Case("rules: [{name: a, contains: {level: 0.5}}]", 4, "rules[0].contains.prompts", "missing"),
    Case("rules: [{name: a, contains: {prompts: []}}]", 4, "rules[0].contains.prompts", "empty"),
    Case("rules: [{name: a, contains: {prompts: x, level: 50}}]", 4, "rules[0].contains.level", "1"),
    Case("rules: [{name: a, contains: {prompts: x, min_seconds: long}}]", 4, "rules[0].contains.min_seconds", "500ms"),
    Case("rules: [{name: a, prompts: y, contains: {prompts: x}}]", 4, "rules[0].prompts", "not both"),
    Case("rules: [{name: a, ensemble: mean}]", 4, "rules[0].ensemble", "average, best"),
    *(
        Case(text.format(option, value), line, f"{path}.when.{option}", says)
        for text, line, path in (
            ("rules: [{{name: a, when: {{{}: {}}}}}]", 4, "rules[0]"),
            ("tags: [{{name: a, when: {{{}: {}}}}}]", 5, "tags[0]"),
        )
        for option, value, says in (
            ("orientation", "upright", "portrait, landscape, square"),
            ("min_duration", "short", DURATION),
            ("max_duration", "99d", "too long"),
            ("min_width", "wide", "a whole number"),
            ("max_width", "0", "1"),
            ("min_height", "1.5", "a whole number"),
            ("max_height", "4k", "a whole number"),
            ("min_fps", "[30]", "a number"),
            ("max_fps", ".inf", "finite"),
            ("codec", "7", "in quotes"),
            ("has_audio", "1", "true or false"),
            ("camera", "2024", "in quotes"),
            ("recorded_since", "2024", "2026-11-24"),
            ("recorded_before", "24.11.2026", "2026-11-24"),
            ("file_name", "12", "in quotes"),
        )
    ),
    Case("tags: [{name: a, when: portrait}]", 5, "tags[0].when", "a mapping of options is wanted"),
    Case("tags: [{name: a, contains: wine}]", 5, "tags[0].contains", "a mapping of options is wanted"),
    Case("tags: [{name: a, contains: {prompts: 7}}]", 5, "tags[0].contains.prompts", "in quotes"),
    Case("tags: [{name: a, contains: {prompts: x, level: 2}}]", 5, "tags[0].contains.level", "1"),
    Case("tags: [{name: a, contains: {prompts: x, min_seconds: -1}}]", 5, "tags[0].contains.min_seconds", "negative"),
    Case("tags: wine", 5, "tags", "a list is wanted"),
    Case("tags: [wine]", 5, "tags[0]", "a mapping of options is wanted"),
    Case("tags: [{contains: {prompts: x}}]", 5, "tags[0].name", "missing"),
    Case("tags: [{name: a/b}]", 5, "tags[0].name", "one folder"),
    Case("tags: [{name: x}, {name: X}]", 5, "tags[1].name", "the tag tags[0]"),
    # inboxes
    Case("inboxes: []", 2, "inboxes", "empty"),
    Case("inboxes: /in", 2, "inboxes", "a list is wanted, not a text", value="/in"),
    Case("inboxes: [/in]", 2, "inboxes[0]", "a mapping of options is wanted", value="/in"),
    Case("inboxes: [{}]", 2, "inboxes[0].path", "missing"),
    Case("inboxes: [{path: in}]", 2, "inboxes[0].path", "an absolute path", value="in"),
    Case("inboxes: [{path: $HOME/in}]", 2, "inboxes[0].path", "an absolute path"),
    Case("inboxes: [{path: 7}]", 2, "inboxes[0].path", 'write "7" in quotes', value=7),
    Case('inboxes: [{path: ""}]', 2, "inboxes[0].path", "empty", value=""),
    Case('inboxes: [{path: "/a\\0b"}]', 2, "inboxes[0].path", "this character"),
    Case("inboxes: [{path: ~nosuchuser-xyz/in}]", 2, "inboxes[0].path", "no such user"),
    Case(
        "inboxes:\n  - path: /in\n    recursive: maybe",
        4,
        "inboxes[0].recursive",
        "true or false",
        value="maybe",
    ),
    Case("inboxes:\n  - path: /in\n    recursive: 1", 4, "inboxes[0].recursive", "true or false", value=1),
    Case("inboxes:\n  - path: /in\n    watch: event", 4, "inboxes[0].watch", "auto, events, poll", "events"),
    Case("inboxes:\n  - path: /in\n    watch: on", 4, "inboxes[0].watch", "auto, events, poll", value=True),
    Case("inboxes: [{path: /in, ignore: [a, 3]}]", 2, "inboxes[0].ignore[1]", 'write "3" in quotes', value=3),
    Case('inboxes: [{path: /in, ignore: [""]}]', 2, "inboxes[0].ignore[0]", '"*.tmp"'),
    Case("inboxes: [{path: /in, ignore: {a: 1}}]", 2, "inboxes[0].ignore", "write the value in quotes"),
    Case("inboxes: [{path: /in, settle: 2 secs}]", 2, "inboxes[0].settle", DURATION, value="2 secs"),
    Case("inboxes: [{path: /in, settle: -1}]", 2, "inboxes[0].settle", "negative", value=-1),
    Case("inboxes: [{path: /in, settle: 0}]", 2, "inboxes[0].settle", "from 50ms to 10m", value=0),
    Case("inboxes: [{path: /in, settle: 1h}]", 2, "inboxes[0].settle", "too long", value="1h"),
    Case("inboxes: [{path: /in, settle: 1:30}]", 2, "inboxes[0].settle", DURATION, value="1:30"),
    Case("inboxes: [{path: /in, settle: .nan}]", 2, "inboxes[0].settle", DURATION, value=".nan"),
    Case("inboxes: [{path: /in, settle: [2s]}]", 2, "inboxes[0].settle", DURATION, value="a list of 1"),
    Case("inboxes: [{path: /in, settle_s: 2}]", 2, "inboxes[0].settle_s", "settle, settle_max", "settle"),
    Case("inboxes: [{path: /in, settle_max: 30d}]", 2, "inboxes[0].settle_max", "from 1s to 1w"),
    Case("inboxes: [{path: /in, incomplete_after: soon}]", 2, "inboxes[0].incomplete_after", DURATION),
    Case("inboxes: [{path: /in, poll: true}]", 2, "inboxes[0].poll", DURATION, value=True),
    Case("inboxes: [{path: /in, rescan: 10m}]", 2, "inboxes[0].rescan", "to 5m", value="10m"),
    Case(
        "inboxes: [{path: /in, extensions: [mp4, mkv]}]",
        2,
        "inboxes[0].extensions[1]",
        "mp4, mov, m4v",
        "mov",
    ),
    Case("inboxes: [{path: /in, extensions: .mp4}]", 2, "inboxes[0].extensions", "mp4, mov, m4v", "mp4"),
    Case("inboxes: [{path: /in, extensions: []}]", 2, "inboxes[0].extensions", "empty"),
    # library, model
    Case("library: Sorted", 3, "library", "an absolute path", value="Sorted"),
    Case("library: [/out]", 3, "library", "a text is wanted, not a list"),
    Case("library: ~", 3, "library", "nothing stands here"),
    Case("model: smaple", 5, "model", "auto or sample", "sample", value="smaple"),
    Case("model: no", 5, "model", "auto or sample", value=False),
    Case("model: 5", 5, "model", "auto or sample", value=5),
    Case(
        "model: ViT-B-32",
        5,
        "model",
        "a model is auto, or sample, or a name and its weights in braces",
        value="ViT-B-32",
    ),
    Case("model: [sample]", 5, "model", "{name: ViT-B-32-256, weights: datacomp_s34b_b86k}", value="a list of 1"),
    Case("model: {name: sample, weights: x}", 5, "model.name", "write `model: sample`", value="sample"),
    Case("model: {name: ViT-B-32}", 5, "model.weights", "a pretrained tag"),
    Case("model: {name: 32, weights: x}", 5, "model.name", 'write "32" in quotes'),
    Case("model: {name: x, weights: x, pretrained: y}", 5, "model.pretrained", "the keys name, weights", "weights"),
    Case("model: {name: x, weights: x, sample: y}", 5, "model.sample", "no option", "model: sample"),
    # accept
    Case("accept: portrait", 5, "accept", "a mapping of options is wanted", value="portrait"),
    Case("accept: {orientation: upright}", 5, "accept.orientation", "any, or portrait, landscape, square"),
    Case("accept: {orientation: [portait]}", 5, "accept.orientation[0]", "landscape", "portrait"),
    Case("accept: {orientation: []}", 5, "accept.orientation", "empty"),
    Case("accept: {orientation: no}", 5, "accept.orientation", "not one of the choices", value=False),
    Case("accept: {min_duration: short}", 5, "accept.min_duration", DURATION),
    Case("accept: {max_duration: -5s}", 5, "accept.max_duration", DURATION, value="-5s"),
    Case("accept:\n  max_duration:", 6, "accept.max_duration", "nothing stands here"),
    Case("accept: {min_width: 0}", 5, "accept.min_width", "a whole number from 1", value=0),
    Case("accept: {min_width: 640px}", 5, "accept.min_width", "a whole number from 1", value="640px"),
    Case("accept: {min_height: 480.5}", 5, "accept.min_height", "a whole number from 1", value=480.5),
    Case("accept: {min_hight: 480}", 5, "accept.min_hight", "min_height", "min_height"),
    # convert, sampling
    Case("convert: remux", 5, "convert", "the keys mov, keep_original", value="remux"),
    Case("sampling: 32", 5, "sampling", "the keys min_frames", value=32),
    Case("convert: {mov: remuxx}", 5, "convert.mov", "never, remux, transcode", "remux"),
    Case("convert: {keep_original: for ever}", 5, "convert.keep_original", "or forever"),
    Case("convert: {keep_original: 0}", 5, "convert.keep_original", "too short", value=0),
    Case("convert:\n  keep_original: null", 6, "convert.keep_original", "nothing stands here"),
    Case("sampling: {min_frames: 0}", 5, "sampling.min_frames", "a whole number from 1 to 512", value=0),
    Case("sampling: {max_frames: many}", 5, "sampling.max_frames", "a whole number from 1 to 512", value="many"),
    Case("sampling: {max_frames: 1_000}", 5, "sampling.max_frames", "a whole number", value="1_000"),
    Case("sampling: {max_frames: true}", 5, "sampling.max_frames", "a whole number", value=True),
    # journal
    Case("journal: no", 5, "journal", "the keys copy_after, copy_to", value=False),
    Case("journal: {copy_after: 0s}", 5, "journal.copy_after", "1s"),
    Case("journal: {copy_to: Backup}", 5, "journal.copy_to", "an absolute path"),
    Case("journal: {copyto: /b}", 5, "journal.copyto", "the keys copy_after, copy_to", "copy_to"),
    # second opinions
    Case("unsure: ask", 5, "unsure", "the keys ask, model, file", value="ask"),
    Case("unsure: {file: true}", 5, "unsure.ask", "nobody is asked"),
    Case("unsure: {ask: 'http://127.0.0.1/v1'}", 5, "unsure.model", "which of its models"),
    Case("unsure: {ask: '127.0.0.1:11434', model: m}", 5, "unsure.ask", "begins with http:// or https://"),
    Case("unsure: {ask: 'http://a:b@127.0.0.1/v1', model: m}", 5, "unsure.ask", "key_file or key_env"),
    Case("unsure: {ask: 'http://127.0.0.1/v1/chat/completions', model: m}", 5, "unsure.ask", "only the base address"),
    Case(
        "unsure: {ask: 'http://8.8.8.8/v1', model: m}", 5, "unsure.ask", "neither this machine nor in your own network"
    ),
    Case("unsure: {ask: 'http://8.8.8.8/v1', model: m, anywhere: true}", 5, "unsure.ask", "only https:// goes"),
    Case(
        "unsure: {ask: 'http://169.254.169.254/v1', model: m, anywhere: true}",
        5,
        "unsure.ask",
        "no address of a server",
    ),
    Case("unsure: {ask: 'http://[::1]/v1', model: 7}", 5, "unsure.model", 'write "7" in quotes', value=7),
    Case("unsure: {ask: 'http://[::1]/v1', model: m, file: yes please}", 5, "unsure.file", "true or false"),
    Case("unsure: {ask: 'http://[::1]/v1', model: m, anywhere: 1}", 5, "unsure.anywhere", "true or false", value=1),
    Case(
        "unsure: {ask: 'http://[::1]/v1', model: m, key_env: sk-abc}", 5, "unsure.key_env", "never stands in the config"
    ),
    Case("unsure: {ask: 'http://[::1]/v1', model: m, key_file: key}", 5, "unsure.key_file", "an absolute path"),
    Case(
        "unsure: {ask: 'http://[::1]/v1', model: m, key_env: K, key_file: /k}", 5, "unsure.key_file", "one of key_env"
    ),
    Case("unsure: {ask: 'http://[::1]/v1', model: m, time_limit: 2h}", 5, "unsure.time_limit", "to 30m"),
    Case(
        "unsure: {ask: 'http://[::1]/v1', model: m, per_hour: 0}",
        5,
        "unsure.per_hour",
        "a whole number from 1",
        value=0,
    ),
    Case("unsure: {url: 'http://[::1]/v1'}", 5, "unsure.url", "no option", "ask"),
    Case(
        "unsure: {ask: 'http://[::1]/v1', model: m, api_key: sk-abc}",
        5,
        "unsure.api_key",
        "no option",
        "key_file",
        "(not shown)",
    ),
    # log
    Case("log: full", 5, "log", "the keys paths, size, keep", value="full"),
    Case("log: {paths: short}", 5, "log.paths", "full or relative"),
    Case("log: {size: 1kB}", 5, "log.size", "100KB"),
    Case("log: {keep: -1}", 5, "log.keep", "a whole number from 0 to 100", value=-1),
    Case("log: {kep: 1}", 5, "log.kep", "the keys paths, size, keep", "keep"),
    # place
    Case("place: [{name: x}]", 5, "place", "a mapping of options is wanted, not a list"),
    Case('place: {name: "{stem}/{rule}"}', 5, "place.name", "/ or \\", value="{stem}/{rule}"),
    Case('place: {name: "{stm}"}', 5, "place.name", 'no field "{stm}"'),
    Case('place: {name: "{stem.real}"}', 5, "place.name", "{stem}, {date}"),
    Case('place: {name: "{stem!r}"}', 5, "place.name", "no format or conversion"),
    Case('place: {name: "{width:>9999}"}', 5, "place.name", "no format or conversion"),
    Case('place: {name: "{stem"}', 5, "place.name", "braces"),
    Case('place: {name: "{{stem}}"}', 5, "place.name", "braces"),
    Case('place: {name: ".{stem}"}', 5, "place.name", "hidden"),
    Case('place: {name: ""}', 5, "place.name", "empty"),
    Case("place: {name: {stem}}", 5, "place.name", "write the value in quotes"),
    Case("place: {on_duplicate: keep}", 5, "place.on_duplicate", "keep_both or skip", "keep_both"),
    Case("place: {on_duplicate: keepboth}", 5, "place.on_duplicate", "keep_both or skip", "keep_both"),
    Case(
        "place: {on_duplicate: to}",
        5,
        "place.on_duplicate",
        "keep_both or skip, or a folder for them, such as {to: _Duplicates}",
        value="to",
    ),
    Case("place: {on_duplicate: {}}", 5, "place.on_duplicate.to", "missing"),
    Case("place: {on_duplicate: {to: d, too: e}}", 5, "place.on_duplicate.too", "the key to", "to"),
    Case("place: {on_duplicate: {to: a/b}}", 5, "place.on_duplicate.to", "/ or \\", value="a/b"),
    Case("place: {review: ..}", 5, "place.review", "one folder's name", value=".."),
    Case("place: {review: con}", 5, "place.review", "Windows reserves", value="con"),
    Case("place: {review: off}", 5, "place.review", 'write "off" in quotes', value=False),
    # defaults
    Case("defaults:", 5, "defaults", "nothing stands here"),
    Case("defaults: {min_score: 1.2}", 5, "defaults.min_score", "a number from 0 to 1", value=1.2),
    Case("defaults: {min_score: 35%}", 5, "defaults.min_score", "a number from 0 to 1", value="35%"),
    Case("defaults: {min_margin: -0.1}", 5, "defaults.min_margin", "a number from 0 to 1", value=-0.1),
    Case("defaults: {min_margin: .inf}", 5, "defaults.min_margin", "finite", value=".inf"),
    Case("defaults: {aggregate: average}", 5, "defaults.aggregate", "mean, vote, max, fraction"),
    Case("defaults: {fraction_level: yes}", 5, "defaults.fraction_level", "a number from 0 to 1", value=True),
    Case("defaults: {on_unsure: reveiw}", 5, "defaults.on_unsure", "stop, review", "review"),
    Case("defaults: {templates: [a photo]}", 5, "defaults.templates[0]", "exactly one {}", value="a photo"),
    Case('defaults: {templates: ["{} and {}"]}', 5, "defaults.templates[0]", "exactly one {}"),
    Case("defaults: {templates: []}", 5, "defaults.templates", "empty"),
    Case("none_of_these: [no]", 5, "none_of_these[0]", 'write "no" in quotes', value=False),
    # rules
    Case("rules: []", 4, "rules", "empty"),
    Case("rules:", 4, "rules", "nothing stands here"),
    Case("rules: forest", 4, "rules", "a list is wanted", value="forest"),
    Case("rules: [forest]", 4, "rules[0]", "- name: forest", value="forest"),
    Case("rules: [{prompts: x}]", 4, "rules[0].name", "missing"),
    Case("rules:\n  - name: a\n  - name: no", 6, "rules[1].name", 'write "no" in quotes', value=False),
    Case("rules: [{name: 2024}]", 4, "rules[0].name", 'write "2024" in quotes', value=2024),
    Case("rules: [{name: 2024-02-01}]", 4, "rules[0].name", 'write "2024-02-01" in quotes', value="2024-02-01"),
    Case("rules: [{name: null}]", 4, "rules[0].name", "nothing stands here"),
    Case("rules: [{name: a/b}]", 4, "rules[0].name", "/ or \\", value="a/b"),
    Case('rules: [{name: "a\\\\b"}]', 4, "rules[0].name", "/ or \\", value="a\\b"),
    Case('rules: [{name: "a "}]', 4, "rules[0].name", "a dot or a space", value="a "),
    Case('rules: [{name: "a."}]', 4, "rules[0].name", "a dot or a space"),
    Case("rules: [{name: .}]", 4, "rules[0].name", "one folder's name", value="."),
    Case('rules: [{name: ""}]', 4, "rules[0].name", "empty", value=""),
    Case('rules: [{name: "a\\nb"}]', 4, "rules[0].name", "control characters"),
    Case("rules: [{name: Lpt1.old}]", 4, "rules[0].name", "Windows reserves"),
    Case(f"rules: [{{name: {'é' * 101}}}]", 4, "rules[0].name", "200 bytes"),
    Case("rules: [{name: .vsortd}]", 4, "rules[0].name", "its own files"),
    Case("rules: [{name: a, promts: x}]", 4, "rules[0].promts", "prompts", "prompts"),
    Case("rules: [{name: a, prompts: [x, 5]}]", 4, "rules[0].prompts[1]", 'write "5" in quotes', value=5),
    Case("rules: [{name: a, prompts: yes}]", 4, "rules[0].prompts", 'write "yes" in quotes', value=True),
    Case('rules: [{name: a, prompts: " "}]', 4, "rules[0].prompts", "empty"),
    Case(f"rules: [{{name: a, prompts: {'x' * 1001}}}]", 4, "rules[0].prompts", "1,001 characters"),
    Case("rules: [{name: a, templates: x}]", 4, "rules[0].templates", "exactly one {}"),
    Case("rules: [{name: a, min_score: 2}]", 4, "rules[0].min_score", "a number from 0 to 1", value=2),
    Case("rules: [{name: a, min_margin: x}]", 4, "rules[0].min_margin", "a number from 0 to 1", value="x"),
    Case("rules: [{name: a, aggregate: men}]", 4, "rules[0].aggregate", "vote", "mean"),
    Case("rules: [{name: a, fraction_level: -1}]", 4, "rules[0].fraction_level", "a number from 0 to 1"),
    Case("rules: [{name: a, on_unsure: false}]", 4, "rules[0].on_unsure", "stop, review", value=False),
    Case("rules: [{name: a, none_of_these: [1]}]", 4, "rules[0].none_of_these[0]", 'write "1" in quotes'),
    Case("rules: [{name: a, rules: {name: b}}]", 4, "rules[0].rules", "a list is wanted, not a mapping"),
    Case(
        "rules:\n  - name: a\n    rules:\n      - name: b\n      - name: c\n      - name: d\n        min_score: 7",
        10,
        "rules[0].rules[2].min_score",
        "a number from 0 to 1",
        value=7,
    ),
    # workers
    Case("workers: 4", 5, "workers", "the keys decode, timeout, memory", value=4),
    Case("workers: {decode: 0}", 5, "workers.decode", "a whole number from 1 to 256", value=0),
    Case("workers: {decode: all}", 5, "workers.decode", "auto, or a whole number", value="all"),
    Case("workers: {decode: 1.5}", 5, "workers.decode", "a whole number", value=1.5),
    Case("workers: {timeout: 1ms}", 5, "workers.timeout", "from 1s to 1d"),
    Case("workers: {memory: 2 gigs}", 5, "workers.memory", "512MiB or 2GB", value="2 gigs"),
    Case("workers: {memory: 1MB}", 5, "workers.memory", "too little"),
    Case("workers: {memory: 2.5}", 5, "workers.memory", "512MiB or 2GB", value=2.5),
    Case("workers: {decoder: nvidia}", 5, "workers.decoder", "cpu or cuda", value="nvidia"),
    # notifications
    Case("notify: false", 5, "notify", "a mapping of options is wanted", value=False),
    Case("notify: {batches: 1}", 5, "notify.batches", "true or false", value=1),
    Case("notify: {failures: once}", 5, "notify.failures", "true or false", value="once"),
    Case("notify: {failure: true}", 5, "notify.failure", "batches, failures", "failures"),
    Case("workers: {decoder: 1}", 5, "workers.decoder", "cpu or cuda", value=1),
    Case("workers: {confine: never}", 5, "workers.confine", "auto or require", value="never"),
    Case("workers: {confine: true}", 5, "workers.confine", "auto or require", value=True),
    # control
    Case("control: tcp", 5, "control", "socket or loopback", value="tcp"),
    # unload_model
    Case("unload_model: soon", 5, "unload_model", "or never", value="soon"),
    Case("unload_model: 0.1s", 5, "unload_model", "from 1s to 30d"),
    # between options
    Case("inboxes: [{path: /in}, {path: /in/}]", 2, "inboxes[1].path", "same folder", value="/in/"),
    Case("inboxes:\n  - path: /in\n  - path: /in/b", 4, "inboxes[1].path", "recursive: false", value="/in/b"),
    Case("inboxes:\n  - path: /in/b\n  - path: /in", 4, "inboxes[1].path", "inboxes[0].path (line 3)"),
    Case("library: /in/Sorted", 3, "library", "lies inside an inbox (inboxes[0].path)", value="/in/Sorted"),
    Case("library: /in", 3, "library", "beside the inbox", value="/in"),
    Case("inboxes: [{path: /out/in}]", 2, "inboxes[0].path", "beside the library", value="/out/in"),
    Case("inboxes: [{path: /in, settle: 9m, settle_max: 1m}]", 2, "inboxes[0].settle_max", "9m or more"),
    Case("accept: {min_duration: 2m, max_duration: 90}", 5, "accept.max_duration", "2m or more", value=90),
    Case("sampling: {max_frames: 16, min_frames: 20}", 5, "sampling.max_frames", "20 or more", value=16),
    Case("sampling: {min_frames: 40}", 5, "sampling.min_frames", "32 or less", value=40),
    Case("rules: [{name: a}, {name: a}]", 4, "rules[1].name", "rules[0] (line 4) has this name", value="a"),
    Case("rules:\n  - name: Sea\n  - name: sea", 6, "rules[1].name", 'is called "Sea"', value="sea"),
    Case("rules:\n  - {name: é}\n  - {name: e\u0301}", 6, "rules[1].name", "same folder on some systems"),
    Case("rules:\n  - {name: 'a:b'}\n  - {name: a?b}", 6, "rules[1].name", "same folder on some systems"),
    Case(
        "rules:\n  - name: a\n    rules: [{name: x}, {name: X}]",
        6,
        "rules[0].rules[1].name",
        "rules[0].rules[0]",
    ),
    Case("place: {review: A}", 5, "place.review", "rules[0] (line 4)", value="A"),
    Case("rules: [{name: _review}]", 4, "rules[0].name", "the review folder", value="_review"),
    Case("place: {on_duplicate: {to: a}}", 5, "place.on_duplicate.to", "rules[0] (line 4)", value="a"),
]


def _config(text: str) -> str:
    """Put a case's text into the base config."""
    key = text.partition(":")[0]
    lines = dict(BASE)
    lines[key] = text
    return "\n".join(lines.values()) + "\n"


def _mistakes(folder: Path, text: str) -> tuple[Mistake, ...]:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfigError) as caught:
        load_settings(path)
    assert all(f"{path}:{mistake.line}: {mistake.path}" in str(caught.value) for mistake in caught.value.mistakes)
    return caught.value.mistakes


def test_the_base_of_all_cases_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(BASE.values()), encoding="utf-8")
    assert load_settings(path).rules[0].name == "a"


@pytest.mark.parametrize("case", CASES, ids=[case.text.replace("\n", " ")[:60] for case in CASES])
def test_a_wrong_value_is_reported_once_with_its_place(tmp_path: Path, case: Case) -> None:
    mistakes = _mistakes(tmp_path, _config(case.text))
    assert [(case.line, case.path)] == [(mistake.line, mistake.path) for mistake in mistakes]
    (mistake,) = mistakes
    assert case.says in f"{mistake.message} | {mistake.allowed}"
    assert not re.search(r"<word>|Input|should be|pydantic", mistake.message), "the library's own words"
    assert not mistake.nearest or mistake.nearest != mistake.value
    assert case.nearest == mistake.nearest
    if case.value is not ...:
        assert case.value == mistake.value
        assert type(case.value) is type(mistake.value)


def _paths(model: type, prefix: str = "", depth: int = 0) -> Iterator[str]:
    """Yield every option of the config; of the recursive rules one level of children."""
    for key, option in keys_of(model).items():
        path = f"{prefix}{key}"
        yield path
        item = option.item()
        if inner := option.model():
            yield from _paths(inner, f"{path}.", depth)
        elif item and (inner := item.model()) and not (inner is model and depth):
            yield from _paths(inner, f"{path}[0].", depth + (inner is model))


def test_every_option_has_a_wrong_value_in_the_table() -> None:
    tried = {re.sub(r"\[[0-9]\]", "[0]", case.path) for case in CASES}
    options = [path for path in _paths(Settings) if not path.startswith("rules[0].rules[0]")]
    assert len(options) > 40
    assert [path for path in options if path not in tried and f"{path}[0]" not in tried] == []


@pytest.mark.parametrize("key", ["inboxes", "library", "rules"])
def test_a_required_key_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    mistakes = _mistakes(tmp_path, "\n".join(line for name, line in BASE.items() if name != key))
    assert [(1, key, "this key is missing")] == [(one.line, one.path, one.message) for one in mistakes]


def test_all_mistakes_come_in_one_report_in_the_order_of_the_file(tmp_path: Path) -> None:
    wrong = [
        "version: 3",
        "inboxes:",
        "  - path: in",
        "    setle: 2s",
        "    watch: &anchor poll",
        "  - {path: /b}",
        "  - {path: /b/c, rescan: 1h}",
        "library: /b/lib",
        "library: /elsewhere",
        "model: {name: x}",
        "place: {review: sea, name: '{nope}'}",
        "rules:",
        "  - name: sea",
        "    rules:",
        "      - {name: on}",
        "      - {name: ok, min_score: 9}",
        "  - name: SEA",
        "  - 7",
    ]
    expected = [
        (1, "version"),
        (3, "inboxes[0].path"),
        (4, "inboxes[0].setle"),
        (5, "inboxes[0].watch"),
        (7, "inboxes[2].path"),
        (7, "inboxes[2].rescan"),
        (8, "library"),
        (9, "library"),
        (10, "model.weights"),
        (11, "place.name"),
        (11, "place.review"),
        (15, "rules[0].rules[0].name"),
        (16, "rules[0].rules[1].min_score"),
        (17, "rules[1].name"),
        (18, "rules[2]"),
    ]
    mistakes = _mistakes(tmp_path, "\n".join(wrong))
    lines = [mistake.line for mistake in mistakes]
    assert sorted(lines) == lines
    assert expected == sorted((mistake.line, mistake.path) for mistake in mistakes)


def test_the_report_can_not_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mistake,) = _mistakes(tmp_path, _config('model: "\\e[2J\\u202esample"'))
    assert "\x1b[2J\u202esample" == mistake.value
    assert ExitCode.CONFIG == main(["--config", str(tmp_path / "config.yaml"), "check"])
    said = capsys.readouterr().err
    assert "\\x1b[2J\\u202esample" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_inboxes_through_a_symlink_are_one_folder(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    mistakes = _mistakes(tmp_path, _config(f"inboxes: [{{path: {real}}}, {{path: {link}}}]"))
    assert [mistake.path for mistake in mistakes] == ["inboxes[1].path"]


def test_an_inbox_may_lie_in_one_that_is_not_recursive(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(_config("inboxes: [{path: /in, recursive: no}, {path: /in/b}]"), encoding="utf-8")
    assert [inbox.recursive for inbox in load_settings(path).inboxes] == [False, True]


def test_a_check_without_mistakes_holds_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(_config("model: sample"), encoding="utf-8")
    report = check_file(path)
    assert report.mistakes == ()
    assert report.settings is not None
    assert report.settings.model == "sample"

"""Mistakes between the options of `after`, at the top and in rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.after_options import BATCH_FIELDS, VIDEO_FIELDS, After, word_fields
from vsortd.config.diagnostics import Location, Mistake, dotted
from vsortd.config.error_messages import keys_of
from vsortd.config.rule_nodes import rule_nodes
from vsortd.config.yaml_lines import Node, NodeKind
from vsortd.core.server_address import ServerAddress, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION: Final = "after"
_LIST: Final = "a list, such as [notify-send, --, '{name}']; no shell reads it"
_ADDRESS: Final = "an address of this machine or your own network; or, with https://, anywhere: true beside it"
_PROGRAM: Final = "the program's name, or its absolute path; ~ may begin it"
_KEYS: Final = frozenset(keys_of(After))
# Windows runs these by its shell, which reads names as commands (CVE-2024-24576 and its like).
_SHELL_FILE: Final = re.compile(r"\.(bat|cmd)[. ]*$", re.IGNORECASE)


def after_mistakes(root: Node) -> Iterator[Mistake]:
    """Find sections that do nothing, programs that a video would name, addresses that nothing is ever sent to."""
    for holder, location in ((root, ()), *rule_nodes(root)):
        section = holder.get(_SECTION)
        if section is not None and not section.broken and section.kind is NodeKind.MAPPING:
            yield from _section(section, (*location, _SECTION))


def _section(section: Node, here: Location) -> Iterator[Mistake]:
    run, post = section.get("run"), section.get("post")
    if run is None and post is None and section.entries.keys() <= _KEYS:
        yield Mistake(
            section.line, dotted(here), None, "nothing is to happen: it has neither run nor post", After.written
        )
    if run is not None and not run.broken:
        yield from _command(run, section, (*here, "run"))
    if post is not None:
        yield from _request(post, section, here)
    elif run is not None:
        for key in ("key_env", "key_file", "anywhere"):
            if (lone := section.get(key)) is not None and not lone.broken and lone.value is not False:
                message = "nothing is posted, so this means nothing"
                yield Mistake(lone.line, dotted((*here, key)), lone.value, message, "with post beside it")


def _command(run: Node, section: Node, here: Location) -> Iterator[Mistake]:
    """Check a command whose words are sound by themselves."""
    alone = run.kind is NodeKind.SCALAR
    words = [run] if alone else run.items
    texts = [_text(word) for word in words]
    if not texts or any(text is None for text in texts):
        return
    first, where = words[0], dotted(here if alone else (*here, 0))
    if alone and any(char.isspace() for char in texts[0] or ""):
        message = "a command with arguments is a list, each word a text of its own"
        yield Mistake(first.line, where, first.text, message, _LIST)
        return
    if message := _program_problem(texts[0] or ""):
        yield Mistake(first.line, where, first.text, message, _PROGRAM)
        return
    batch = (node := section.get("batch")) is not None and node.value is True
    known, other = (BATCH_FIELDS, VIDEO_FIELDS) if batch else (VIDEO_FIELDS, BATCH_FIELDS)
    for index, (word, text) in enumerate(zip(words, texts, strict=True)):
        wrong = next((name for name in word_fields(text or "") if name in other), None)
        if wrong is not None:
            message = f"with batch: true {{{wrong}}} could be of many videos" if batch else f"{{{wrong}}} is of a batch"
            allowed = ", ".join(f"{{{name}}}" for name in known)
            yield Mistake(word.line, dotted((*here, index)), word.text, message, f"the fields {allowed}")


def _text(word: Node) -> str | None:
    """Return the text of a word that is sound by itself, else None: that has a mistake of its own."""
    if word.broken or not isinstance(word.value, str):
        return None
    try:
        known = all(name in (*VIDEO_FIELDS, *BATCH_FIELDS) for name in word_fields(word.value))
    except ValueError:
        return None
    return word.value if known else None


def _program_problem(text: str) -> str:
    """Say why a word can't be the program of a command, "" if it can."""
    if "{" in text or "}" in text:
        return "which program is run is for the config to say, not for a video's name"
    if _SHELL_FILE.search(text):
        return "Windows gives such a file to its shell, which would read names of videos as commands"
    if not is_bare(text) and not text.startswith("~") and not Path(text).is_absolute():
        return "a relative path would mean another program each time vsortd is started elsewhere"
    return ""


def is_bare(program: str) -> bool:
    """Tell whether a program is a name that is looked for on PATH."""
    return "/" not in program and "\\" not in program


def _request(post: Node, section: Node, here: Location) -> Iterator[Mistake]:
    if section.get("key_env") is not None and (second := section.get("key_file")) is not None:
        message = "the key comes from key_env already"
        yield Mistake(second.line, dotted((*here, "key_file")), second.text, message, "one of key_env and key_file")
    if not post.broken and isinstance(post.value, str) and (why := _refusal(post.value, section.get("anywhere"))):
        yield Mistake(post.line, dotted((*here, "post")), post.text, f"nothing is sent there: {why}", _ADDRESS)


def _refusal(address: str, anywhere: Node | None) -> str:
    """Say why an address that is written as numbers is not sent to, "" for a name: that is looked up each time."""
    try:
        server = ServerAddress.parse(address)
        return refusal(
            server.host, anywhere=anywhere is not None and anywhere.value is True, encrypted=server.encrypted
        )
    except ValueError:
        return ""

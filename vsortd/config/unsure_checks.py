"""Mistakes between the options of `unsure`: nobody to ask, no model, two keys, an address that is never asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from vsortd.config.diagnostics import Mistake, dotted
from vsortd.config.error_messages import keys_of
from vsortd.config.unsure_options import ServerUrl, Unsure
from vsortd.config.yaml_lines import Node, NodeKind
from vsortd.core.server_address import ServerAddress, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION = "unsure"


def unsure_mistakes(root: Node) -> Iterator[Mistake]:
    """Find a server without a model or the reverse, two keys, and a written-out IP address that is not to be asked."""
    section = root.get(_SECTION)
    if section is None or section.broken or section.kind is not NodeKind.MAPPING:
        return
    ask, model = section.get("ask"), section.get("model")
    if ask is None and _wants_somebody(section):
        message = "nobody is asked, so the other options mean nothing"
        yield Mistake(section.line, dotted((_SECTION, "ask")), None, message, ServerUrl().allowed())
    if ask is not None and model is None:
        message = "the server has to be told which of its models is to look"
        allowed = "the model's name there, such as qwen2.5vl:7b"
        yield Mistake(ask.line, dotted((_SECTION, "model")), None, message, allowed)
    if section.get("key_env") is not None and (second := section.get("key_file")) is not None:
        message = "the key comes from key_env already"
        yield Mistake(second.line, dotted((_SECTION, "key_file")), second.text, message, "one of key_env and key_file")
    if ask is not None and (why := _refusal(ask, section.get("anywhere"))):
        allowed = "an address of this machine or your own network; or, with https://, anywhere: true beside it"
        yield Mistake(ask.line, dotted((_SECTION, "ask")), ask.text, f"nothing is sent there: {why}", allowed)


def _wants_somebody(section: Node) -> bool:
    """Tell whether options are set that mean something only where somebody is asked; none of them is misspelt."""
    named = any(section.get(key) is not None for key in ("model", "key_env", "key_file"))
    switched = any((node := section.get(key)) is not None and node.value is True for key in ("file", "anywhere"))
    return (named or switched) and section.entries.keys() <= keys_of(Unsure).keys()


def _refusal(ask: Node, anywhere: Node | None) -> str:
    """Say why an address that is written as numbers is not asked, "" for a name: that is looked up when it is asked."""
    if ask.broken:
        return ""
    try:
        server = ServerAddress.parse(str(ServerUrl().read(ask.value)))
        allowed = anywhere is not None and anywhere.value is True
        return refusal(server.host, anywhere=allowed, encrypted=server.encrypted)
    except (PydanticCustomError, ValueError):
        return ""

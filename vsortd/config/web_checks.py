"""Mistakes between the options of `web`: a page that other machines can reach, and that nobody has to log in to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from vsortd.config.diagnostics import Mistake, dotted
from vsortd.config.web_options import ListenAddress, Web
from vsortd.config.yaml_lines import Node, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION = "web"


def web_mistakes(root: Node) -> Iterator[Mistake]:
    """Find a `host` that others can reach without a `password_file`."""
    section = root.get(_SECTION)
    if section is None or section.broken or section.kind is not NodeKind.MAPPING:
        return
    host = section.get("host")
    if host is None or host.broken or section.get("password_file") is not None:
        return
    try:
        local = Web(host=ListenAddress().check(str(host.value))).is_local
    except (PydanticCustomError, ValueError):
        return  # told of as what it is
    if not local:
        message = "others can reach this address, so the page needs a password: password_file beside it"
        allowed = "127.0.0.1; or password_file: FILE, which `vsortd web password --out FILE` writes"
        yield Mistake(host.line, dotted((_SECTION, "host")), host.text, message, allowed)

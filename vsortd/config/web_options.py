"""The config file's options of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - pydantic looks at it when it builds the models
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path  # noqa: TC003 - as above
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Discriminator, Field, Strict, TypeAdapter, ValidationError
from pydantic import Tag as Shape

from vsortd.config.base_options import MAPPING, WORD, Options, shape_of
from vsortd.config.value_types import FolderPath, OneOrMany, Size, TextKind, wrong
from vsortd.config.yaml_lines import Node, plain

PAGE_PORT = 8737
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ListenAddress(TextKind):
    """An address of this machine."""

    what: ClassVar[str] = "an address of this machine, such as 127.0.0.1 or 0.0.0.0"

    def check(self, text: str) -> str:  # noqa: D102
        try:
            return str(ip_address(text))
        except ValueError:
            raise wrong("this is no address: four numbers with dots between, or one of IPv6") from None

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "pattern": r"^[0-9A-Fa-f:.]+$"}


@dataclass(frozen=True)
class HostName(TextKind):
    """A name by which browsers ask for this machine."""

    what: ClassVar[str] = "a name of this machine, such as nas.local"

    def check(self, text: str) -> str:  # noqa: D102
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?", text):
            raise wrong("this is no host's name: letters, digits, dots and hyphens")
        return text.lower()

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "pattern": r"^[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?$"}


class Web(Options):
    """The page in the browser: where it listens, and who may."""

    misnamed: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("address", "bind", "listen"), "host"),
        **dict.fromkeys(("password", "auth"), "password_file"),
        **dict.fromkeys(("pictures", "size"), "cache"),
    }

    port: Annotated[int, Strict(), Ge(1), Le(65_535)] = Field(
        default=PAGE_PORT, description="The port of this machine that it is served on."
    )
    host: Annotated[str, ListenAddress()] = Field(
        default=LOOPBACK,
        description="Where it listens: 127.0.0.1 for this machine alone; any other address needs a password_file.",
    )
    password_file: Annotated[Path, FolderPath()] | None = Field(
        default=None, description="The file with the hashed password that `vsortd web password` makes."
    )
    names: Annotated[tuple[Annotated[str, HostName()], ...], OneOrMany()] = Field(
        default=(), description="Other names by which browsers reach it, such as that of a proxy in front of it."
    )
    cache_bytes: Annotated[int, Size(10**7, 10**13)] = Field(
        default=10**9, alias="cache", description="How much of thumbnails and playable copies is kept."
    )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return ip_address(self.host).is_loopback


def _spelled(value: object) -> object:
    """Return what is meant by `on` and `off`, which YAML reads as true and false."""
    if value is True or value == "on":
        return {}
    return "off" if value is False else value


WebChoice = Annotated[
    Annotated[Literal["off"], Shape(WORD)] | Annotated[Web, Shape(MAPPING)],
    Discriminator(shape_of),
    BeforeValidator(_spelled),
]
"""`off`, or where the page listens."""


def web_of(root: Node | None) -> Web | Literal["off"]:
    """Return what a config with mistakes says of the page, or what holds without it where that is a mistake itself.

    What others could reach without a password is for this machine alone.
    """
    node = None if root is None else root.get("web")
    try:
        found: Web | Literal["off"] = TypeAdapter(WebChoice).validate_python({} if node is None else plain(node))
    except ValidationError:
        return Web()
    if isinstance(found, Web) and not found.is_local and found.password_file is None:
        return found.model_copy(update={"host": LOOPBACK})
    return found

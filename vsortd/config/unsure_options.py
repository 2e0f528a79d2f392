"""The config file's options of who else is asked about what the rules were unsure of."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - pydantic looks at it when it builds the models
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - as above
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le
from pydantic import Field, Strict

from vsortd.config.base_options import Flag, Options
from vsortd.config.value_types import Duration, FolderPath, TextKind, wrong
from vsortd.core.server_address import ServerAddress

_MINUTE_S = 60
_CHAT = "/chat/completions"


@dataclass(frozen=True)
class ServerUrl(TextKind):
    """The base address of a server, without a slash at its end."""

    what: ClassVar[str] = "the base address of a server, such as http://127.0.0.1:11434/v1"

    def check(self, text: str) -> str:  # noqa: D102
        try:
            address = ServerAddress.parse(text)
        except ValueError as error:
            raise wrong(str(error)) from None
        if address.path.endswith(_CHAT):
            raise wrong(f"only the base address stands here; {_CHAT} is added to it")
        return str(address)

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "pattern": r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"}


@dataclass(frozen=True)
class ServedModel(TextKind):
    """A model by the name that its server knows."""

    what: ClassVar[str] = "the model's name as its server has it, such as qwen2.5vl:7b"


@dataclass(frozen=True)
class VariableName(TextKind):
    """The name of an environment variable."""

    what: ClassVar[str] = "the name of an environment variable, such as VISION_API_KEY"

    def check(self, text: str) -> str:  # noqa: D102
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
            raise wrong("this is no name of an environment variable; the key itself never stands in the config")
        return text


class Unsure(Options):
    """Who else is asked about a video of which the rules were unsure: a vision model of the server `ask`."""

    misnamed: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("url", "address", "server", "base_url", "endpoint", "host"), "ask"),
        **dict.fromkeys(("key", "api_key", "token"), "key_file"),
        **dict.fromkeys(("timeout", "wait"), "time_limit"),
        **dict.fromkeys(("rate", "limit"), "per_hour"),
    }

    ask: Annotated[str, ServerUrl()] | None = Field(
        default=None,
        description="The base address of an OpenAI-compatible server with a model that sees pictures (Ollama, "
        "llama.cpp, vLLM, LM Studio). It is sent a few frames of each undecided video.",
    )
    model: Annotated[str, ServedModel()] | None = Field(default=None, description="The model's name there.")
    file: Flag = Field(
        default=False,
        description="File the video under the rule that it names; else that is the first guess of `vsortd review`.",
    )
    anywhere: Flag = Field(
        default=False,
        description="Ask a server outside this machine and your own network, too: frames of your videos go there.",
    )
    key_env: Annotated[str, VariableName()] | None = Field(
        default=None, description="The environment variable that holds the server's key."
    )
    key_file: Annotated[Path, FolderPath()] | None = Field(
        default=None, description="The file that holds the server's key, readable by you alone."
    )
    time_limit_s: Annotated[float, Duration(0.1, 30 * _MINUTE_S)] = Field(
        default=60.0, alias="time_limit", description="How long to wait for an answer."
    )
    per_hour: Annotated[int, Strict(), Ge(1), Le(10_000)] = Field(
        default=120, description="How many videos it is asked about in an hour at most."
    )

    @property
    def server(self) -> ServerAddress | None:
        """Where it is asked, None where nobody is."""
        return None if self.ask is None else ServerAddress.parse(self.ask)

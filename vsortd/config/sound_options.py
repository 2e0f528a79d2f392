"""What the config says of the sound model, and the mistakes between it and the rules that listen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vsortd.config.diagnostics import Mistake, dotted
from vsortd.config.rule_nodes import rule_nodes
from vsortd.config.value_types import TextKind, wrong
from vsortd.config.yaml_lines import Node, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")
_MISSING: Final = "nothing can be heard: no sound_model is named"
_NAME_ONE: Final = "with a line `sound_model: laion/clap-htsat-unfused` at the top"


@dataclass(frozen=True)
class SoundModel(TextKind):
    """A CLAP model: a repository of the Hugging Face hub, or the absolute path of a folder; `none` is None."""

    what: ClassVar[str] = "none, a model of the hub such as laion/clap-htsat-unfused, or the absolute path of a folder"

    def read(self, value: Any) -> object:  # noqa: ANN401, D102
        return None if value is None else super().read(value)

    def check(self, text: str) -> str | None:  # noqa: D102
        if text == "none":
            return None
        try:
            path = Path(text).expanduser()
        except RuntimeError:
            raise wrong("there is no such user on this machine") from None
        if path.is_absolute():
            return str(path)
        if not _REPOSITORY.fullmatch(text):
            raise wrong("this is neither a model of the hub nor an absolute path")
        return text

    def show(self, value: str | None) -> str:  # noqa: D102
        return "none" if value is None else value


def sound_mistakes(root: Node) -> Iterator[Mistake]:
    """Find what is asked of a sound model although there is none, and rules that listen and don't compete."""
    model = root.get("sound_model")
    missing = model is None or model.value == "none"
    if missing:
        yield from _music_mistakes(root)
    for node, location in rule_nodes(root):
        sound = node.get("sound")
        if sound is None or not _is_sound(sound):
            continue
        here = dotted((*location, "sound"))
        if missing:
            yield Mistake(sound.line, here, sound.text or None, _MISSING, _NAME_ONE)
        elif node.get("prompts") is None and any(node.get(name) is not None for name in ("when", "contains")):
            message = "what is heard counts beside prompts, and this rule has none: it takes what meets its conditions"
            yield Mistake(sound.line, here, sound.text or None, message, "prompts beside it")


def _music_mistakes(root: Node) -> Iterator[Mistake]:
    """Find conditions on music, which a sound model tells."""
    for node, location in rule_nodes(root, tags=True):
        when = node.get("when")
        if when is None or when.broken or when.kind is not NodeKind.MAPPING:
            continue
        for key in ("min_music_share", "max_music_share"):
            if (asked := when.get(key)) is not None:
                yield Mistake(asked.line, dotted((*location, "when", key)), asked.text or None, _MISSING, _NAME_ONE)


def _is_sound(node: Node) -> bool:
    """Tell whether a node is a text or a list of texts; what is not has a mistake of its own already."""
    parts = node.items if node.kind is NodeKind.LIST else [node]
    return not node.broken and bool(parts) and all(isinstance(part.value, str) and not part.broken for part in parts)

"""YAML read safely, with the line of every key and value.

Works on the parser's event stream and keeps its own stack, so that no file, however deep or hostile,
recurses: PyYAML's composer overflows the stack at 250 nested rules in Python and crashes the process at
200,000 levels in C. What YAML allows but a config must not hold (aliases, tags, duplicate and merge keys,
several documents) is reported as a mistake and read on, so that one report shows everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.resolver import Resolver

from vsortd.config.diagnostics import Location, Mistake, dotted
from vsortd.core.units import about_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES: Final = 1_000_000  # a config of a thousand rules has a tenth of that
# Nestings; a nested rule takes two, so 440 nested rules pass. libyaml itself gives up at 1,000 (since 0.2.6).
MAX_DEPTH: Final = 900
MAX_MISTAKES: Final = 200  # of the YAML itself; what goes on like this is no config
MAX_VALUES: Final = 100_000  # keys and values in all, so that 1 MB of commas stays small in memory

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = Resolver()
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TRUE = {"yes", "true", "on"}
_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what YAML ends a line with


class NodeKind(Enum):
    """What a node of the file is."""

    SCALAR = auto()
    LIST = auto()
    MAPPING = auto()


@dataclass(frozen=True, slots=True)
class Odd:
    """A plain scalar that YAML reads as a date, an octal or sexagesimal number: never what was meant."""

    text: str
    what: str  # "a date", "a number"


@dataclass(slots=True, eq=False)
class Node:
    """One value of the file and where it stands. `line` counts from 1.

    A scalar has `value` (text, bool, int, float, None or Odd), its source `text` and whether it was `plain`
    (unquoted). A list has `items`, a mapping has `entries` (key → line of the key, value).
    `broken` nodes were reported already; what else is wrong with them is not.
    """

    kind: NodeKind
    line: int
    value: object = None
    text: str = ""
    plain: bool = False
    flow: bool = False  # a list or mapping in brackets or braces
    broken: bool = False
    items: list[Node] = field(default_factory=list)
    entries: dict[str, tuple[int, Node]] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        """Return the value under `key` of a mapping, None if this is none or has no such key."""
        entry = self.entries.get(key)
        return entry[1] if entry else None

    def shape(self) -> str:
        """Name what this is, for messages."""
        if self.kind is NodeKind.LIST:
            return "a list"
        if self.kind is NodeKind.MAPPING:
            return "a mapping"
        return describe(self.value)


def describe(value: object) -> str:
    """Name what kind of scalar `value` is, for messages."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a yes/no value"
    if isinstance(value, (int, float)):
        return "a number" if isinstance(value, int) else "a decimal number"
    return value.what if isinstance(value, Odd) else "a text"


@dataclass(frozen=True, slots=True)
class Document:
    """A file as read: the root (None if there is nothing usable) and what was wrong with the YAML itself.

    `text` is what was read, without a byte order mark; "" where that is no text.
    """

    root: Node | None
    mistakes: tuple[Mistake, ...] = ()
    text: str = ""

    @property
    def options(self) -> Node | None:
        """The root where it is a mapping of options, as that of a config is."""
        return self.root if self.root is not None and self.root.kind is NodeKind.MAPPING else None


def read_document(path: Path) -> Document:
    """Read the YAML file at `path`; what is wrong inside is a mistake, an OSError the caller's."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    return read_bytes(data)


def read_bytes(data: bytes) -> Document:
    """Read one YAML document out of UTF-8 bytes (a byte order mark is skipped)."""
    if len(data) > MAX_BYTES:
        size = about_size(MAX_BYTES)
        message = f"the file is larger than {size}, so it was not read"
        return Document(None, (Mistake(1, "", None, message, f"a file of at most {size}"),))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} (0x{data[error.start]:02x}) is not valid UTF-8"
        return Document(None, (Mistake(line, "", None, message, "a text file in UTF-8"),))
    return replace(_NodeBuilder(text).read(), text=text)


def read_text(text: str) -> Document:
    """Read one YAML document out of a text."""
    return read_bytes(text.encode("utf-8", "replace"))


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come.

    In a mapping, `waiting` says that a key was read and its value comes next; `key` None means that the key
    can't be used and its value is read but not kept.
    """

    node: Node
    location: Location
    key: str | None = None
    key_line: int = 0
    waiting: bool = False


_Begin = yaml.ScalarEvent | yaml.AliasEvent | yaml.CollectionStartEvent


class _NodeBuilder:
    """Builds nodes out of parser events without recursing."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._mistakes: list[Mistake] = []
        self._stack: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0
        self._values = 0
        self._last_line = 1 + sum(1 for _ in _BREAK.finditer(text))

    def read(self) -> Document:
        """Read the text to its end, to a syntax error, or to a limit."""
        try:
            for event in yaml.parse(self._text, Loader=_Loader):
                if not self._take(event):
                    return Document(None, tuple(self._mistakes))
                if len(self._mistakes) > MAX_MISTAKES:
                    self._say(self._line(event), "there is more like this; reading ended here", "")
                    return Document(None, tuple(self._mistakes))
        except yaml.YAMLError as error:
            self._mistakes.append(_syntax_mistake(error, self._text))
            return Document(None, tuple(self._mistakes))
        if self._root is None:
            self._mistakes.append(Mistake(1, "", None, "the file is empty", "a mapping of options"))
        return Document(self._root, tuple(self._mistakes))

    def _take(self, event: yaml.Event) -> bool:
        """Handle one event; False ends the reading."""
        line = self._line(event)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._say(line, "a second document begins here", "one document, so no further line with ---")
                return False
        elif isinstance(event, _Begin):
            return self._begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop()
        return True

    def _line(self, event: yaml.Event) -> int:
        """Return the line an event stands on, counted from 1; 0 where the parser kept none.

        libyaml counts a byte order mark amid the text as a line, and may so point behind the last one.
        """
        return 0 if event.start_mark is None else min(event.start_mark.line + 1, self._last_line)

    def _begin(self, event: _Begin, line: int) -> bool:
        """Put a value (or key) into what is open; False when a limit is passed."""
        self._values += 1
        if self._values > MAX_VALUES:
            allowed = f"at most {MAX_VALUES:,} keys and values"
            self._mistakes.append(Mistake(line, "", None, "the file holds too many values", allowed))
            return False
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.node.kind is NodeKind.MAPPING and not parent.waiting:
            return self._begin_key(parent, event, line)
        node = self._node(event, line)
        location = self._here()
        self._attach(parent, node)
        return self._open(node, location) if isinstance(event, yaml.CollectionStartEvent) else True

    def _open(self, node: Node, location: Location) -> bool:
        """Enter a list or mapping; False when that is too deep."""
        if len(self._stack) >= MAX_DEPTH:
            self._mistakes.append(_too_deep(node.line))
            return False
        self._stack.append(_Open(node, location))
        return True

    def _begin_key(self, parent: _Open, event: _Begin, line: int) -> bool:
        """Read a key; an unusable one is reported, its value read but not kept."""
        parent.key, parent.key_line = None, line
        if isinstance(event, yaml.ScalarEvent):
            parent.key = self._usable_key(parent, event, line)
        elif isinstance(event, yaml.AliasEvent):
            self._node(event, line)
        else:
            self._say(line, "a key can't be a list or mapping", "a text as key; a text in braces in quotes")
        parent.waiting = True
        return (
            self._open(
                Node(NodeKind.LIST if isinstance(event, yaml.SequenceStartEvent) else NodeKind.MAPPING, line),
                parent.location,
            )
            if isinstance(event, yaml.CollectionStartEvent)
            else True
        )

    def _usable_key(self, parent: _Open, event: yaml.ScalarEvent, line: int) -> str | None:
        """Return the key, or None after saying why it can't be one."""
        node = self._node(event, line)
        if node.broken:
            return None
        key = event.value
        if node.plain and key == "<<":
            self._say(line, "merge keys (<<) are not read", "each option written where it belongs", value="<<")
            return None
        if not isinstance(node.value, str):
            message = f'this key is {describe(node.value)} to YAML; write "{key}" in quotes'
            self._say(line, message, "a text as key", value=key)
            return None
        if key in parent.node.entries:
            first = parent.node.entries[key][0]
            path = dotted((*parent.location, key))
            self._mistakes.append(
                Mistake(line, path, None, f'the key "{key}" stands here already, on line {first}', "each key once")
            )
            return None
        return key

    def _attach(self, parent: _Open | None, node: Node) -> None:
        """Put `node` into the open list or mapping."""
        if parent is None:
            self._root = node
        elif parent.node.kind is NodeKind.LIST:
            parent.node.items.append(node)
        else:
            parent.waiting = False
            if parent.key is not None:
                parent.node.entries[parent.key] = (parent.key_line, node)

    def _node(self, event: _Begin, line: int) -> Node:
        """Make the node of an event, saying what about it is not allowed."""
        broken = False
        if isinstance(event, yaml.AliasEvent):
            remedy = f'the value written out; a text that begins with * in quotes: "*{event.anchor}"'
            self._say(line, f"aliases (*{event.anchor}) are not read", remedy)
            return Node(NodeKind.SCALAR, line, text=f"*{event.anchor}", plain=True, broken=True)
        if event.anchor is not None:
            remedy = f'no anchor; a text that begins with & in quotes: "&{event.anchor}"'
            self._say(line, f"anchors (&{event.anchor}) are not read", remedy)
            broken = True
        if event.tag is not None:
            self._say(
                line,
                f"tags ({event.tag}) are not read",
                "the value alone; a text that begins with ! in quotes",
            )
            broken = True
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            value = _resolve(event.value) if plain else event.value
            return Node(NodeKind.SCALAR, line, value=value, text=event.value, plain=plain, broken=broken)
        kind = NodeKind.LIST if isinstance(event, yaml.SequenceStartEvent) else NodeKind.MAPPING
        return Node(kind, line, flow=bool(event.flow_style), broken=broken)

    def _say(self, line: int, message: str, allowed: str, *, value: object = None) -> None:
        """Note a mistake at the place that is being read."""
        self._mistakes.append(Mistake(line, dotted(self._here()), value, message, allowed))

    def _here(self) -> Location:
        """Return the location of the value that is being read."""
        if not self._stack:
            return ()
        top = self._stack[-1]
        if top.node.kind is NodeKind.LIST:
            return (*top.location, len(top.node.items))
        return top.location if top.key is None or not top.waiting else (*top.location, top.key)


def _resolve(text: str) -> object:
    """Return what a plain scalar means: text, bool, int, float, None, or Odd."""
    tag = str(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False))).rpartition(":")[2]  # type: ignore[no-untyped-call]
    if tag == "str" or (tag in {"merge", "value"}):
        return text
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() in _TRUE
    if tag == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if tag == "float" and _DECIMAL.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return Odd(text, "a date" if tag == "timestamp" else "a number")


def _syntax_mistake(error: yaml.YAMLError, text: str) -> Mistake:
    """Turn the parser's complaint into a mistake with a hint where the cause is a common one."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Mistake(line, "", None, f"the file holds a character that YAML forbids ({error.reason})", "plain text")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    # At the end of the text, one parser points behind the last line.
    line = min(mark.line + 1, max(1, len(text.splitlines()))) if mark is not None else 1
    context, problem = (str(getattr(error, name, None) or "") for name in ("context", "problem"))
    if "maximum nesting depth" in problem + context:  # libyaml reads ahead, so its own limit may come before ours
        return _too_deep(line)
    message = "not valid YAML: " + " ".join(part for part in (problem, context) if part)
    return Mistake(line, "", None, message, _hint(context, problem, text, line))


def _too_deep(line: int) -> Mistake:
    message = "lists and mappings are nested too deeply here"
    return Mistake(line, "", None, message, f"at most {MAX_DEPTH:,} nestings")


def _hint(context: str, problem: str, text: str, line: int) -> str:
    """Say what most likely helps."""
    lines = text.splitlines()
    source = lines[line - 1] if line <= len(lines) else ""
    if "alias" in context:
        return 'a value that begins with * in quotes: "*.tmp"'
    if "\t" in source[: len(source) - len(source.lstrip())]:
        return "spaces for indentation, no tabs"
    if "mapping values are not allowed" in problem:
        return 'a text that holds ": " in quotes; the same indentation for all keys of one mapping'
    if "cannot start any token" in problem:
        return "a value that begins with @, %, ` or a tab in quotes"
    return "see the line before, too: brackets and quotes closed, the same indentation within one list"


def plain(node: Node) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return `node` as Python values (dict, list, scalar), built without recursion."""
    result: list[Any] = [None]
    work: list[tuple[Node, Any, Any]] = [(node, result, 0)]
    while work:
        current, target, key = work.pop()
        if current.kind is NodeKind.SCALAR:
            target[key] = current.value
        elif current.kind is NodeKind.LIST:
            target[key] = [None] * len(current.items)
            work.extend((item, target[key], index) for index, item in enumerate(current.items))
        else:
            target[key] = dict.fromkeys(current.entries)
            work.extend((value, target[key], name) for name, (_, value) in current.entries.items())
    return result[0]


def walk_to(root: Node, location: Location) -> Iterator[tuple[Location, int, Node]]:
    """Yield (location, line, node) from the root towards `location`, as far as the file goes.

    The line is the value's; of a list or mapping under a key it is the key's, where a reader looks first.
    """
    node, line = root, root.line
    yield (), line, node
    for index, step in enumerate(location):
        if node.kind is NodeKind.MAPPING and isinstance(step, str) and step in node.entries:
            key_line, node = node.entries[step]
            line = key_line if node.kind is not NodeKind.SCALAR or node.value is None else node.line
        elif node.kind is NodeKind.LIST and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            line = node.line
        else:
            return
        yield location[: index + 1], line, node

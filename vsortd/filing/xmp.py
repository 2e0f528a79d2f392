"""XMP sidecars: what was found in a video, written so that photo and video managers read it.

A sidecar that is there already is amended. Whatever is not vsortd's own stays in it as it is: other properties and
namespaces, other people's keywords, comments, the packet's wrapper. What vsortd itself put into the keywords stands in
properties of its own namespace, so that it is known when the video is filed anew, and replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lxml import etree

from vsortd.core.names import nfc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# lxml says nothing of its types.
Element: TypeAlias = Any
ElementTree: TypeAlias = Any

# Far more than any tool writes; a file beyond it is not read.
LARGEST_BYTES: Final = 4 * 1024 * 1024

_X: Final = "adobe:ns:meta/"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC: Final = "http://purl.org/dc/elements/1.1/"
_LIGHTROOM: Final = "http://ns.adobe.com/lightroom/1.0/"
_DIGIKAM: Final = "http://www.digikam.org/ns/1.0/"
OWN: Final = "urn:vsortd:xmp:1#"

_SUBJECT: Final = f"{{{_DC}}}subject"
_HIERARCHICAL: Final = f"{{{_LIGHTROOM}}}hierarchicalSubject"
_TAGS_LIST: Final = f"{{{_DIGIKAM}}}TagsList"
_RULE, _SCORE, _TAGS = (f"{{{OWN}}}{name}" for name in ("rule", "score", "tags"))
# Of each list of keywords: where vsortd notes what it put into it, the prefix of its namespace, and its form in RDF.
# No note is called like its list: exiftool shows names without their namespace, and so do programs that ask it.
_LISTS: Final = {
    _SUBJECT: (f"{{{OWN}}}addedSubject", "dc", "Bag"),
    _HIERARCHICAL: (f"{{{OWN}}}addedHierarchicalSubject", "lr", "Bag"),
    _TAGS_LIST: (f"{{{OWN}}}addedTagsList", "digiKam", "Seq"),
}
_DESCRIPTION: Final = f"{{{_RDF}}}Description"
_ABOUT: Final = f"{{{_RDF}}}about"
_ITEM: Final = f"{{{_RDF}}}li"
_CONTAINERS: Final = tuple(f"{{{_RDF}}}{name}" for name in ("Bag", "Seq", "Alt"))
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_EMPTY: Final = f"""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="{_X}" x:xmptk="vsortd">
 <rdf:RDF xmlns:rdf="{_RDF}">
  <rdf:Description rdf:about="" xmlns:dc="{_DC}" xmlns:lr="{_LIGHTROOM}" xmlns:digiKam="{_DIGIKAM}"
    xmlns:vsortd="{OWN}">
   </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


class ForeignXmpError(Exception):
    """A file is not XMP as sidecars have it; the text says why."""


@dataclass(frozen=True, slots=True)
class XmpMarks:
    """What is written of a video: its rule's key ("forest/night", "" for none), its tags, and its score from 0 to 1."""

    rule: str
    tags: tuple[str, ...]
    score: float

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.rule or self.tags)

    def keywords(self) -> dict[str, list[str]]:
        """Return the keywords of each list by its property, each once, in their order.

        Each level of a rule is a subject; of a facet's tag only the value is: "tense" of "mood:tense".
        """
        rule = [[_text(level) for level in self.rule.split("/")]] if self.rule else []
        tags = [[_text(part) for part in tag.split(":", 1)] for tag in self.tags]
        paths = rule + tags
        return {
            _SUBJECT: _once([*(level for path in rule for level in path), *(path[-1] for path in tags)]),
            _HIERARCHICAL: _once("|".join(level.replace("|", "-") for level in path) for path in paths),
            _TAGS_LIST: _once("/".join(level.replace("/", "-") for level in path) for path in paths),
        }


def new_sidecar(marks: XmpMarks) -> bytes:
    """Return a sidecar with these marks and nothing else."""
    made = amended(_EMPTY, marks)
    assert made is not None
    return made


def amended(data: bytes, marks: XmpMarks) -> bytes | None:
    """Return a sidecar's bytes with these marks in the place of those that vsortd wrote before; None for no change.

    Raises ForeignXmpError where it is not XMP, too large, or has a DTD.
    """
    root, tree = _parsed(data)
    descriptions = _descriptions(root)
    if not marks and not any(_has_own(one) for one in descriptions):
        return None
    _take_out(descriptions)
    if marks:
        _put_in(descriptions, marks)
    return _written(tree, data)


def _parsed(data: bytes) -> tuple[Element, ElementTree]:
    if len(data) > LARGEST_BYTES:
        raise ForeignXmpError(f"it is larger than {LARGEST_BYTES // 1024**2} MiB")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, strip_cdata=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ForeignXmpError("it can't be read as XML") from error
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None:
        raise ForeignXmpError("it has a DTD, which XMP never has")
    return root, tree


def _descriptions(root: Element) -> list[Element]:
    """Return the elements that hold the properties; there is always one. Raises ForeignXmpError."""
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        raise ForeignXmpError("it is no XMP")
    found: list[Element] = rdf.findall(_DESCRIPTION)
    if not found:
        found = [etree.SubElement(rdf, _DESCRIPTION, {_ABOUT: ""})]
    return found


def _has_own(description: Element) -> bool:
    tags = (*description.attrib, *(one.tag for one in description if isinstance(one.tag, str)))
    return any(str(tag).startswith(f"{{{OWN}}}") for tag in tags)


def _take_out(descriptions: Sequence[Element]) -> None:
    """Remove what vsortd put in before: its own properties, and those keywords that these name."""
    for name, (noted, _, _) in _LISTS.items():
        ours = set(_present(descriptions, noted))
        for container in _containers(descriptions, name):
            for one in container.findall(_ITEM):
                if _content(one) in ours:
                    _remove(one)
            if ours and not len(container):
                _remove_up(container)
    for description in descriptions:
        for attribute in [one for one in description.attrib if str(one).startswith(f"{{{OWN}}}")]:
            del description.attrib[attribute]
        for child in [one for one in description if isinstance(one.tag, str) and one.tag.startswith(f"{{{OWN}}}")]:
            _remove(child)


def _put_in(descriptions: Sequence[Element], marks: XmpMarks) -> None:
    own = descriptions[0]
    _set_text(own, _RULE, _text(marks.rule))
    _set_text(own, _SCORE, f"{marks.score:.4f}")
    _set_list(own, _TAGS, "vsortd", "Bag", [_text(tag) for tag in marks.tags])
    others = _in_other_lists(descriptions)
    for name, found in marks.keywords().items():
        noted, prefix, form = _LISTS[name]
        wanted = _once([*others.get(name, ()), *found])
        _set_list(own, noted, "vsortd", "Bag", _add(descriptions, name, prefix, form, wanted))


def _in_other_lists(descriptions: Sequence[Element]) -> dict[str, list[str]]:
    """Return for a list that is not there yet the keywords that others have written into another one.

    Some programs read the first list that they find, and no other: a list with nothing but ours would hide theirs.
    """
    subjects, paths, tags = (_present(descriptions, name) for name in (_SUBJECT, _HIERARCHICAL, _TAGS_LIST))
    levels = {level for path in paths for level in path.split("|")}
    flat = [one for one in subjects if one not in levels]
    found = {}
    if not paths:
        found[_HIERARCHICAL] = [one.replace("|", "-") for one in subjects]
    if not tags:
        found[_TAGS_LIST] = [one.replace("/", "-").replace("|", "/") for one in paths]
        found[_TAGS_LIST] += [one.replace("/", "-") for one in flat]
    return found


def _present(descriptions: Sequence[Element], name: str) -> list[str]:
    return [_content(one) for container in _containers(descriptions, name) for one in container.findall(_ITEM)]


def _add(descriptions: Sequence[Element], name: str, prefix: str, form: str, wanted: Sequence[str]) -> list[str]:
    """Add keywords to a list; returns those that were not in it."""
    present = _present(descriptions, name)
    missing = [one for one in wanted if one not in present]
    if not missing:
        return []
    container = next(_containers(descriptions, name), None)
    if container is None:
        _set_list(descriptions[0], name, prefix, form, missing)
        return missing
    for text in missing:
        _append(container, text)
    return missing


def _containers(descriptions: Iterable[Element], name: str) -> Iterator[Element]:
    """Yield the lists of a property, wherever it stands; one that was written as plain text becomes a list first."""
    form = _LISTS[name][2] if name in _LISTS else "Bag"
    for description in descriptions:
        if (plain := description.attrib.pop(name, None)) is not None:
            container = etree.SubElement(etree.SubElement(description, name), f"{{{_RDF}}}{form}")
            etree.SubElement(container, _ITEM).text = plain
        for found in description.findall(name):
            containers = [one for one in found if one.tag in _CONTAINERS]
            if not containers and not len(found) and (found.text or "").strip():
                container = etree.SubElement(found, f"{{{_RDF}}}{form}")
                etree.SubElement(container, _ITEM).text, found.text = found.text, None
                containers = [container]
            yield from containers


def _set_text(description: Element, name: str, text: str) -> None:
    element = etree.SubElement(description, name, nsmap={"vsortd": OWN})
    element.text = text
    _indent(description, element)


def _set_list(description: Element, name: str, prefix: str, form: str, texts: Sequence[str]) -> None:
    if not texts:
        return
    element = etree.SubElement(description, name, nsmap={prefix: etree.QName(name).namespace})
    container = etree.SubElement(element, f"{{{_RDF}}}{form}")
    for text in texts:
        etree.SubElement(container, _ITEM).text = text
    etree.indent(element, space=" ", level=3)
    _indent(description, element)


def _append(container: Element, text: str) -> None:
    item = etree.SubElement(container, _ITEM)
    item.text = text
    _indent(container, item)


def _indent(parent: Element, last: Element) -> None:
    """Set a new last child on a line of its own where its siblings are."""
    before = last.getprevious()
    last.tail = parent.text if before is None else before.tail
    if before is not None and parent.text and not parent.text.strip():
        before.tail = parent.text


def _remove(element: Element) -> None:
    """Remove an element, and the blanks that stood before it where it is the last."""
    parent, before = element.getparent(), element.getprevious()
    assert parent is not None
    if element.getnext() is None and before is not None and not (before.tail or "").strip():
        before.tail = element.tail
    parent.remove(element)


def _remove_up(container: Element) -> None:
    """Remove a list that is empty by now, with its property."""
    found = container.getparent()
    assert found is not None
    _remove(found if len(found) == 1 else container)


def _written(tree: ElementTree, data: bytes) -> bytes:
    """Return a document's bytes in the encoding that it had, with a declaration and a byte order mark if it had one."""
    encoding = tree.docinfo.encoding or "UTF-8"
    if encoding.upper() != "UTF-8":
        return bytes(etree.tostring(tree, encoding=encoding, xml_declaration=True))
    bare = data.removeprefix(_BYTE_ORDER_MARK)
    made: bytes = etree.tostring(tree, encoding=encoding, xml_declaration=bare.startswith(b"<?xml "))
    return data[: len(data) - len(bare)] + made + b"\n"


def _content(item: Element) -> str:
    return nfc((item.text or "").strip())


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _text(text: str) -> str:
    """Return a name in its composed form, as XML can hold it."""
    return nfc("".join(char if _is_xml(char) else "\N{REPLACEMENT CHARACTER}" for char in text)).strip()


def _is_xml(char: str) -> bool:
    return char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"

"""XMP sidecars as other programs write them, and what two of them have in common whatever their form."""

from __future__ import annotations

from typing import Any

from lxml import etree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
LIGHTROOM = "http://ns.adobe.com/lightroom/1.0/"
DIGIKAM = "http://www.digikam.org/ns/1.0/"
OWN = "urn:vsortd:xmp:1#"
SUBJECT, HIERARCHICAL, TAGS_LIST = f"{{{DC}}}subject", f"{{{LIGHTROOM}}}hierarchicalSubject", f"{{{DIGIKAM}}}TagsList"

# Two descriptions, a rating and a label as attributes, keywords of a person, a structure of a namespace that nobody
# knows, in which blanks, line breaks and the order count, a comment, and the packet that may be written over.
THEIRS = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<!-- by hand -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:odd="urn:example:odd/"
   xmp:Rating="4"
   xmp:Label="Grün"
   odd:lines="one&#10;two">
   <dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/">
    <rdf:Bag>
     <rdf:li>forest</rdf:li>
     <rdf:li>Opa &amp; Oma</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <odd:thing rdf:parseType="Resource"><odd:text xml:lang="de"> a&#13;b <![CDATA[<c>]]></odd:text></odd:thing>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:lr="http://ns.adobe.com/lightroom/1.0/">
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>people|Oma</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()


def keywords(data: bytes, name: str) -> list[str]:
    """Return the items of all lists of a property, in their order."""
    root = etree.fromstring(data)
    return [item.text for found in root.iter(name) for item in found.iter(f"{{{RDF}}}li")]


def value(data: bytes, name: str) -> str | None:
    """Return the text of a property of vsortd's own, None where there is none."""
    found = etree.fromstring(data).find(f".//{{{OWN}}}{name}")
    return None if found is None else str(found.text or "")


def without(data: bytes, *taken: str) -> list[Any]:
    """Return what a sidecar says besides these keywords and vsortd's own properties; the blanks between are nothing."""
    root = etree.fromstring(data)
    before = [str(one) for one in root.itersiblings(preceding=True)]
    return [before, [str(one) for one in root.itersiblings()], _said(root, taken)]


def _said(element: Any, taken: tuple[str, ...]) -> Any:
    if not isinstance(element.tag, str):
        return str(element)
    children = [_said(one, taken) for one in element if not _is_left_out(one, taken)]
    text = element.text or ""
    attributes = sorted(dict(element.attrib).items())
    return [element.tag, element.prefix, attributes, text if text.strip() or not len(element) else "", children]


def _is_left_out(element: Any, taken: tuple[str, ...]) -> bool:
    if not isinstance(element.tag, str):
        return False
    if element.tag == TAGS_LIST:  # which THEIRS has not
        return True
    if element.tag.startswith(f"{{{OWN}}}") or (element.tag == f"{{{RDF}}}li" and element.text in taken):
        return True
    lists = {SUBJECT, HIERARCHICAL}
    return element.tag in lists and all(one.text in taken for one in element.iter(f"{{{RDF}}}li"))

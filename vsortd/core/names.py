"""Which names can be folders everywhere, and which templates can name a file."""

from __future__ import annotations

import os
import re
import string
import sys
import unicodedata
from typing import TYPE_CHECKING

from vsortd.core.late_pattern import LatePattern

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

TEMPLATE_FIELDS: tuple[str, ...] = (
    "stem",
    "date",
    "year",
    "month",
    "day",
    "time",
    "rule",
    "width",
    "height",
    "orientation",
    "camera",
    "tags",
)
"""The fields of `place.name`, each written `{field}` and rendered as one sanitised component; facets are some, too."""

COUNTER = "n"
"""The field of `place.name` that counts the files of one name in a folder: `{n}`, or `{n:04}` for 0001."""
_DIGITS = LatePattern(r"0[1-9]")  # what may follow its colon

SUB_FOLDER = "sub"
"""The field of `place.folder` for where a video lay below its inbox."""

RESERVED_FIELDS = frozenset({*TEMPLATE_FIELDS, COUNTER, SUB_FOLDER})
"""Names of fields, which no facet can have."""

_TAG_PART_FORBIDDEN = ":/\\!{}[]"  # the sign between the two, and what a name template reads otherwise

TAG_PART_MAX_BYTES = 100  # of a facet's name or a value's: both stand in file names
NAME_MAX_BYTES = 200  # most filesystems allow 255; " (2)", ".mp4" and temporary prefixes need room
_LONGEST_BYTES = 255  # of any name on ext4, APFS, NTFS
OWN_FOLDER = ".vsortd"  # the library's own store of originals

_RESERVED = LatePattern(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_WINDOWS_FORBIDDEN = '<>:"|?*'
_WITHOUT_FORBIDDEN = str.maketrans(dict.fromkeys(_WINDOWS_FORBIDDEN, "_"))
_REFUSED = frozenset(f"{_WINDOWS_FORBIDDEN}/\\")


# Not seen in a name, but it changes how the name is read: controls, marks and turns of the direction of writing,
# breaks, blanks without width. The joiners U+200C and U+200D stay, with which Persian, Indian scripts and emoji are
# written, and so do the tags that make a flag England's.
_FLAG = "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
_UNSEEN = LatePattern(
    f"({_FLAG})|"
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def nfc(text: str) -> str:
    """Return a name in the form in which names are compared: composed (Unicode NFC).

    Macs, Samba and zip files bring names decomposed, keyboards type them composed, and both look alike. Nothing is
    renamed for it. Bytes that are no UTF-8 (surrogate escapes) stay as they are.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def both_forms(name: str) -> set[str]:
    """Return a name as it is, composed and decomposed: on a Mac's disk, or for a Mac on a share, these are one name.

    A form of more bytes than a name may have is left out.
    """
    if name.isascii():
        return {name}
    others = (nfc(name), unicodedata.normalize("NFD", name))
    return {name, *(other for other in others if len(os.fsencode(other)) <= _LONGEST_BYTES)}


def without_unseen(text: str, instead: str = "_") -> str:
    """Return a name in which what can't be seen is replaced, so that it is read as it is."""
    return (
        text if text.isascii() and text.isprintable() else _UNSEEN.compiled.sub(lambda found: found[1] or instead, text)
    )


def folder_name_problem(name: str) -> str | None:
    """Say why `name` can't be one folder on every system, or None if it can.

    Reserved names and trailing dots are refused on Linux too: a library is carried to other systems on disks
    and shares. The characters that only Windows forbids are refused only there.
    """
    return next((problem for applies, problem in _PROBLEMS if applies(name)), None)


_PROBLEMS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda name: not name.strip(), "a folder's name can't be empty"),
    (lambda name: name in {".", ".."}, "this name stands for a folder that exists already"),
    (lambda name: "/" in name or "\\" in name, "a name is one folder, so it can't hold / or \\"),
    (
        lambda name: any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in name),
        "a folder's name can't hold control characters",
    ),
    (
        lambda name: without_unseen(name) != name,
        "a folder's name can't hold characters that are not seen, such as U+202E, which turns the writing around",
    ),
    (
        lambda name: name[-1] in ". " or name[0] == " ",
        "a folder's name can't end with a dot or a space, nor begin with a space",
    ),
    (lambda name: bool(_RESERVED.compiled.fullmatch(name)), "Windows reserves this name for a device"),
    (lambda name: len(name.encode()) > NAME_MAX_BYTES, f"the name is longer than {NAME_MAX_BYTES} bytes"),
    (lambda name: name.casefold() == OWN_FOLDER, "vsortd keeps its own files in a folder of this name"),
    (
        lambda name: sys.platform == "win32" and any(char in _WINDOWS_FORBIDDEN for char in name),
        f"Windows allows none of {_WINDOWS_FORBIDDEN} in a name",
    ),
)


def portable(name: str) -> str:
    """Return a name as every disk takes it: what Windows, FAT, exFAT and shares refuse is replaced.

    So are bytes that are no text. Two names that differ may become one.
    """
    fitted = without_refused(name).rstrip(". ")
    return f"_{fitted}" if _RESERVED.compiled.fullmatch(fitted) else fitted or "_"


def without_refused(text: str) -> str:
    """Return a piece of a name in which what some disk refuses is replaced."""
    return "".join("_" if char in _REFUSED or _is_no_text(char) else char for char in text)


def _is_no_text(char: str) -> bool:
    return ord(char) < ord(" ") or "\ud800" <= char <= "\udfff"


def folder_key(name: str) -> str:
    """Return what two names must not share to be two folders everywhere (case, Unicode form, sanitising)."""
    return folded(name).rstrip(". ")


def folded(name: str) -> str:
    """Return a piece of a name without case and in one form, and without what some disks take no name with."""
    return nfc(nfc(name).casefold()).translate(_WITHOUT_FORBIDDEN)


def facet_tag(facet: str, value: str) -> str:
    """Return the tag of a facet's value: "mood:calm"."""
    return f"{facet}:{value}"


def facet_values(tags: Iterable[str]) -> dict[str, str]:
    """Return the value of each facet among some tags; tags that are of no facet are left out."""
    return {facet: value for facet, colon, value in (tag.partition(":") for tag in tags) if colon}


def tag_part_problem(name: str) -> str | None:
    """Say why `name` can be neither a facet's nor one of its values', or None if it can."""
    if not name.strip():
        return "a name can't be empty"
    if found := next((char for char in name if char in _TAG_PART_FORBIDDEN), ""):
        return f"a name here can't hold {found}"
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in name) or without_unseen(name) != name:
        return "a name can't hold characters that are not seen"
    if name != name.strip():
        return "a name can't begin or end with a space"
    return f"the name is longer than {TAG_PART_MAX_BYTES} bytes" if len(name.encode()) > TAG_PART_MAX_BYTES else None


def tag_part(name: str) -> str:
    """Return the name nearest to `name` that a facet or a value can have; "" where nothing is left of it."""
    fitted = "".join("-" if char in _TAG_PART_FORBIDDEN else char for char in without_unseen(nfc(name), ""))
    fitted = "".join(char for char in fitted if unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"})
    return cut(fitted.strip(), TAG_PART_MAX_BYTES).strip()


def template_fields(template: str) -> list[str]:
    """Return the fields that a name template asks for. Raises ValueError where its braces don't match."""
    return [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]


def template_problem(template: str, facets: Container[str] = ()) -> str | None:
    """Say why `template` can't be `place.name`, or None if it can.

    Only `{field}` of TEMPLATE_FIELDS, or of `facets`, counts: no attributes, indexes, conversions, format specs or
    doubled braces, so that rendering is plain replacement and its result stays one component. One counter may stand in
    it, whose format spec is its number of digits.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return "its braces don't match"
    plain = ""
    for literal, field, spec, conversion in parts:
        if "{" in literal or "}" in literal:
            return "braces may only hold a field"
        plain += literal
        if field is None:
            continue
        if problem := _field_problem(field, spec, conversion, facets):
            return problem
        plain += "x"
    if [field for _, field, _, _ in parts].count(COUNTER) > 1:
        return "a name takes one counter"
    if plain.startswith("."):
        return "a file whose name begins with a dot is hidden"
    return folder_name_problem(plain)


def _field_problem(field: str, spec: str | None, conversion: str | None, facets: Container[str]) -> str | None:
    if field == COUNTER:
        sound = not conversion and (not spec or _DIGITS.compiled.fullmatch(spec))
        return None if sound else "a counter is written {n}, or {n:04} for four digits"
    if field not in TEMPLATE_FIELDS and field not in facets:
        return f'there is no field "{{{field}}}"'
    if spec or conversion:
        return f'the field "{{{field}}}" takes no format or conversion'
    return None


def cut(text: str, limit_bytes: int) -> str:
    """Shorten a name to a number of bytes, between two characters."""
    if len(os.fsencode(text)) <= limit_bytes:
        return text
    used, kept = 0, 0
    for char in text:
        used += len(os.fsencode(char))
        if used > limit_bytes:
            break
        kept += 1
    return text[:kept]

"""How undo takes an XMP sidecar back that vsortd made or amended: what people wrote into it since is not lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsortd.core.text import storable
from vsortd.filing.file_bytes import sha256_of
from vsortd.filing.records import IdentityMatch, Item, Operation, OperationKind, Phase, likeness
from vsortd.filing.sidecar_paths import ENDING, sidecar_beside
from vsortd.filing.undo_checks import now_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.open_folder import Folders


@dataclass(frozen=True, slots=True)
class SidecarReturn:
    """What takes a sidecar back: operations, what can't come back (where it came from, why not), and notes."""

    operations: list[Operation] = field(default_factory=list)
    missing: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sidecar_back(item: Item, there: Sequence[Operation], folders: Folders, *, stayed: bool) -> SidecarReturn:
    """Return how a sidecar that was made goes, and how the one that it was made of comes back, if there were such.

    One that was edited since goes back with its video; the former one then comes to lie beside it (`.former.xmp`). One
    that is no longer there is not missed. `there` are the item's operations that are done. Where the video's source
    `stayed` where it was, what was edited stays in the library, as other sidecars do; and one that was made of a
    sidecar which is gone from there comes back in its place. Raises FilingError.
    """
    back = SidecarReturn()
    made = next((one for one in there if one.kind is OperationKind.PUBLISH_SIDECAR), None)
    if made is None:
        return back
    kept = next((one for one in there if one.kind is OperationKind.KEEP_SIDECAR), None)
    name = sidecar_beside(item.source) if kept is None else kept.source
    now = now_at(made.target, folders)
    edited = now is not None and not _is_as_put(made, now, folders)
    if now is not None and edited and stayed:
        back.notes.append(f"{storable(made.target)} was changed since it was filed and stays")
    elif now is not None and edited:
        back.operations.append(Operation(OperationKind.RESTORE_SIDECAR, Phase.UNDO, made.target, name, now))
        back.notes.append(storable(f"{name.name} was edited since it was filed and came back as it is"))
    elif now is not None and (lying := _gone_since(there, folders)) is not None:
        if now_at(lying.source, folders) is None:
            back.operations.append(Operation(OperationKind.RESTORE_SIDECAR, Phase.UNDO, made.target, lying.source, now))
            back.notes.append(storable(f"{lying.source.name} came back from the library, since it was gone"))
        else:
            back.notes.append(f"{storable(made.target)} stays: {storable(lying.source.name)} is another file by now")
    elif now is not None:
        back.operations.append(Operation(OperationKind.REMOVE_SIDECAR, Phase.UNDO, made.target, None, now))
    if kept is None:
        return back
    former = now_at(kept.target, folders)
    if former is None:
        back.missing.append((kept.source, f"it is no longer at {storable(kept.target)}"))
        return back
    if edited:
        name = name.with_name(f"{name.stem}.former{ENDING}")
        back.notes.append(storable(f"what it was before is {name.name}"))
    back.operations.append(Operation(OperationKind.RESTORE_SIDECAR, Phase.UNDO, kept.target, name, former))
    return back


def _gone_since(there: Sequence[Operation], folders: Folders) -> Operation | None:
    """Return the operation of a sidecar that stayed where it was and isn't there any more, None for none."""
    lying = next((one for one in there if one.kind is OperationKind.STAYED_SIDECAR), None)
    if lying is None:
        return None
    like = likeness(lying.identity, now_at(lying.source, folders))
    return None if like in {IdentityMatch.SAME, IdentityMatch.ALIKE} else lying


def _is_as_put(made: Operation, now: Identity, folders: Folders) -> bool:
    """Tell whether what lies there is what was put there, by its bytes where inodes don't tell."""
    like = likeness(made.destination_identity or made.identity, now)
    if like is IdentityMatch.ALIKE and made.sha256 is not None:
        return sha256_of(folders.get(made.target.parent), made.target.name) == made.sha256
    return like is IdentityMatch.SAME

"""What a filing is asked for, and the intents that it begins with: one operation for each file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.errors import ChangedError
from vsortd.filing import fsops
from vsortd.filing.journal import numbered
from vsortd.filing.name_fit import NameFit
from vsortd.filing.open_folder import HIDDEN, identity_of
from vsortd.filing.records import IdentityMatch, Item, Operation, OperationKind, Phase, likeness, utc
from vsortd.filing.staging import ORIGINALS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.core.video_facts import Clip

# What every disk takes for the name of a kept original, bytes (eCryptfs allows 143).
KEPT_BYTES: Final = 140


@dataclass(frozen=True, slots=True)
class ConvertedFile:
    """A finished MP4 in the staging folder, made of the source."""

    path: Path
    kind: ConversionKind
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class FilingRequest:
    """What is to be filed, and what was decided. `folder` is below the library; `outcome` FILED or REVIEW.

    `conversion` is what a dry run foresees; `converted` what was made.
    """

    source: Path
    identity: Identity
    folder: tuple[str, ...]
    outcome: ItemState = ItemState.FILED
    sidecars: tuple[Path, ...] = ()
    clip: Clip | None = None
    rule: str = ""
    score: float = 0.0
    margin: float = 0.0
    reason: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    batch: str = ""
    converted: ConvertedFile | None = None
    conversion: ConversionKind = ConversionKind.NONE


def plan_placement(
    request: FilingRequest, library: Path, transaction_id: str, targets: Sequence[Path]
) -> tuple[Item, list[Operation]]:
    """Return the item of a filing and its operations; `targets` are where the video and its sidecars go.

    A converted file gets the rights of its video by the way. Raises ChangedError, FilingError.
    """
    item = new_item(request.source, request.identity, ItemState.PLACING, request.reason, batch=request.batch)
    converted = request.converted
    item = replace(
        item,
        outcome=request.outcome,
        destination=targets[0],
        rule=request.rule,
        score=request.score,
        margin=request.margin,
        converted=ConversionKind.NONE if converted is None else converted.kind,
        detail=request.detail,
        library=library,
        transaction_id=transaction_id,
    )
    operations = _video_operations(request, library, transaction_id, targets[0])
    for sidecar, target in zip(request.sidecars, targets[1:], strict=True):
        operations.append(Operation(OperationKind.SIDECAR, Phase.PLACE, sidecar, target, _identity(sidecar)))
    return item, numbered(operations, transaction_id, Phase.PLACE, 0)


def new_item(source: Path, identity: Identity, state: ItemState, reason: str, *, batch: str) -> Item:
    """Return an item that is in no journal yet, of a video of which nothing else is known."""
    return Item(
        id=0,
        batch=batch,
        time=utc(),
        item_state=state,
        outcome=state,
        source=source,
        destination=None,
        rule="",
        score=0.0,
        margin=0.0,
        converted=ConversionKind.NONE,
        reason=reason,
        identity=identity,
    )


def _video_operations(request: FilingRequest, library: Path, transaction_id: str, target: Path) -> list[Operation]:
    source, identity = request.source, request.identity
    if likeness(identity, identity_of(source)) is not IdentityMatch.SAME:
        raise ChangedError(f"{source.name} changed after it was looked at")
    if request.converted is None:
        return [Operation(OperationKind.MOVE, Phase.PLACE, source, target, identity)]
    staged = request.converted.path
    fsops.give_rights(staged, source)
    (name,) = NameFit(portable=True, most_bytes=KEPT_BYTES).names([source.name])  # nobody sees it: fits every disk
    kept = library.joinpath(HIDDEN, ORIGINALS, transaction_id, name)
    publish = Operation(OperationKind.PUBLISH, Phase.PLACE, staged, target, _identity(staged))
    return [
        replace(publish, sha256=request.converted.sha256),
        Operation(OperationKind.KEEP, Phase.PLACE, source, kept, identity),
    ]


def _identity(path: Path) -> Identity:
    found = identity_of(path)
    if found is None:
        raise ChangedError(f"{path.name} is gone")
    return found

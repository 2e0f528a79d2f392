"""What a filing is asked for, and the intents that it begins with: one operation for each file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from vsortd.config.choices import PlaceMethod
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.errors import ChangedError
from vsortd.filing import fsops
from vsortd.filing.journal import numbered
from vsortd.filing.name_fit import NameFit
from vsortd.filing.open_folder import HIDDEN, identity_of
from vsortd.filing.records import IdentityMatch, Item, Operation, OperationKind, OperationState, Phase, likeness, utc
from vsortd.filing.staging import ASIDE, ORIGINALS
from vsortd.filing.staying import HOW, SIDECAR_KINDS, VIDEO_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.config.place_options import Place
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
class MadeSidecar:
    """A finished XMP sidecar in the staging folder, which takes the place of `beside`.

    `former` is the identity of the file that lies there and was amended, None where there is none.
    """

    path: Path
    identity: Identity
    sha256: str
    beside: Path
    former: Identity | None


@dataclass(frozen=True, slots=True)
class FilingRequest:
    """What is to be filed, and what was decided. `folder` is below the library; `outcome` FILED, REVIEW, or ASIDE.

    `conversion` is what a dry run foresees; `converted` what was made. `facets` has for each facet of the config the
    value that was found, "" for none. `place` is how the video's rule places it, None for as the filer does; `stem` the
    name without ending that a person chose, None for as `place` says. `came_as` is the name with which it was dropped,
    by which templates go; "" for its own. The filer sets `method` and `made_sidecar`, which takes the place of one of
    the `sidecars`, itself.
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
    tags: tuple[str, ...] = ()
    facets: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    batch: str = ""
    converted: ConvertedFile | None = None
    conversion: ConversionKind = ConversionKind.NONE
    place: Place | None = None
    stem: str | None = None
    came_as: str = ""
    method: PlaceMethod = PlaceMethod.MOVE
    made_sidecar: MadeSidecar | None = None


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
        detail=_with_method(request),
        library=library,
        transaction_id=transaction_id,
    )
    operations = _video_operations(request, library, transaction_id, targets[0])
    for sidecar, target in zip(request.sidecars, targets[1:], strict=True):
        operations.extend(_sidecar_operations(request, library, transaction_id, sidecar, target))
    return item, numbered(operations, transaction_id, Phase.PLACE, 0)


def aside_in(request: FilingRequest, transaction_id: str) -> FilingRequest:
    """Return the request of a video that is set aside with its folder, which no other video has; others as they are."""
    if request.outcome is not ItemState.ASIDE:
        return request
    return replace(request, folder=(HIDDEN, ASIDE, transaction_id))


def _with_method(request: FilingRequest) -> Mapping[str, object]:
    """Return the details of a request, with how its video gets into the library, if it isn't moved."""
    if request.method is PlaceMethod.MOVE:
        return request.detail
    method = request.method if request.converted is None else PlaceMethod.COPY
    return {**request.detail, HOW: method.value}


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
        return [Operation(VIDEO_KINDS[request.method], Phase.PLACE, source, target, identity)]
    staged = request.converted.path
    fsops.give_rights(staged, source)
    publish = Operation(OperationKind.PUBLISH, Phase.PLACE, staged, target, _identity(staged))
    publish = replace(publish, sha256=request.converted.sha256)
    if request.method is not PlaceMethod.MOVE:  # its original lies where it is kept already
        lying = Operation(OperationKind.STAYED, Phase.PLACE, source, source, identity, state=OperationState.DONE)
        return [publish, lying]
    kept = _store(library, transaction_id, source.name)
    return [
        publish,
        Operation(OperationKind.KEEP, Phase.PLACE, source, kept, identity),
    ]


def _sidecar_operations(
    request: FilingRequest, library: Path, transaction_id: str, sidecar: Path, target: Path
) -> list[Operation]:
    """Return what files a sidecar; of an amended one the former bytes are kept, as a converted video's original is."""
    made = request.made_sidecar
    if made is None or made.beside != sidecar:
        return [Operation(SIDECAR_KINDS[request.method], Phase.PLACE, sidecar, target, _identity(sidecar))]
    publish = Operation(OperationKind.PUBLISH_SIDECAR, Phase.PLACE, made.path, target, made.identity)
    operations = [replace(publish, sha256=made.sha256)]
    if made.former is None:
        return operations
    if request.method is not PlaceMethod.MOVE:  # it lies where it is kept already
        stays = Operation(OperationKind.STAYED_SIDECAR, Phase.PLACE, sidecar, sidecar, made.former)
        return [*operations, replace(stays, state=OperationState.DONE)]
    kept = _store(library, transaction_id, sidecar.name)
    return [*operations, Operation(OperationKind.KEEP_SIDECAR, Phase.PLACE, sidecar, kept, made.former)]


def _store(library: Path, transaction_id: str, name: str) -> Path:
    """Return where an original is kept; nobody sees its name, so it fits every disk."""
    (name,) = NameFit(portable=True, most_bytes=KEPT_BYTES).names([name])
    return library.joinpath(HIDDEN, ORIGINALS, transaction_id, name)


def _identity(path: Path) -> Identity:
    found = identity_of(path)
    if found is None:
        raise ChangedError(f"{path.name} is gone")
    return found

"""What a decoding process can be asked for, a function a request. It loads the decoders: for that process alone."""

from __future__ import annotations

import io
import json
import os
import time
from typing import TYPE_CHECKING, cast

from vsortd.core.containers import ISO
from vsortd.media import protocol, verify_conversion, word_operations
from vsortd.media.container import open_video
from vsortd.media.full_decode import decode_all
from vsortd.media.given_files import GIVEN_FILES
from vsortd.media.hardware import HARDWARE
from vsortd.media.measures_reply import measures_to_reply
from vsortd.media.other_movie import read_any_movie
from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.media.probe import probe_file
from vsortd.media.probe_and_sample import look_at_file
from vsortd.media.replies import stills_to_reply
from vsortd.media.reply_parts import PARTS
from vsortd.media.sample import moments_of_file, sample_each_of_file, sample_file
from vsortd.media.stream_actions import StreamAction
from vsortd.media.technical_reader import read_technical
from vsortd.media.technical_reply import technical_to_message
from vsortd.media.verify_other import compare_other

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.media.protocol import Blob, Message

    Reply = tuple[Message, Blob]
    Operation = Callable[[Message], Reply]


def operations() -> dict[str, Operation]:
    """Return every operation by the name that requests call it by."""
    return {
        "hardware": lambda request: ({"why": HARDWARE.use(request["decoder"])}, b""),
        "probe": _seeing(_probe),
        "sample": _seeing(_sample),
        "sample_each": _seeing(_sample_each),
        "moments": _seeing(_moments),
        "look": _seeing(_look),
        "movie": _movie,
        "picture": _picture,
        "compare": _compare,
        "decode": _decode,
        "technical": _technical,
        "measure": _seeing(_measure),
        "windows": _windows,
        "stills": _seeing(_stills),
        "subtitles": word_operations.subtitles,
        "subtitle_file": word_operations.subtitle_file,
        "read_text": _seeing(word_operations.text),
        "overlay": _overlay,
    }


def _probe(request: Message) -> Reply:
    clip = probe_file(request["path"], deadline=_deadline(request), to_end=request["to_end"])
    return {"clip": protocol.clip_to_message(clip)}, b""


def _sample(request: Message) -> Reply:
    frames = sample_file(
        request["path"],
        range(request["start"], request["stop"]),
        request["total"],
        _preprocess_of(request),
        video_index=request["video_index"],
        deadline=_deadline(request),
    )
    return protocol.frames_to_message(frames)


def _sample_each(request: Message) -> Reply:
    found = sample_each_of_file(
        request["path"],
        range(request["start"], request["stop"]),
        request["total"],
        [_shape_of(raw) for raw in request["shapes"]],
        video_index=request["video_index"],
        deadline=_deadline(request),
    )
    header, _ = protocol.frames_to_message(found[0])
    return header, b"".join(protocol.frames_to_message(frames)[1] for frames in found)


def _moments(request: Message) -> Reply:
    frames = moments_of_file(
        request["path"],
        request["times_ms"],
        _preprocess_of(request),
        snap_ms=request["snap_ms"],
        video_index=request["video_index"],
        deadline=_deadline(request),
    )
    return protocol.frames_to_message(frames)


def _look(request: Message) -> Reply:
    clip, frames, sampling_s = look_at_file(
        request["path"],
        range(request["start"], request["stop"]),
        request["total"],
        _preprocess_of(request),
        allowed_s=request["soft_s"],
    )
    header, pixels = protocol.frames_to_message(frames)
    return {"clip": protocol.clip_to_message(clip), "sampling_s": sampling_s, **header}, pixels


def _movie(request: Message) -> Reply:
    movie = read_any_movie(request["path"], deadline=_deadline(request))
    return {"movie": protocol.movie_to_message(movie)}, b""


def _picture(request: Message) -> Reply:
    from vsortd.media.photo import still  # few ask for one, and Pillow takes a while to load

    return {}, still(request["path"], _preprocess_of(request)).data.cast("B")


def _compare(request: Message) -> Reply:
    pairs = [
        verify_conversion.ComparedPair(int(one), int(other), StreamAction(action), bool(cover))
        for one, other, action, cover in request["pairs"]
    ]
    deadline = _deadline(request)
    clip = probe_file(request["other"], deadline=deadline)
    with open_video(request["path"]) as source:
        is_movie = source.demuxer == ISO.demuxer
    compare = verify_conversion.compare_conversion if is_movie else compare_other
    with HARDWARE.off():  # both sides by the same decoder
        report = compare(request["path"], request["other"], pairs, request["tags"], deadline=deadline)
    return {"clip": protocol.clip_to_message(clip), **report}, b""


def _decode(request: Message) -> Reply:
    return decode_all(request["path"], request["streams"], deadline=_deadline(request)), b""


def _technical(request: Message) -> Reply:
    with HARDWARE.off():  # one picture of a stream is looked at, which starts no device
        facts = read_technical(request["path"], deadline=_deadline(request))
    return {"technical": technical_to_message(facts)}, b""


def _measure(request: Message) -> Reply:
    from vsortd.media.measure_pass import measure_file  # few ask for it, and libav's filters take a while to load

    PARTS.begin()
    found = measure_file(
        request["path"],
        pictures=request["pictures"],
        sound=request["sound"],
        speech=PARTS.send if request["speech"] else None,
        deadline=_deadline(request),
    )
    return measures_to_reply(found)


def _windows(request: Message) -> Reply:
    from vsortd.media.read_sound import read_windows  # few ask for it

    with HARDWARE.off():  # no picture is decoded
        found = read_windows(request["path"], request["begins_ms"], deadline=_deadline(request))
    return {"lengths": found.lengths.tolist()}, found.samples.tobytes()


def _stills(request: Message) -> Reply:
    from vsortd.media.stills import stills_of_file

    found = stills_of_file(request["path"], request["times_s"], request["side_px"], deadline=_deadline(request))
    return stills_to_reply(found)


def _overlay(request: Message) -> Reply:
    from vsortd.media.overlay_plan import MAX_PLAN_BYTES, OverlayPlan
    from vsortd.media.overlay_worker import overlay_file  # few ask for it, and Pillow takes a while to load

    with GIVEN_FILES.open(request["other"]) as file, io.BufferedReader(cast("io.RawIOBase", file)) as whole:
        plan = OverlayPlan.from_json(json.loads(whole.read(MAX_PLAN_BYTES)))
    output = GIVEN_FILES.output(request["output"])
    try:
        with HARDWARE.off():
            deadline = _deadline(request)
            return overlay_file(request["path"], plan, output, live=request["live"], deadline=deadline), b""
    finally:
        os.close(output)


def _seeing(operation: Operation) -> Operation:
    """Let an operation decode with the wanted device, and with the CPU where that fails or the request says so."""

    def run(request: Message) -> Reply:
        if request.get("cpu"):
            with HARDWARE.off():
                return operation(request)
        return HARDWARE.or_cpu(lambda: operation(request))

    return run


def _preprocess_of(request: Message) -> Preprocess:
    return _shape_of(request["preprocess"])


def _shape_of(raw: Message) -> Preprocess:
    return Preprocess(raw["side_px"], (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode(raw["resize"]), raw["interpolation"])


def _deadline(request: Message) -> float:
    return time.monotonic() + float(request["soft_s"])

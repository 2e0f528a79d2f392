"""What a decoding process can be asked for about words; see `worker_operations`. For that process alone.

What each needs is loaded when it is asked for the first time: few videos have subtitles, and networks take a while.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vsortd.media.subtitles_reply import subtitles_to_reply
from vsortd.media.text_reply import text_to_reply

if TYPE_CHECKING:
    from vsortd.media.protocol import Blob, Message

    Reply = tuple[Message, Blob]


def subtitles(request: Message) -> Reply:
    """Answer with the tracks of text inside a video."""
    from vsortd.media.embedded_subtitles import read_embedded_subtitles

    return subtitles_to_reply(read_embedded_subtitles(request["path"], deadline=_deadline(request)))


def subtitle_file(request: Message) -> Reply:
    """Answer with the lines of a subtitle file."""
    from vsortd.media.subtitle_text import read_subtitle_file

    return subtitles_to_reply([read_subtitle_file(request["path"], request["form"])])


def text(request: Message) -> Reply:
    """Answer with the text in a video's pictures."""
    from vsortd.media.text_reader import read_text_of_file

    return text_to_reply(read_text_of_file(request["path"], request["times_s"], deadline=_deadline(request)))


def _deadline(request: Message) -> float:
    return time.monotonic() + float(request["soft_s"])

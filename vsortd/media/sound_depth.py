"""How many bits a sample of sound has, by what its codec says; codecs that lose something have none."""

from __future__ import annotations

import re
from typing import Final

_PCM: Final = re.compile(r"pcm_[suf](8|16|24|32|64)(?:be|le)?(?:_planar)?")
_LOG_PCM: Final = {"pcm_alaw": 8, "pcm_mulaw": 8}
# In FLAC's STREAMINFO (RFC 9639, 8.2) five bits from the 103rd on say one bit less than a sample has.
_FLAC_BYTES, _FLAC_BIT, _FLAC_BITS = 34, 103, 5
# In ALAC's magic cookie, which follows a box's header with version and flags (Apple, ALACMagicCookieDescription).
_ALAC_BYTES, _ALAC_DEPTH = 36, 17
_REAL_DEPTHS: Final = range(4, 65)


def bit_depth_of(codec: str | None, extradata: bytes) -> int | None:
    """Return the bits of a sample of a codec (FFmpeg's name) whose setup is `extradata`, None where it says nothing."""
    if codec is None:
        return None
    pcm = _PCM.fullmatch(codec)
    if pcm is not None:
        return int(pcm[1])
    depth = _LOG_PCM.get(codec)
    if codec == "flac" and len(extradata) >= _FLAC_BYTES:
        whole = int.from_bytes(extradata[:_FLAC_BYTES], "big")
        depth = (whole >> (_FLAC_BYTES * 8 - _FLAC_BIT - _FLAC_BITS) & (1 << _FLAC_BITS) - 1) + 1
    elif codec == "alac" and len(extradata) >= _ALAC_BYTES:
        depth = extradata[_ALAC_DEPTH]
    return depth if depth in _REAL_DEPTHS else None

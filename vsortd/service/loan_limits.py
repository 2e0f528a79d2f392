"""How much of a loaded model's work one request to the daemon may ask for: what is filed comes first.

One batch of a processor is a second or less of its work, and so long a video that is being filed waits at most.
"""

from __future__ import annotations

from typing import Final

PICTURES: Final = 16  # as many as a later look at a video takes
WINDOWS: Final = 4
TEXTS: Final = 32
TEXTS_CHARACTERS: Final = 50_000  # a body holds a megabyte, and a character takes at most twelve bytes of it
# 16 pictures of 448 x 448; larger ones are fewer.
BODY_BYTES: Final = 10 << 20

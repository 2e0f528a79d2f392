"""How much of a loaded model's work one request to the daemon may ask for: what is filed comes first.

One batch of a processor is a second or less of its work, and so long a video that is being filed waits at most.
"""

from __future__ import annotations

from typing import Final

PICTURES: Final = 16  # as many as a later look at a video takes
WINDOWS: Final = 4
TEXTS: Final = 32
# Of one text: a prompt of a config, 1,000 at most, within a sentence. A tokenizer takes 0.1 s for a word of so many,
# and 45 s for one of 50,000, on the thread that videos wait for.
TEXT_CHARACTERS: Final = 1_200
# 16 pictures of 448 x 448; larger ones are fewer.
BODY_BYTES: Final = 10 << 20

"""What a worker that draws says where it can't go on: known by both sides. Imports nothing."""

from __future__ import annotations

from typing import Final

NO_ROOM: Final = "there is no room for it on the disk"
NO_READER: Final = "nobody reads it any more"

"""One vsortd an inbox, whoever's it is and whatever state folder it has.

Two that file from one folder harm nothing (nobody renames over anything), but each would convert and judge for nothing,
and the history of a video would lie in the other's journal. The claim is a name in the kernel's abstract socket
namespace (Linux): it ends with its process, needs no file, and keeps no folder open, so a share can still be unmounted.
"""

from __future__ import annotations

import errno
import socket
import sys


class InboxClaim:
    """Holds the claim to one folder at a time."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def take(self, identity: tuple[int, int]) -> bool:
        """Claim the folder with this device and inode instead of the one before; return False if another has it."""
        self.release()
        if sys.platform != "linux":
            return True
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0vsortd/inbox/{identity[0]}:{identity[1]}")
        except OSError as error:
            claim.close()
            return error.errno != errno.EADDRINUSE  # a sandbox may forbid it: then there is no telling
        self._socket = claim
        return True

    def release(self) -> None:
        """Give the claim back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

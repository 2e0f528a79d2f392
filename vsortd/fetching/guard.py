"""What the process that fetches may do: connect by https to public addresses, and start ffmpeg on files. No more.

The interpreter asks an audit hook before each connection and each program, whatever library is at work; a hook can't be
taken away again. Names are looked up before: the address that is judged is the one that is connected to, so a name that
means another address a moment later gains nothing.
"""

from __future__ import annotations

import http.client
import ipaddress
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

# Not everybody's, though the standard library calls some of them global: 6to4 and its relays, Teredo, NAT64 (each
# leads to an IPv4 address of its sender's choice), examples, networks of single sites.
_NEVER: Final[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]] = (
    *map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")),
    *map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
)
_UNICAST: Final = ipaddress.ip_network("2000::/3")  # all that is given out of IPv6 (RFC 4291)
_FORBIDDEN: Final = frozenset(
    {
        "socket.bind", "socket.sendto", "socket.sendmsg", "ftplib.connect", "smtplib.connect", "telnetlib.Telnet.open",
        "os.system", "os.exec", "os.spawn", "os.fork", "os.forkpty", "os.startfile", "pty.spawn",
        "webbrowser.open",
    }
)  # fmt: skip
# ffmpeg's readers of files that name no others: not HLS, DASH or concat, by which it would open what a stranger wrote.
READERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,aac,mp3,ogg"
READ_ONLY_FILES: Final = ("-protocol_whitelist", "file", "-format_whitelist", READERS)
_PAGE_BYTES: Final = 64 << 20  # of an answer that is read as a whole: a page, a list of streams, subtitles
_PIECE_BYTES: Final = 1 << 16


class GuardRefusalError(OSError):
    """Something was not done because it may not be; the text is a sentence about it, without a full stop.

    `kind` is one word: refused (what is connected to, or started), size, endless.
    """

    def __init__(self, text: str, kind: str = "refused") -> None:
        super().__init__(text)
        self.kind = kind


class Guard:
    """The rules of this process, once `install` was called. `refusal` is the last refused, None for nothing."""

    def __init__(self, allowed: Collection[tuple[str, int]] = (), ffmpeg: str = "") -> None:
        self.refusal: GuardRefusalError | None = None
        self.most_bytes = 0  # of all that is received for one video; 0: no limit
        self.received_bytes = 0
        self._allowed = frozenset(allowed)
        self._ffmpeg = ffmpeg

    def install(self) -> None:
        """Hold this process to the rules, for good."""
        sys.addaudithook(self._audit)
        guard, connect, read = self, http.client.HTTPConnection.connect, http.client.HTTPResponse.read

        def connect_encrypted(connection: http.client.HTTPConnection) -> None:
            if not isinstance(connection, http.client.HTTPSConnection):
                guard.refuse(f"it leads to http://{connection.host}, and only https:// is fetched")
            connect(connection)

        def read_counted(response: http.client.HTTPResponse, amount: int | None = None) -> bytes:
            if amount is not None and amount >= 0:
                return guard.counted(read(response, amount))
            closed = response.isclosed()
            data = guard.whole(lambda: read(response, _PIECE_BYTES))
            if response.length and not closed:  # as `read` itself does it; None where the length was not said
                raise http.client.IncompleteRead(data, response.length)
            return data

        http.client.HTTPConnection.connect = connect_encrypted  # type: ignore[method-assign,assignment]
        http.client.HTTPResponse.read = read_counted  # type: ignore[method-assign,assignment]

    def begin_video(self, most_bytes: int) -> None:
        """Count anew: what comes from now on is of one video."""
        self.refusal, self.received_bytes, self.most_bytes = None, 0, most_bytes

    def refuse(self, why: str, kind: str = "refused") -> None:
        """Raise GuardRefusalError, and keep what was refused: libraries replace errors by their own."""
        self.refusal = GuardRefusalError(why, kind)
        raise self.refusal

    def counted(self, data: bytes) -> bytes:
        """Return what was received, as long as there may be as much."""
        self.received_bytes += len(data)
        if self.most_bytes and self.received_bytes > self.most_bytes + _PAGE_BYTES:
            self.refuse("it is larger than `fetch: {max_size: …}` allows", "size")
        return data

    def whole(self, read: Callable[[], bytes]) -> bytes:
        """Return an answer to its end, as long as it is no larger than a page may be."""
        pieces: list[bytes] = []
        size = 0
        while piece := self.counted(read()):
            pieces.append(piece)
            size += len(piece)
            if size > _PAGE_BYTES:
                self.refuse("it sends a page without end", "endless")
        return b"".join(pieces)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            if why := connection_refusal(arguments[1], self._allowed):
                self.refuse(why)
        elif event in {"subprocess.Popen", "os.posix_spawn"}:  # from Python 3.13 on the one may use the other
            if not self._may_start(arguments[0], arguments[1]):
                self.refuse(f"it would start another program ({arguments[0]})")
        elif event in _FORBIDDEN:
            self.refuse(f"it would do what it need not do ({event})")

    def _may_start(self, program: object, arguments: Any) -> bool:  # noqa: ANN401 - a list, or Windows' one line
        if not self._ffmpeg or str(program or arguments[0]) != self._ffmpeg:
            return False
        words = list(map(str, arguments)) if isinstance(arguments, list | tuple) else []
        if len(words) == 2:  # noqa: PLR2004 - the program and a question: -version, -bsfs
            return words[1] in {"-version", "-bsfs"}
        inputs = [at for at, word in enumerate(words) if word == "-i"]
        held = [words[at - len(READ_ONLY_FILES) : at] == list(READ_ONLY_FILES) for at in inputs]
        return bool(held) and all(held)


def connection_refusal(target: object, allowed: Collection[tuple[str, int]] = ()) -> str:
    """Say why nothing is connected to a socket's address, "" where something is: a public one, looked up already."""
    if not isinstance(target, tuple) or len(target) < 2 or not isinstance(target[0], str):  # noqa: PLR2004
        return "it is no address of the internet"
    host, port = target[0].partition("%")[0], target[1]
    if (host, port) in allowed:
        return ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{host} was not looked up"
    return "" if is_public(address) else f"it leads to {address}, which is no public address"


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether an address is one of the public internet's hosts, itself, and no way to another address."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in _UNICAST or address.ipv4_mapped or address.sixtofour or address.teredo
    ):
        return False
    if any(address.version == network.version and address in network for network in _NEVER):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)

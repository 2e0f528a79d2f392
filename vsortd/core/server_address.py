"""The address of a server that somebody named, and which of a host's addresses may be connected to. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")

_THIS_MACHINE: Final = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128")))
# RFC 1918, RFC 4193, and what no router passes on (RFC 4291); not 169.254.0.0/16: there clouds keep their keys.
_OWN_NETWORK: Final = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"))
)
# 0.0.0.0 means this machine to some systems; the others are nobody's, everybody's, or the cloud's own.
_NEVER: Final = tuple(
    map(ipaddress.ip_network, ("0.0.0.0/8", "::/128", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8"))
)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is asked: `http://127.0.0.1:11434/v1`. The host is a name or an address, without brackets."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> ServerAddress:
        """Take an address apart. Raises ValueError, whose text says what is wrong with it."""
        if "://" not in text:
            raise ValueError("this address does not say how to connect: it begins with http:// or https://")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError("this is not an address") from None
        if parts.scheme not in _PORTS:
            raise ValueError("an address begins with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a name or password does not stand in the address; a key comes by key_file or key_env")
        if parts.query or parts.fragment or "?" in text or "#" in text:
            raise ValueError("an address ends with its path; ? and # can't stand here")
        host = parts.hostname or ""
        if not _is_host(host):
            raise ValueError("this address names no host that can be looked up")
        if not _PATH.fullmatch(parts.path):
            raise ValueError("the path holds characters that an address can't hold")
        if port == 0:
            raise ValueError("port 0 is nobody's")
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def place(self) -> str:
        """The host, with its port where that is not the usual one: as people say it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read along."""
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def refusal(address: str, *, anywhere: bool, encrypted: bool) -> str:
    """Say why nothing is sent to an IP address ("it is …"), "" if it may be.

    This machine and one's own network may always be asked; others only with `anywhere`, public ones then `encrypted`.
    An IPv4 address within an IPv6 one counts as itself. Raises ValueError for what is no IP address.
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if _is_in(found, _NEVER):
        return "it is no address of a server that could be asked"
    if _is_in(found, (*_THIS_MACHINE, *_OWN_NETWORK)):
        return ""
    if not anywhere:
        return "it is neither this machine nor in your own network"
    if found.is_global and not encrypted:
        return "it is public, where only https:// goes"
    return ""


def is_this_machine(address: str) -> bool:
    """Tell whether an IP address never leaves this machine. Raises ValueError for what is no IP address."""
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return _is_in(mapped or found, _THIS_MACHINE)


def _is_in(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...],
) -> bool:
    return any(address.version == network.version and address in network for network in networks)

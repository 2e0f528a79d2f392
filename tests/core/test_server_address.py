"""Which addresses may be asked: every kind of IP address, and every way to write a server's."""

from __future__ import annotations

import pytest

from vsortd.core.server_address import ServerAddress, is_this_machine, refusal

NEVER, AWAY, PUBLIC, OK = "no address of a server", "neither this machine nor", "only https://", ""


@pytest.mark.parametrize(
    ("address", "at_home", "anywhere", "anywhere_encrypted"),
    [
        ("127.0.0.1", OK, OK, OK),
        ("127.255.255.254", OK, OK, OK),
        ("::1", OK, OK, OK),
        ("::ffff:127.0.0.1", OK, OK, OK),
        ("10.0.0.1", OK, OK, OK),
        ("172.16.0.1", OK, OK, OK),
        ("172.31.255.255", OK, OK, OK),
        ("192.168.178.2", OK, OK, OK),
        ("::ffff:192.168.1.1", OK, OK, OK),
        ("fd12:3456::1", OK, OK, OK),
        ("fc00::1", OK, OK, OK),
        ("fe80::1%eth0", OK, OK, OK),
        ("0.0.0.0", NEVER, NEVER, NEVER),  # noqa: S104 - nobody binds to it
        ("0.1.2.3", NEVER, NEVER, NEVER),
        ("::", NEVER, NEVER, NEVER),
        ("::ffff:0.0.0.0", NEVER, NEVER, NEVER),
        ("169.254.169.254", NEVER, NEVER, NEVER),  # a cloud's own, with its keys
        ("::ffff:169.254.169.254", NEVER, NEVER, NEVER),
        ("224.0.0.1", NEVER, NEVER, NEVER),
        ("255.255.255.255", NEVER, NEVER, NEVER),
        ("ff02::1", NEVER, NEVER, NEVER),
        ("8.8.8.8", AWAY, PUBLIC, OK),
        ("::ffff:8.8.8.8", AWAY, PUBLIC, OK),
        ("2606:4700::1111", AWAY, PUBLIC, OK),
        ("172.32.0.1", AWAY, PUBLIC, OK),
        ("192.169.0.1", AWAY, PUBLIC, OK),
        ("11.0.0.1", AWAY, PUBLIC, OK),
        ("64:ff9b::7f00:1", AWAY, PUBLIC, OK),  # IPv4 through a gateway
        ("100.64.0.1", AWAY, OK, OK),  # a provider's, or a private network of machines far apart
        ("192.0.2.1", AWAY, OK, OK),
    ],
)
def test_which_addresses_may_be_asked(address: str, at_home: str, anywhere: str, anywhere_encrypted: str) -> None:
    for said, options in (
        (at_home, {"anywhere": False, "encrypted": False}),
        (at_home, {"anywhere": False, "encrypted": True}),
        (anywhere, {"anywhere": True, "encrypted": False}),
        (anywhere_encrypted, {"anywhere": True, "encrypted": True}),
    ):
        found = refusal(address, **options)
        assert (not found) if not said else said in found, (options, found)


def test_what_never_leaves_this_machine() -> None:
    stays = [
        one
        for one in ("127.0.0.1", "::1", "::ffff:127.0.0.9", "10.0.0.1", "fe80::1", "8.8.8.8")
        if is_this_machine(one)
    ]
    assert ["127.0.0.1", "::1", "::ffff:127.0.0.9"] == stays


@pytest.mark.parametrize(
    ("text", "place", "whole"),
    [
        ("http://127.0.0.1:11434/v1", "127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("http://localhost:8080/v1/", "localhost:8080", "http://localhost:8080/v1"),
        ("https://Eyes.example/api", "eyes.example", "https://eyes.example/api"),
        ("https://eyes.example:443", "eyes.example", "https://eyes.example"),
        ("http://[fd00::1]:1234/v1", "[fd00::1]:1234", "http://[fd00::1]:1234/v1"),
        ("http://[::1]/v1", "[::1]", "http://[::1]/v1"),
    ],
)
def test_an_address_is_taken_apart_and_put_together(text: str, place: str, whole: str) -> None:
    address = ServerAddress.parse(text)
    assert (place, whole) == (address.place, str(address))
    assert address == ServerAddress.parse(str(address))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("127.0.0.1:11434/v1", "does not say how to connect"),
        ("localhost", "does not say how to connect"),
        ("ftp://127.0.0.1/v1", "begins with http:// or https://"),
        ("file:///etc/passwd", "begins with http:// or https://"),
        ("http:///v1", "names no host"),
        ("http://ann:secret@127.0.0.1/v1", "a key comes by key_file"),
        ("http://127.0.0.1/v1?key=a", "ends with its path"),
        ("http://127.0.0.1/v1#a", "ends with its path"),
        ("http://127.0.0.1:0/v1", "port 0"),
        ("http://127.0.0.1:99999/v1", "not an address"),
        ("http://[::1/v1", "not an address"),
        ("http://a b/v1", "no host"),
        ("http://ä.example/v1", "no host"),
        ("http://127.0.0.1/v1 HTTP/1.1", "characters"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ServerAddress.parse(text)

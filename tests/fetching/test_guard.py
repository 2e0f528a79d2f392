"""What the fetching process may connect to and start: real sockets and programs in a process under the real guard."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import textwrap

import pytest

from vsortd.fetching.guard import READ_ONLY_FILES, connection_refusal, is_public

PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:82b::200e")
NOT_PUBLIC = (
    "0.0.0.1", "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8",
    "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1",
    "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_connected_to(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert not connection_refusal((address, 443))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is_connected_to(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert address in connection_refusal((address, 443)) or "::" in address


@pytest.mark.parametrize(
    "target", ["/run/docker.sock", b"\0abstract", ("fe80::1%eth0", 443, 0, 2), ("localhost", 443), (7, 8)]
)
def test_what_is_no_looked_up_address_is_refused(target: object) -> None:
    assert connection_refusal(target)


def test_only_the_very_address_and_port_that_a_test_names_is_allowed() -> None:
    allowed = [("127.0.0.1", 8443)]
    assert not connection_refusal(("127.0.0.1", 8443), allowed)
    assert connection_refusal(("127.0.0.1", 8444), allowed)
    assert connection_refusal(("127.0.0.2", 8443), allowed)


def under_guard(lines: str, *words: str) -> str:
    """Run lines of Python in a process that a guard holds; returns what they print."""
    begin = "import sys\nfrom vsortd.fetching.guard import Guard, GuardRefusalError, READ_ONLY_FILES\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + textwrap.dedent(lines), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_name_that_means_a_private_address_is_refused_whatever_library_connects() -> None:
    """The resolver answers with an address of the own network; a second look-up could not answer otherwise."""
    said = under_guard("""
        import http.client, socket, urllib.request
        def answer(host, port, *rest, **more):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.9.8.7", port))]
        socket.getaddrinfo = answer
        guard = Guard()
        guard.install()
        for ask in (
            lambda: socket.create_connection(("rebinding.example", 443), 1),
            lambda: urllib.request.urlopen("https://rebinding.example/x", timeout=1),
            lambda: http.client.HTTPSConnection("rebinding.example", timeout=1).request("GET", "/"),
            lambda: socket.socket().connect(("localhost", 443)),
            lambda: socket.socket(socket.AF_UNIX).connect("/run/docker.sock"),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.9.8.7", 53)),
            lambda: socket.socket().bind(("127.0.0.1", 0)),
        ):
            guard.begin_video(0)
            try:
                ask()
                print("connected")
            except OSError:
                print(guard.refusal)
    """).splitlines()
    assert ["it leads to 10.9.8.7, which is no public address"] * 3 == said[:3]
    assert ["localhost was not looked up", "it is no address of the internet"] == said[3:5]
    assert all("need not do" in one for one in said[5:])
    assert 7 == len(said)


def test_plain_http_is_refused_before_anything_is_sent() -> None:
    said = under_guard("""
        import urllib.request
        guard = Guard([("127.0.0.1", 9)])
        guard.install()
        try:
            urllib.request.urlopen("http://127.0.0.1:9/x", timeout=1)
        except OSError:
            print(guard.refusal)
    """)
    assert "it leads to http://127.0.0.1, and only https:// is fetched" == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Content-Length: 5\r\n\r\nwhole", "whole"),
        ("Content-Length: 10\r\n\r\nhalf", "half and 6 to come"),
        ("\r\nto its end", "to its end"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n", "whole"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n", "whole and None to come"),
    ],
)
def test_an_answer_that_breaks_off_is_no_whole_one(answer: str, said: str) -> None:
    assert said == under_guard(
        """
        import http.client, socket
        Guard().install()
        here, there = socket.socketpair()
        there.sendall(b"HTTP/1.1 200 OK\\r\\n" + sys.argv[1].encode())
        there.close()
        response = http.client.HTTPResponse(here)
        response.begin()
        try:
            print(response.read().decode())
        except http.client.IncompleteRead as error:
            print(error.partial.decode(), "and", error.expected, "to come")
        assert response.read() == b""  # it is over, and was told
        """,
        answer,
    )


def test_no_program_is_started_but_ffmpeg_and_that_only_reads_files_that_name_no_others() -> None:
    said = under_guard(
        """
        import os, subprocess
        ffmpeg = sys.executable  # stands for it: that it starts is seen by its exit code
        guard = Guard(ffmpeg=ffmpeg)
        guard.install()
        held = [ffmpeg, *READ_ONLY_FILES, "-i", "file:a.mp4"]
        for words in (
            ["true"], [ffmpeg, "-i", "https://a/b.m3u8"], [ffmpeg, "-c", "print(1)"], [ffmpeg],
            [*held, "-i", "file:b.mp4"], [ffmpeg, "-version"], held,
        ):
            try:
                print(subprocess.run(words, capture_output=True).returncode)
            except GuardRefusalError:
                print("refused")
        for act in (lambda: os.system("true"), lambda: os.posix_spawn("/bin/true", ["true"], {}), os.fork):
            try:
                act()
                print("done")
            except GuardRefusalError:
                print("refused")
    """,
    ).splitlines()
    assert ["refused"] * 5 == said[:5]
    assert "refused" not in said[5:7]
    assert ["refused"] * 3 == said[7:]


def test_ffmpeg_refuses_a_playlist_that_is_called_mp4(tmp_path: object) -> None:
    """The very options that are demanded of it keep it from opening what a stranger's file names."""
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "secret.ts").write_bytes(b"\x47" + bytes(187))
    (folder / "evil.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{folder}/secret.ts\n#EXT-X-ENDLIST\n")
    from vsortd.media.ffmpeg import find_ffmpeg

    command = [str(find_ffmpeg()), "-v", "error", *READ_ONLY_FILES, "-i", f"file:{folder / 'evil.mp4'}"]
    done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=False)
    assert done.returncode
    assert "secret.ts" not in done.stderr

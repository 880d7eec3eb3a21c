"""The replay's server by raw requests, the bad ones that no client would send too."""

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager

import pytest

from drivetr.cli.replay_server import open_server
from drivetr.errors import DrivetrError
from tests.cli.raw_http import raw, request

SECRET = b"nobody may read this"


@pytest.fixture
def site(tmp_path):
    """A folder with files, beside one that is not served."""
    root = tmp_path / "served"
    (root / "below").mkdir(parents=True)
    (root / "index.html").write_bytes(b"<!doctype html>the page")
    (root / "viewer.wasm").write_bytes(b"\0asm" + bytes(100_000))
    (root / "below" / "a b é.png").write_bytes(b"picture")
    (root / ".hidden").write_bytes(SECRET)
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "served_too").mkdir()
    (tmp_path / "served_too" / "secret.txt").write_bytes(SECRET)
    (root / "link").symlink_to(tmp_path / "secret.txt")
    (root / "folder_link").symlink_to(tmp_path)
    (root / "circle").symlink_to(root / "circle")
    (root / "inner_link").symlink_to(root / "index.html")
    os.mkfifo(root / "pipe")
    return root


@contextmanager
def running(root):
    with open_server(root, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def port(site):
    with running(site) as number:
        yield number


def test_files_with_their_types(port):
    status, headers, body = request(port, "/")
    assert (status, body) == (200, b"<!doctype html>the page")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert request(port, "/index.html?x=1#frame=3")[0] == 200
    status, headers, body = request(port, "/viewer.wasm")
    assert (status, headers["content-type"], len(body)) == (200, "application/wasm", 100_004)
    assert request(port, "/below/a%20b%20%C3%A9.png")[2] == b"picture"
    assert request(port, "/inner_link")[2] == b"<!doctype html>the page"


def test_head_has_no_body(port):
    status, headers, body = request(port, "/viewer.wasm", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "100004", b"")
    assert request(port, "/absent", method="HEAD")[::2] == (404, b"")


@pytest.mark.parametrize("target", ["/", "/absent", "/../x"])
def test_every_answer_has_the_security_headers(port, target):
    _, headers, _ = request(port, target)
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "python" not in headers["server"]


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt", "/../../../../../../etc/passwd", "/below/../../secret.txt",
        "/%2e%2e/secret.txt", "/%2E%2E%2Fsecret.txt", "/..%2fsecret.txt", "/%252e%252e/secret.txt",
        "/..%5csecret.txt", "/..\\secret.txt", "/../served_too/secret.txt", "//etc/passwd",
        "///etc/passwd", "/%2fetc/passwd", "/./secret.txt", "/link", "/folder_link/secret.txt",
        "/folder_link", "/circle", "/pipe", "/below", "/below/", "/.hidden", "/%2ehidden",
        "/index.html/", "/index.html/x", "/index.html%00.png", "/%00", "/a%0d%0ab", "/%ff%fe",
        "secret.txt", "../secret.txt", "http://127.0.0.1/index.html", "file:///etc/passwd", "*",
        "/" + "a" * 3000, "/" + "a/" * 3000, "/absent",
    ],
)  # fmt: skip
def test_nothing_outside_the_folder(port, target):
    status, _, body = request(port, target)
    assert 400 <= status < 500
    assert SECRET not in body
    assert b"root:" not in body


@pytest.mark.parametrize("target", [b"/\0", b"/index.html\0.png", b"/\xff\xfe", b"/\x1b[31m"])
def test_bytes_that_are_no_text(port, target):
    assert 400 <= request(port, target)[0] < 500


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}",
     "127.0.0.1:{port}.evil.example", "[::1]:{port}", "0.0.0.0:{port}", "",
     "localhost:{port}@evil"],
)  # fmt: skip
def test_foreign_hosts_are_refused(port, host):
    status, _, body = request(port, "/", host=host.format(port=port))
    assert (status, b"page" in body) == (403, False)


def test_our_own_hosts(port):
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        assert request(port, "/", host=host)[0] == 200


def test_one_host_is_needed(port):
    assert raw(port, b"GET / HTTP/1.1\r\n\r\n")[0] == 403
    assert raw(port, b"GET / HTTP/1.0\r\n\r\n")[0] == 403
    ours = f"Host: 127.0.0.1:{port}\r\n".encode()
    assert raw(port, b"GET / HTTP/1.1\r\n" + ours + b"Host: evil.example\r\n\r\n")[0] == 403


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "PROPFIND", "get"]
)
def test_other_methods(port, site, method):
    status, headers, _ = request(port, "/index.html", method, extra=b"Content-Length: 3\r\n")
    assert (status, headers["allow"]) == (405, "get, head")
    assert (site / "index.html").read_bytes() == b"<!doctype html>the page"


@pytest.mark.parametrize(
    "content",
    [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / x HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n"],
)
def test_broken_requests(port, content):
    assert raw(port, content)[0] in (*range(400, 500), 505)


@pytest.mark.parametrize(
    "content",
    [
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200_000 + b"\r\n",
    ],
    ids=["line", "header", "headers"],
)
def test_endless_requests(port, content):
    """It may hang up before it has read all, so that its answer gets lost on the way."""
    assert raw(port, content)[0] in (None, 414, 431)
    assert request(port, "/")[0] == 200  # and it goes on


def test_nothing_of_the_request_comes_back(port):
    _, headers, body = request(port, "/<script>alert(1)</script>")
    assert b"script" not in body
    assert headers["content-type"].startswith("text/plain")


def test_it_listens_on_loopback_only(port):
    listening = "0A"
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    ours = [row[1] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == listening]
    assert ours == [f"0100007F:{port:04X}"]
    with open("/proc/net/tcp6") as table:
        assert not [line for line in table.readlines() if f":{port:04X} 0000" in line.split()[1:2]]


def test_several_at_once(port):
    """A peer that says nothing does not keep others waiting."""
    with socket.create_connection(("127.0.0.1", port)):
        assert request(port, "/")[0] == 200


def test_port_in_use_and_impossible_ports(port, site):
    for taken in (port, 70_000):
        with pytest.raises(DrivetrError, match=f"port {taken} of 127.0.0.1 cannot be had"):
            open_server(site, taken)


def test_ctrl_c_ends_it(site):
    code = (
        "import signal, sys; from pathlib import Path; from drivetr.cli.replay_server import serve;"
        # What runs in the background of a shell starts with SIGINT ignored.
        " signal.signal(signal.SIGINT, signal.default_int_handler);"
        " serve(Path(sys.argv[1]), 0, lambda text: print(text, flush=True)); print('closed')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, site],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = process.stdout.readline().strip()
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == b"<!doctype html>the page"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "closed\n", "")

"""The small server of `drivetr replay --serve`: files of one folder, for this machine only."""

import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO
from urllib.parse import unquote

from drivetr.errors import DrivetrError

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8230
INDEX = "index.html"

_logger = logging.getLogger(__name__)
_HEADLESS = "HTTP/0.9"  # has no headers; the base class takes what it cannot read for it
_IDLE_S = 30.0  # a peer that says nothing for so long is left
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
}
# Pages narrow this further by a policy of their own; the replay page carries its script inside.
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
    " script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _RefusedError(Exception):
    """A request that is answered by a status alone."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the regular files of a folder; anything else is refused."""

    protocol_version = "HTTP/1.1"
    server_version = "drivetr"
    sys_version = ""
    timeout = _IDLE_S

    def __init__(self, *args: object, folder: Path) -> None:
        self._folder = folder
        super().__init__(*args)  # type: ignore[arg-type]  # it answers the request in here

    def do_GET(self) -> None:  # noqa: N802  # the base class looks for this name
        """Sends a file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:  # noqa: N802
        """Sends the headers of a file."""
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        try:
            self._check_head()
            path = wanted_file(self._folder, self.path)
            file = _open_regular(path)
        except _RefusedError as refused:
            self.send_error(refused.status)
            return
        with file:
            self.send_response(HTTPStatus.OK)
            kind = _CONTENT_TYPES.get(path.suffix.lower(), "application/octet-stream")
            self._send_headers(kind, os.fstat(file.fileno()).st_size)
            if with_body:
                copyfileobj(file, self.wfile)

    def _check_head(self) -> None:
        """Refuses hosts of others, whose name somebody may have pointed at this machine."""
        if self.request_version == _HEADLESS:
            raise _RefusedError(HTTPStatus.BAD_REQUEST)
        port = self.connection.getsockname()[1]
        hosts = [host.lower() for host in self.headers.get_all("Host", [])]
        ours = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
        if len(hosts) != 1 or hosts[0] not in ours:
            raise _RefusedError(HTTPStatus.FORBIDDEN)

    def _send_headers(self, kind: str, length: int) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers by a status and its name; nothing of the request comes back."""
        if code == HTTPStatus.NOT_IMPLEMENTED:  # what the base class says of other methods
            code = HTTPStatus.METHOD_NOT_ALLOWED
        if self.request_version == _HEADLESS:
            self.request_version = self.protocol_version
        self.close_connection = True
        body = f"{HTTPStatus(code).phrase}\n".encode()
        self.send_response(code)
        self.send_header("Connection", "close")
        if code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self._send_headers("text/plain; charset=utf-8", len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keeps the terminal quiet."""
        _logger.debug(format, *args)


def wanted_file(folder: Path, target: str) -> Path:
    """The file that a request's target names, without links, inside the folder.

    Raises:
        _RefusedError: the target is no plain path, or leads to no file of the folder.
    """
    try:
        path = unquote(target.partition("?")[0].partition("#")[0], errors="strict")
    except UnicodeDecodeError as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST) from error
    if not path.startswith("/") or "\\" in path or not path.isprintable():
        raise _RefusedError(HTTPStatus.BAD_REQUEST)
    parts = (path[1:] or INDEX).split("/")
    if any(not part or part.startswith(".") for part in parts):
        raise _RefusedError(HTTPStatus.BAD_REQUEST)
    try:
        file = folder.joinpath(*parts).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise _RefusedError(HTTPStatus.NOT_FOUND) from error
    if not file.is_relative_to(folder):
        raise _RefusedError(HTTPStatus.NOT_FOUND)
    return file


def _open_regular(path: Path) -> BinaryIO:
    """Opens a file, but no folder, pipe or device, nor a link that was put there meanwhile."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _RefusedError(HTTPStatus.NOT_FOUND) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _RefusedError(HTTPStatus.NOT_FOUND)
    return os.fdopen(handle, "rb")


def open_server(folder: Path, port: int = DEFAULT_PORT) -> ThreadingHTTPServer:
    """A server of a folder's files on 127.0.0.1; `serve_forever` runs it, `with` closes it.

    Args:
        folder: whose files, those in folders below too, anybody on this machine may read.
        port: 0 takes any that is free.

    Raises:
        DrivetrError: the port cannot be had.
    """
    handler = partial(_Handler, folder=folder.resolve(strict=True))
    try:
        return ThreadingHTTPServer((LOOPBACK, port), handler)
    except (OSError, OverflowError) as error:
        raise DrivetrError(
            f"port {port} of {LOOPBACK} cannot be had ({error}); pass another one,"
            " or --serve 0 for any that is free"
        ) from error


def serve(folder: Path, port: int, tell: Callable[[str], None] = print) -> None:
    """Serves a folder until Ctrl-C.

    Args:
        folder: whose files are served.
        port: 0 takes any that is free.
        tell: is given the address once the server listens.

    Raises:
        DrivetrError: the port cannot be had.
    """
    with open_server(folder, port) as server, suppress(KeyboardInterrupt):
        tell(f"http://{LOOPBACK}:{server.server_address[1]}/")
        server.serve_forever()

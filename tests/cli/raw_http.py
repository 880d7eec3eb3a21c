"""Requests byte by byte, the bad ones that no client would send too."""

import socket


def raw(port, content):
    """Status (None if it just hung up), headers in small letters and body of an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # it has heard enough and hung up
            pass
        answer = b""
        while chunk := _receive(connection):
            answer += chunk
    if not answer:
        return None, {}, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def _receive(connection):
    try:
        return connection.recv(1 << 16)
    except ConnectionResetError:
        return b""


def request(port, target, method="GET", host=None, extra=b""):
    """The answer to a request for a target, by default with the server's own Host."""
    host = f"127.0.0.1:{port}" if host is None else host
    target = target if isinstance(target, bytes) else target.encode()
    line = method.encode() + b" " + target + b" HTTP/1.1\r\n"
    return raw(port, line + f"Host: {host}\r\n".encode() + extra + b"Connection: close\r\n\r\n")

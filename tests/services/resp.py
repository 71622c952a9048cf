"""A few lines of Redis client for the harness, which must run on the bare standard library."""

import socket


class RedisError(Exception):
    """An error reply, or a connection that ended."""


class RespClient:
    """One connection to Redis. Replies: bytes, int, None or a list of these. One thread only."""

    def __init__(self, address: tuple[str, int] | str, password: str | None = None,
                 db: int = 0, timeout: float = 5.0):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(address)
            self._file = self._socket.makefile("rb")
            if password:
                self.call("AUTH", password)
            if db:
                self.call("SELECT", db)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> "RespClient":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._file.close()
        self._socket.close()

    def call(self, *words):
        """Sends one command and returns its reply; raises RedisError for an error reply."""
        return self.pipeline([words])[0]

    def pipeline(self, commands) -> list:
        """Sends all COMMANDS (tuples) in one write and returns their replies."""
        self._socket.sendall(b"".join(_encode(words) for words in commands))
        return [self._reply() for _ in commands]

    def _reply(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise RedisError("connection ended")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._file.read(size + 2)[:-2]
        if kind == b"*":
            size = int(rest)
            return None if size < 0 else [self._reply() for _ in range(size)]
        raise RedisError(f"unknown reply {line!r}")


def _encode(words) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)

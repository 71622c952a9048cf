"""A private redis-server."""

import shutil
from pathlib import Path

from . import ports
from .authority import Authority
from .resp import RedisError, RespClient
from .server import Server
from .session import ServiceError, Session


class Redis(Server):
    """redis-server on a free port; offers REDIS_URL.

    appendonly: write every command to disk before the reply (appendfsync always), so that a killed
      server comes back with all that it had acknowledged. Without it nothing is kept.
    password: require it. unix: listen on a socket file too (socket_path). tls: the port speaks TLS
      with a certificate of a CA of its own (authority.ca); the plain port is closed.
    databases: how many. config: further configuration lines.
    """

    def __init__(self, session: Session, name: str = "redis", appendonly: bool = False,
                 password: str | None = None, unix: bool = False, tls: bool = False,
                 databases: int = 16, config: tuple[str, ...] = ()):
        super().__init__(session, name)
        self.port = ports.claim()
        self.password = password
        self.appendonly = appendonly
        self.authority = Authority(self.dir) if tls else None
        # The readiness check speaks no TLS, so a TLS server always has its socket file.
        self.socket_path: Path | None = self.dir / "redis.sock" if unix or tls else None
        self._databases = databases
        self._config = config
        if shutil.which("redis-server") is None:
            raise ServiceError("redis-server is not installed (package redis-server)")
        session.offer({"REDIS_URL": self.url()})

    def url(self, db: int = 0) -> str:
        """The URL as kombu spells it."""
        login = f":{self.password}@" if self.password else ""
        if self.authority:
            return (f"rediss://{login}127.0.0.1:{self.port}/{db}"
                    f"?ssl_cert_reqs=required&ssl_ca_certs={self.authority.ca}")
        return f"redis://{login}127.0.0.1:{self.port}/{db}"

    def unix_url(self, db: int = 0) -> str:
        """The URL of the socket file as kombu spells it."""
        if self.socket_path is None:
            raise ServiceError(f"{self.name} has no socket file: create it with unix=True")
        login = f":{self.password}@" if self.password else ""
        return f"redis+socket://{login}{self.socket_path}?virtual_host={db}"

    def prepare(self) -> None:
        lines = ["bind 127.0.0.1", f"dir {self.dir}", f"databases {self._databases}", "save \"\"",
                 "daemonize no", "tcp-backlog 511", "maxclients 4000", "loglevel notice"]
        if self.authority:
            lines += ["port 0", f"tls-port {self.port}", f"tls-cert-file {self.authority.cert}",
                      f"tls-key-file {self.authority.key}", f"tls-ca-cert-file {self.authority.ca}",
                      "tls-auth-clients no"]
        else:
            lines.append(f"port {self.port}")
        if self.socket_path:
            lines.append(f"unixsocket {self.socket_path}")
        if self.password:
            lines.append(f"requirepass {self.password}")
        if self.appendonly:
            lines += ["appendonly yes", "appendfsync always"]
        lines += self._config
        (self.dir / "redis.conf").write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        return ["redis-server", str(self.dir / "redis.conf")]

    def client(self, db: int = 0) -> RespClient:
        """A new connection."""
        address = str(self.socket_path) if self.authority else ("127.0.0.1", self.port)
        return RespClient(address, self.password, db)

    def call(self, *words, db: int = 0):
        """One command on a connection of its own."""
        with self.client(db) as client:
            return client.call(*words)

    def ready(self) -> bool:
        try:
            return self.call("PING") == b"PONG"
        except (OSError, RedisError):  # not listening yet, or still loading its data
            return False

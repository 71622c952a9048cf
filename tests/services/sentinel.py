"""A master, its replicas and the sentinels that watch them."""

import json
import time

from . import ports
from .redis_server import Redis
from .resp import RedisError, RespClient
from .server import Server, wait_until
from .session import ServiceError, Session

MASTER_NAME = "mymaster"


class Sentinel(Server):
    """One redis-server in sentinel mode."""

    def __init__(self, session: Session, name: str, master: Redis, quorum: int, down_after_ms: int,
                 password: str | None):
        super().__init__(session, name)
        self.port = ports.claim()
        self.password = password
        self._master, self._quorum, self._down_after_ms = master, quorum, down_after_ms

    def prepare(self) -> None:
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.dir}", "daemonize no",
                 f"sentinel monitor {MASTER_NAME} 127.0.0.1 {self._master.port} {self._quorum}",
                 f"sentinel down-after-milliseconds {MASTER_NAME} {self._down_after_ms}",
                 f"sentinel failover-timeout {MASTER_NAME} 10000",
                 f"sentinel parallel-syncs {MASTER_NAME} 2"]
        if self._master.password:
            lines.append(f"sentinel auth-pass {MASTER_NAME} {self._master.password}")
        if self.password:
            lines += [f"requirepass {self.password}", f"sentinel sentinel-pass {self.password}"]
        (self.dir / "sentinel.conf").write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        return ["redis-server", str(self.dir / "sentinel.conf"), "--sentinel"]

    def call(self, *words):
        """One command on a connection of its own."""
        with RespClient(("127.0.0.1", self.port), self.password) as client:
            return client.call(*words)

    def master(self) -> dict[str, str]:
        """What it knows of the master."""
        reply = self.call("SENTINEL", "MASTER", MASTER_NAME)
        return {reply[at].decode(): reply[at + 1].decode() for at in range(0, len(reply), 2)}

    def ready(self) -> bool:
        try:
            return self.call("PING") == b"PONG"
        except (OSError, RedisError):
            return False


class SentinelSet:
    """Servers that replicate, watched by sentinels; offers REDIS_URL and the transport options.

    password: of the servers. sentinel_password: of the sentinels. down_after_ms: silence after
    which a sentinel thinks the master is down. min_replicas: a master with fewer takes no writes.
    """

    def __init__(self, session: Session, replicas: int = 2, sentinels: int = 3, password: str | None = None,
                 sentinel_password: str | None = None, down_after_ms: int = 1000, min_replicas: int = 0):
        self.session = session
        self.password = password
        self._sentinel_password = sentinel_password
        self._options = dict(session=session, appendonly=True, password=password,
                             config=("repl-diskless-sync-delay 0", f"min-replicas-to-write {min_replicas}", *(("masterauth " + password,) if password else ())))
        first = Redis(name="redis-1", **self._options)
        self.servers = [first]
        for number in range(replicas):
            options = {**self._options, "config": (*self._options["config"], f"replicaof 127.0.0.1 {first.port}")}
            self.servers.append(Redis(name=f"redis-{number + 2}", **options))
        self.sentinels = [Sentinel(session, f"sentinel-{number + 1}", first, sentinels // 2 + 1, down_after_ms,
                                   sentinel_password) for number in range(sentinels)]
        session.offer({"REDIS_URL": self.url(), "CELERY_BROKER_TRANSPORT_OPTIONS": json.dumps(self.options())})

    def options(self) -> dict:
        """kombu's transport options."""
        options = {"master_name": MASTER_NAME, "min_other_sentinels": 1}
        if self._sentinel_password:
            options["sentinel_kwargs"] = {"password": self._sentinel_password}
        return options

    def url(self, db: int = 0) -> str:
        """The URL as kombu spells it."""
        login = f":{self.password}@" if self.password else ""
        return ";".join(f"sentinel://{login}127.0.0.1:{sentinel.port}/{db}" for sentinel in self.sentinels)

    def start(self) -> "SentinelSet":
        """Starts all and waits until everybody knows everybody."""
        for server in (*self.servers, *self.sentinels):
            server.start()
        wait_until(self._settled, 30, "the sentinels to know each other and the replicas")
        return self

    def _settled(self) -> bool:
        states = [sentinel.master() for sentinel in self.sentinels]
        return all(state["num-other-sentinels"] == str(len(self.sentinels) - 1)
                   and state["num-slaves"] == str(len(self.servers) - 1) and state["flags"] == "master"
                   for state in states) and self._replicas_online()

    def _replicas_online(self) -> bool:
        try:
            return self.master().call("INFO", "replication").count(b"state=online") == len(self.servers) - 1
        except (OSError, RedisError):
            return False

    def master_port(self) -> int | None:
        """Port of the master that a majority of the sentinels name now."""
        found = []
        for sentinel in self.sentinels:
            try:
                state = sentinel.master()
            except (OSError, RedisError):
                continue
            if not set(state["flags"].split(",")) & {"s_down", "o_down"}:
                found.append(int(state["port"]))
        best = max(set(found), key=found.count, default=None)
        return best if best and found.count(best) > len(self.sentinels) // 2 else None

    def master(self) -> Redis:
        """The server that the sentinels name."""
        port = self.master_port()
        for server in self.servers:
            if server.port == port:
                return server
        raise ServiceError("the sentinels name no master")

    def client(self) -> RespClient:
        """A connection to the master; raises RedisError or OSError while there is none."""
        try:
            server = self.master()
        except ServiceError as problem:
            raise RedisError(str(problem)) from problem
        client = server.client()
        if client.call("ROLE")[0] != b"master":
            client.close()
            raise RedisError("the master is a replica still")
        return client

    def wait_new_master(self, old: Redis, seconds: float = 60.0) -> float:
        """Waits until a majority of sentinels names another master that is one; returns the Unix time."""
        def known() -> bool:
            try:
                with self.client():
                    return self.master() is not old
            except (OSError, RedisError, ServiceError):
                return False
        wait_until(known, seconds, "a new master", 0.01)
        return time.time()

    def wait_healthy(self) -> None:
        """Waits until all servers are up and replicating."""
        wait_until(lambda: self._calm() and self._replicas_online(), 60, "all replicas to be online", 0.1)

    def _calm(self) -> bool:
        try:
            return all(sentinel.master()["flags"] == "master" for sentinel in self.sentinels)
        except (OSError, RedisError):
            return False

    def fail_over(self) -> None:
        """Asks a sentinel to choose another master."""
        def asked() -> bool:
            try:
                return self.sentinels[0].call("SENTINEL", "FAILOVER", MASTER_NAME) == b"OK"
            except RedisError:  # NOGOODSLAVE, INPROG: not yet
                return False
        wait_until(asked, 60, "the sentinel to begin a failover", 0.2)

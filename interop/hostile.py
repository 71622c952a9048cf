"""What strangers can do to celeriac-api without a key, while a tenant works.

python3 -m interop.hostile    report: build/report/hostile.tsv

A tenant's calls are measured before and while IDLE connections that say nothing are open, SLOW clients send a
header byte by byte and others send bodies of 1 GB. Of several rounds the one with the lowest median counts, before
and during it: what else the machine does comes and goes, the attackers stay. Memory is that of the server's process
(PSS).
"""

import argparse
import http.client
import json
import multiprocessing
import resource
import selectors
import socket
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.services import CeleriacApi, Postgres, Redis, Report, ServiceError, Session, wait_until

IDLE = 10_000
SLOW = 200
LEAVING = 100
ROUNDS = 10
ROUND_PAUSE_S = 0.1
SAMPLES = 30  # of one round
WARM_UP = 30
PAUSE_S = 0.003  # a tenant's calls come now and then, not back to back
FACTOR = 2.0
GIB = 1 << 30
# docs/rest.md, "Limits": the server itself, and for each connection 20 KiB.
SERVER_MIB = 48
CONNECTION_KIB = 20
NOTIFY = json.dumps({"channel": "email", "to": "user@example.com", "subject": "s", "body": "b"})

CASES = [f"{IDLE} idle connections stay open",
         "a kept connection keeps its latency within a factor of two",
         "new connections keep their latency within a factor of two",
         "bodies of 1 GB are refused",
         "memory is bounded",
         f"{LEAVING} clients that left in mid-request leave nothing behind",
         "connections of one address are limited, others come in",
         "more connections than wanted: new ones and busy ones are served"]


# ---- attackers, each a process of its own -----------------------------------------------------------

# ip(7). Without it each connection takes a local port for itself alone, of which this machine has 28,000: the search
# for the last ones takes milliseconds.
IP_BIND_ADDRESS_NO_PORT = 24


def dial(port: int, source: str = "127.0.0.1") -> socket.socket:
    """A connection from an address of 127.0.0.0/8."""
    connection = socket.socket()
    connection.settimeout(60)
    connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    return connection


def idle(pipe, port: int, count: int, sources: list[str]) -> None:
    """Opens COUNT connections and says when; told to, says how many the server has closed.

    Half of them never say a word, the others make one request, with a large head, and keep the connection.
    """
    request = b"GET /health/ HTTP/1.1\r\nHost: localhost\r\nX-Padding: " + b"x" * 12000 + b"\r\n\r\n"
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    crowd = []
    for number in range(count):
        crowd.append(dial(port, sources[number % len(sources)]))
        try:
            if number % 2:
                crowd[-1].sendall(request)
                crowd[-1].recv(4096)
        except OSError:
            pass  # one too many
    pipe.send("open")
    while pipe.recv() == "count":
        closed = 0
        for connection in crowd:
            connection.setblocking(False)
            try:
                closed += connection.recv(1) == b""
            except BlockingIOError:
                pass
            except OSError:
                closed += 1
        pipe.send(closed)


def slow(pipe, port: int, count: int) -> None:
    """COUNT clients that send a byte of a header ten times a second, and come again when they are closed."""
    crowd = []
    for _ in range(count):
        crowd.append(dial(port))
        crowd[-1].sendall(b"GET /health/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    pipe.send("open")
    while not pipe.poll(0.1):
        for at, connection in enumerate(crowd):
            try:
                connection.sendall(b"x")
            except OSError:
                crowd[at] = dial(port)
                crowd[at].sendall(b"GET /health/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    pipe.recv()


def send_body(port: int, head: bytes, piece: bytes, size: int) -> tuple[int, bytes]:
    """Sends SIZE bytes until it is answered or cut off; how many were sent, and the answer's first line."""
    sent, answer = 0, b""
    with dial(port) as connection, selectors.DefaultSelector() as ready:
        connection.sendall(b"POST /v1/notify/ HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        connection.setblocking(False)
        ready.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while sent < size:
            events = ready.select(60)[0][1]
            try:
                if events & selectors.EVENT_READ:
                    answer += connection.recv(65536)
                    break
                sent += connection.send(piece)
            except OSError:
                break
    return sent, answer.split(b"\r\n")[0]


def bodies(pipe, port: int) -> None:
    """Bodies of 1 GB, announced or in chunks, one after the other; tells the largest and the answers."""
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    most, answers = 0, set()
    pipe.send("open")
    while True:
        for head, piece in ((f"Content-Length: {GIB}\r\n".encode(), b"x" * 65536),
                            (b"Transfer-Encoding: chunked\r\n", chunk)):
            sent, answer = send_body(port, head, piece, GIB)
            most = max(most, sent)
            answers.add(answer)
        if pipe.poll(0.2):
            break
    pipe.recv()
    pipe.send((most, answers))


class Attack:
    """A process that runs one of the functions above, until it is told to end."""

    def __init__(self, function, *arguments):
        self.pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=function, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    def ready(self):
        """Waits until all connections are open."""
        if not self.pipe.poll(120) or self.pipe.recv() != "open":
            raise ServiceError("an attacker did not get to its place")
        return self

    def closed(self) -> int:
        """How many connections of a crowd the server has closed."""
        self.pipe.send("count")
        return self.pipe.recv()

    def end(self, answers: bool = False):
        """Ends it; with ANSWERS what it has to tell."""
        self.pipe.send("end")
        told = self.pipe.recv() if answers else None
        self._process.join(60)
        return told


# ---- the tenant -------------------------------------------------------------------------------------

class Client(http.client.HTTPConnection):
    """A connection that is kept, and made anew once it is closed."""

    def __init__(self, port: int, source: str = "127.0.0.1"):
        super().__init__("127.0.0.1", port)
        self._source = source

    def connect(self):
        self.sock = dial(self.port, self._source)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def work(connection: http.client.HTTPConnection, key: str) -> float:
    """Seconds for reading the tenant and sending a notification."""
    began = time.perf_counter()
    for method, path, body, wanted in (("GET", "/v1/tenants/me/", None, 200), ("POST", "/v1/notify/", NOTIFY, 202)):
        connection.request(method, path, body, {"X-API-KEY": key, "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != wanted:
            raise ServiceError(f"{method} {path} was answered {answer.status}")
    return time.perf_counter() - began


def turn(connection: http.client.HTTPConnection, key: str, kept: bool) -> float:
    """Works once, over a new connection unless it is to be kept, and pauses."""
    if not kept:
        connection.close()
    took = work(connection, key)
    time.sleep(PAUSE_S)
    return took


def best_round(connection: http.client.HTTPConnection, key: str, kept: bool) -> float:
    """The lowest median of ROUNDS."""
    medians = []
    for _ in range(ROUNDS):
        medians.append(statistics.median(turn(connection, key, kept) for _ in range(SAMPLES)))
        time.sleep(ROUND_PAUSE_S)
    return min(medians)


def measure(port: int, key: str, kept: bool, source: str = "127.0.0.1") -> float:
    """The same of a client that begins now, over one connection or a new one each."""
    with closing(Client(port, source)) as connection:
        for _ in range(WARM_UP):
            turn(connection, key, kept)
        return best_round(connection, key, kept)


# ---- the cases --------------------------------------------------------------------------------------

def pss_kib(pid: int) -> int:
    """Proportional memory of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ServiceError("the kernel tells no Pss")


def close_waits(port: int) -> int:
    """The server's connections whose client has left."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "08" for row in rows)


def judge_siege(report: Report, session: Session) -> None:
    """All attackers at once against a server that is to keep all connections."""
    most = str(IDLE + SLOW + 500)
    # Opening them takes a loaded machine longer than an idle connection has as a rule.
    api = CeleriacApi(session, options=("--connections", most, "--connections-per-address", most, "--keep-alive", "600",
                                        "-l", "WARNING")).start()
    _, key = api.register("Besieged", "besieged@tenant.example")
    kept, fresh = measure(api.port, key, True), measure(api.port, key, False)
    crowd = Attack(idle, api.port, IDLE, ["127.0.0.1"]).ready()
    others = [Attack(slow, api.port, SLOW).ready(), Attack(bodies, api.port).ready()]
    kept_during, fresh_during = measure(api.port, key, True), measure(api.port, key, False)
    memory = pss_kib(api.pid)
    closed = crowd.closed()
    report.case(CASES[0], closed == 0, f"{closed} of {IDLE} were closed")
    for name, before, during in ((CASES[1], kept, kept_during), (CASES[2], fresh, fresh_during)):
        report.case(name, during / before <= FACTOR,
                    f"two calls {before * 1e3:.2f} ms alone, {during * 1e3:.2f} ms besieged: {during / before:.2f}")
    others[0].end()
    most, answers = others[1].end(answers=True)
    report.case(CASES[3], most < GIB // 8 and answers <= {b"HTTP/1.1 413 Content Too Large", b"HTTP/1.1 413 Payload Too Large", b""},
                f"at most {most >> 20} MiB were taken, answers: {sorted(answers)}")
    bound = SERVER_MIB * 1024 + (IDLE + SLOW) * CONNECTION_KIB
    report.case(CASES[4], memory <= bound, f"PSS {memory >> 10} MiB with {IDLE + SLOW} connections, bound {bound >> 10} MiB")
    crowd.end()
    judge_leaving(report, api)
    api.stop()


def judge_leaving(report: Report, api: CeleriacApi) -> None:
    """Clients that leave somewhere in the middle of a request."""
    request = (f"POST /v1/notify/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(NOTIFY)}\r\n\r\n{NOTIFY}").encode()
    wait_until(lambda: close_waits(api.port) == 0, 60, "the end of the siege's connections")
    for number in range(LEAVING):
        with dial(api.port) as connection:
            connection.sendall(request[:len(request) * (number + 1) // (LEAVING + 1)])
    began = time.monotonic()
    wait_until(lambda: close_waits(api.port) == 0 or time.monotonic() > began + 30, 60, "")
    left = close_waits(api.port)
    report.case(CASES[5], left == 0, f"{left} in CLOSE_WAIT after {time.monotonic() - began:.1f} s")


def judge_limits(report: Report, session: Session) -> None:
    """The limits that a server has when nothing is said: 4,096 connections, half of them for one address."""
    api = CeleriacApi(session, name="defaults", migrate=False, options=("-l", "WARNING")).start()
    _, key = api.register("Limited", "limited@tenant.example")
    kept, fresh = measure(api.port, key, True, "127.0.0.2"), measure(api.port, key, False, "127.0.0.2")
    crowd = Attack(idle, api.port, IDLE, ["127.0.0.1"]).ready()
    fresh_during = measure(api.port, key, False, "127.0.0.2")
    closed = crowd.closed()
    report.case(CASES[6], closed == IDLE - 2048 and fresh_during / fresh <= FACTOR,
                f"{IDLE - closed} of {IDLE} stay open; two calls over a new connection from elsewhere "
                f"{fresh * 1e3:.2f} ms alone, {fresh_during * 1e3:.2f} ms besieged: {fresh_during / fresh:.2f}")
    crowd.end()
    with closing(Client(api.port, "127.0.0.2")) as connection:
        work(connection, key)
        crowd = Attack(idle, api.port, IDLE, [f"127.0.1.{number}" for number in range(1, 101)])
        while not crowd.pipe.poll(0.02):
            work(connection, key)
        crowd.ready()
        kept_during = best_round(connection, key, True)
    fresh_during = measure(api.port, key, False, "127.0.0.2")
    closed = crowd.closed()
    report.case(CASES[7], closed >= IDLE - 4096 and max(kept_during / kept, fresh_during / fresh) <= FACTOR,
                f"{IDLE - closed} of {IDLE} stay open, from 100 addresses; kept {kept_during / kept:.2f}, "
                f"new {fresh_during / fresh:.2f} of the time before; a kept one was used all the while")
    crowd.end()
    api.stop()


def main() -> int:
    """Runs it; returns the exit code."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    report = Report("hostile", CASES)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= hard < IDLE + 2000:
        print(f"the limit of open files, {hard}, is too low for {IDLE} connections", file=sys.stderr)
        return report.close()
    try:
        with Session("hostile") as session:
            Redis(session).start()
            Postgres(session, fsync=False).start()
            judge_siege(report, session)
            judge_limits(report, session)
    except (ServiceError, OSError) as problem:
        print(f"broke off: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

"""Addresses and failover: sentinels that move the master, TLS, Unix sockets, users, several URLs.

python3 -m interop.transport [--workers celeriac,newest] [--cases A,B,...] [--rounds N]
report: build/report/transport.tsv

cases: failover  SENTINEL FAILOVER in the middle of work, ROUNDS times   kill    the master is killed
       careful   the same with min-replicas-to-write 1                   freeze  the master is frozen
       forms     each form of address
A push counts as promised when both replicas have confirmed it (WAIT), so that no choice of the sentinels
can lose it. Each promised task must run at least once; which runs twice is counted. A Python worker compares
nothing after a failover: what its server forgot to be acknowledged stays in unacked for the visibility
timeout, and is not lost; the case says how many wait so. And kombu takes a message before it writes it down:
each time that a master goes it may lose the one that a Python worker was taking. Ours may lose none.
"""

import argparse
import json
import random
import sys
import time

from tests.services import Redis, RedisError, Report, ServiceError, Session, wait_until
from tests.services.authority import Authority
from tests.services.sentinel import SentinelSet

from .notes import (CNoteWorker, Notes, Producer, PythonNoteWorker, held_numbers, is_empty, list_of, message,
                    probe)
from .stage import ensure_python

CONSUMING_S = 2.0
PROBE_FIRST = 10_000_000  # numbers of probes, far above those of a producer
PATIENCE_S = 120.0


def make_worker(session: Session, notes: Notes, kind: str, **more):
    """One worker that is not started yet."""
    if kind == "celeriac":
        return CNoteWorker(session, notes, **more)
    return PythonNoteWorker(session, notes, venv=kind, **more)


# -- sentinels --------------------------------------------------------------------------------------

def sentinel_cases(title: str) -> list[str]:
    """Names of the cases of one way to lose a master."""
    return [f"{title}: none lost", f"{title}: consuming within 2 s of the new master being known",
            f"{title}: every kind of worker took part"]


def run_sentinel(session: Session, report: Report, title: str, kinds: list[str], rounds: int, fault,
                 min_replicas: int) -> None:
    """Moves the master ROUNDS times in the middle of work."""
    lost_case, gap_case, part_case = sentinel_cases(title)
    servers = SentinelSet(session, password="p@ss", sentinel_password="s3nt", min_replicas=min_replicas).start()
    notes = Notes(session)
    workers = [make_worker(session, notes, kind).start() for kind in kinds]
    producer = Producer(servers.client, replicas=2)
    gaps = []
    try:
        wait_until(lambda: len(notes.all()) > 50, 60, "work to be in progress", 0.1)
        for turn in range(rounds):
            time.sleep(random.uniform(0.3, 1.5))
            old = servers.master()
            undo = fault(servers, old)
            known = servers.wait_new_master(old)
            probe(servers.client, PROBE_FIRST + turn)
            ran = wait_until(lambda turn=turn: notes.when(PROBE_FIRST + turn), 30, "the probe to run")
            gaps.append(ran - known)
            undo()
            servers.wait_healthy()
    finally:
        producer.close()
    ours_alone = set(kinds) == {"celeriac"}
    wait_until(lambda: is_empty(servers.client, held=ours_alone), PATIENCE_S, "the queue to become empty", 0.2)
    time.sleep(3)
    counts = notes.counts()
    held = held_numbers(servers.client) - set(counts)
    missing = producer.promised - set(counts) - held
    twice = sum(count - 1 for number, count in counts.items() if number < PROBE_FIRST)
    may_miss = 0 if ours_alone else rounds * sum(kind != "celeriac" for kind in kinds)
    report.case(lost_case, len(missing) <= may_miss and len(producer.promised) > 100,
                f"{len(missing)} of {len(producer.promised)} promised lost (kombu: up to {may_miss}), {twice} executions too many, "
                f"{len(producer.unknown & set(counts))} of {len(producer.unknown)} not promised ran, "
                f"{len(held)} wait in unacked")
    report.case(gap_case, len(gaps) == rounds and max(gaps) <= CONSUMING_S,
                f"{len(gaps)} of {rounds}: " + ", ".join(f"{gap:.2f}" for gap in gaps) + " s")
    shares = {kind: sum(1 for _, _, by in notes.all() if by == ("c" if kind == "celeriac" else "python"))
              for kind in kinds}
    report.case(part_case, all(shares.values()), shares)
    for worker in workers:
        worker.stop()


def _fail_over(servers: SentinelSet, _old: Redis):
    servers.fail_over()
    return lambda: None


def _kill(_servers: SentinelSet, old: Redis):
    old.kill()
    return old.start


def _freeze(_servers: SentinelSet, old: Redis):
    old.freeze()
    return old.thaw


# Name on the command line -> words in the report, the fault, min-replicas-to-write of the servers.
SENTINEL_FAULTS = {"failover": ("Sentinel failover", _fail_over, 0),
                   "careful": ("Sentinel failover, min-replicas-to-write 1", _fail_over, 1),
                   "kill": ("Sentinel, master killed", _kill, 0),
                   "freeze": ("Sentinel, master frozen", _freeze, 0)}


# -- forms of addresses -----------------------------------------------------------------------------

FORMS = ("TLS with ssl_cert_reqs=required", "TLS with CERT_REQUIRED and a client certificate",
         "TLS from broker_use_ssl", "TLS refuses a certificate of somebody else", "TLS without verification",
         "Unix socket", "ACL user, percent-encoded", "several URLs, first away", "several URLs, a replica first")


def _works(session: Session, kind: str, url: str, push, extra: dict[str, str] | None = None) -> str:
    """Runs one task through a worker that is given URL; returns what is wrong, or ""."""
    notes = Notes(session)
    worker = make_worker(session, notes, kind, name=f"{kind}-{random.randrange(1 << 30)}",
                         extra={"REDIS_URL": url, "CELERY_BROKER_TRANSPORT_OPTIONS": "", **(extra or {})})
    before = len(notes.all())
    number = random.randrange(1 << 30)
    try:
        worker.start()
        push("LPUSH", list_of(), message(number, 0))
        wait_until(lambda: len(notes.all()) > before and notes.when(number), 30, "the task to run", 0.05)
    except ServiceError as problem:
        return str(problem)
    finally:
        worker.kill()
    return ""


def run_forms(session: Session, report: Report, kind: str) -> None:
    """Each form of address, with a task that must run."""
    def judge(name: str, problem: str) -> None:
        report.case(f"{name}: {kind}", not problem, problem)

    tls = Redis(session, "tls", tls=True, config=("tls-auth-clients optional",)).start()
    files = tls.authority
    base = f"rediss://127.0.0.1:{tls.port}/0"
    judge(FORMS[0], _works(session, kind, tls.url(), tls.call))
    judge(FORMS[1], _works(session, kind, f"{base}?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={files.ca}"
                           f"&ssl_certfile={files.cert}&ssl_keyfile={files.key}", tls.call))
    if kind == "celeriac":
        use_ssl = json.dumps({"ssl_cert_reqs": "required", "ssl_ca_certs": str(files.ca)})
        judge(FORMS[2], _works(session, kind, f"redis://127.0.0.1:{tls.port}/0", tls.call,
                               {"CELERY_BROKER_USE_SSL": use_ssl}))
        other = Authority(session.folder("other-ca"))
        notes = Notes(session)
        stranger = make_worker(session, notes, kind, name="stranger", extra={
            "REDIS_URL": f"{base}?ssl_cert_reqs=required&ssl_ca_certs={other.ca}"}).start(wait=False)
        before = len(notes.all())
        tls.call("LPUSH", list_of(), message(1, 0))
        time.sleep(3)
        judge(FORMS[3], "" if len(notes.all()) == before and tls.call("LLEN", list_of()) == 1 else "it was let in")
        stranger.kill()
        tls.call("DEL", list_of())
    judge(FORMS[4], _works(session, kind, f"{base}?ssl_cert_reqs=none", tls.call))
    plain = Redis(session, "plain", unix=True).start()
    judge(FORMS[5], _works(session, kind, plain.unix_url(), plain.call))
    plain.call("ACL", "SETUSER", "ann", "on", ">p@ss/w:rd;%", "~*", "&*", "+@all")
    judge(FORMS[6], _works(session, kind, f"redis://ann:p%40ss%2Fw%3Ard%3B%25@127.0.0.1:{plain.port}/0", plain.call))
    if kind == "celeriac":
        judge(FORMS[7], _works(session, kind, f"redis://127.0.0.1:1/0;redis://127.0.0.1:{plain.port}/0", plain.call))
        replica = Redis(session, "replica", config=(f"replicaof 127.0.0.1 {plain.port}",)).start()
        judge(FORMS[8], _works(session, kind, f"redis://127.0.0.1:{replica.port}/0;redis://127.0.0.1:{plain.port}/0",
                               plain.call))


def form_cases(kinds: list[str]) -> list[str]:
    """Names of the cases of all forms."""
    ours = {FORMS[2], FORMS[3], FORMS[7], FORMS[8]}  # Celery's result backend takes one URL
    return [f"{name}: {kind}" for kind in kinds for name in FORMS if kind == "celeriac" or name not in ours]


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="celeriac,newest")
    parser.add_argument("--cases", default=",".join([*SENTINEL_FAULTS, "forms"]))
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    kinds, wanted = chosen.workers.split(","), chosen.cases.split(",")
    if set(kinds) != {"celeriac"}:
        ensure_python(kinds)
    names = [name for case in wanted for name in
             (form_cases(kinds) if case == "forms" else sentinel_cases(SENTINEL_FAULTS[case][0]))]
    report = Report("transport", names)
    for case in wanted:
        try:
            with Session(f"transport-{case}") as session:
                if case == "forms":
                    for kind in kinds:
                        run_forms(session, report, kind)
                else:
                    title, fault, min_replicas = SENTINEL_FAULTS[case]
                    run_sentinel(session, report, title, kinds, chosen.rounds, fault, min_replicas)
        except (ServiceError, RedisError, OSError) as problem:
            print(f"{case} broke off: {type(problem).__name__}: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

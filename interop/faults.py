"""What breaks, and what must not be lost: workers, Redis, PostgreSQL, SMTP and APIs that fail.

python3 -m interop.faults [--worker KIND] [--api KIND] [--cases A,B,...] [--kills N] [--count N]
report: build/report/faults.tsv

cases: kill     COUNT notifications while a worker is killed KILLS times at random moments
       stopped  Redis is stopped for 5 s            crashed   Redis is killed and restarted
       frozen   Redis is frozen for 10 s            postgres  PostgreSQL is restarted
       smtp     the SMTP server refuses for 5 s     api       the API is killed, then Redis is away
"""

import argparse
import http.client
import random
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict

from tests.services import Postgres, Redis, Report, ServiceError, Session, SmtpSink, wait_until

from . import stage, watch
from .stage import Broker, Rows

REPLY_MS = 25  # what the SMTP server takes for each reply, so that there is always work in progress
MAIL_S = 0.2  # more than one mail takes on a kept connection
CONCURRENCY = 8
BACKLOG = 900  # 12 s of work or more, so that a fault of 10 s ends before the work does
SLOW_POLL_S = 0.3  # looking at the rows starts a program each time
TAKEN_UP_S = 5.0
CONSUMING_S = 2.0
MAX_RETRIES = 3  # the task's, after which a refused notification becomes a dead letter
API_KILLS = 10
REDIS_AWAY_S = 30.0
POSTERS = 4
POST_PAUSE_S = 0.04  # about 100 notifications a second in all: a load, not a measurement


class Scene:
    """Servers of one case, with COUNT notifications queued and nobody at work yet."""

    patience = 300.0  # seconds until what is not done counts as lost
    life = (0.1, 2.0)  # seconds that a worker lives from its start to its kill

    def __init__(self, session: Session, kind: str, count: int, api: str = "django"):
        self.session = session
        self.kind = kind
        self.count = count
        self.redis = Redis(session, appendonly=True, config=("auto-aof-rewrite-percentage 0",)).start()
        self.postgres = Postgres(session).start()
        self.sink = SmtpSink(session, delay_ms=REPLY_MS).start()
        self.broker, self.rows = Broker(self.redis), Rows(self.postgres)
        stage.migrate(session, "celeriac" in (kind, api))
        if count:
            stage.python_json(session, "in_django/fill.py", {"count": count})
        self.recipients = {row["id"]: row["to"] for row in self.rows.query('SELECT id, "to" FROM notifications')}

    def worker(self):
        """A new worker, started and ready."""
        return stage.make_worker(self.session, self.kind, concurrency=CONCURRENCY).start()

    def finish(self) -> str:
        """Waits until all work is done; returns what is wrong with the outcome, or ""."""
        try:
            wait_until(self._ended, self.patience, "the work to end", SLOW_POLL_S)
        except ServiceError as problem:
            return f"{problem}: {self.rows.statuses()} {self.broker.leftovers()}"
        return ""

    def _ended(self) -> bool:
        return set(self.rows.statuses()) <= {"sent", "failed"} and self.broker.empty()

    def outcomes(self) -> Counter:
        """How many notifications came to which end.

        sent: once, with one mail to show for it; repeated: with several; given up: as the contract
        says, without a mail and with a dead letter that tells of the last of four refusals; lost: any
        other end, among them `sent` without a mail and `failed` without a dead letter.
        """
        mails = Counter(mail.to for mail in self.sink.arrivals())
        rows = self.rows.query("""SELECT n."to", n.status, n.error_message, d.reason, d.retry_count
                                  FROM notifications n LEFT JOIN dead_letters d ON d.notification_id = n.id""")
        found = Counter(_outcome(row, mails[row["to"]]) for row in rows)
        found["lost"] += self.count - len(rows)
        # A refusal that nobody made gives nobody up.
        if found["given up"] * (MAX_RETRIES + 1) > self.sink.counter("refused"):
            found["lost"] += found.pop("given up")
        return found


def _outcome(row: dict, mails: int) -> str:
    has_letter = row["retry_count"] is not None
    if row["status"] == "sent" and mails and not has_letter:
        return "sent" if mails == 1 else "repeated"
    if row["status"] == "failed" and not mails and row["retry_count"] == MAX_RETRIES and row["reason"] and \
            row["reason"] == row["error_message"]:
        return "given up"
    return "lost"


def _words(outcomes: Counter) -> str:
    return ", ".join(f"{outcomes[name]} {name}" for name in ("sent", "repeated", "given up", "lost"))


# -- workers killed ---------------------------------------------------------------------------------

def kill_cases(kills: int) -> list[str]:
    """Names of the cases of a run with KILLS kills."""
    return [f"worker killed {kills} times: {word}" for word in ("none lost", "taken up within 5 s",
                                                                "duplicates explained")]


def run_kill(session: Session, report: Report, kind: str, count: int, kills: int) -> None:
    """Kills a worker at random moments, starts a fresh one each time, and counts."""
    none_lost, taken_up, duplicates = kill_cases(kills)
    scene = Scene(session, kind, count)
    watcher = watch.TakeUpWatch(scene.broker)
    in_flight: Counter = Counter()  # notification -> kills at which it was held
    hits = 0
    for _ in range(kills):
        worker = scene.worker()
        time.sleep(random.uniform(*Scene.life))
        killed_at = time.time()
        worker.kill()
        held = watch.held_numbers(scene.broker)
        watcher.orphaned(held, killed_at)
        in_flight.update(held.values())
        hits += bool(held)
    last = scene.worker()
    problem = scene.finish()
    last.stop()
    never = watcher.close()
    outcomes = scene.outcomes()
    good = outcomes["sent"] + outcomes["repeated"] == count
    report.case(none_lost, good and not problem and hits == kills,
                f"{problem}{'; ' if problem else ''}{_words(outcomes)}; work was in progress at {hits} of {kills} kills")
    delays = sorted(watcher.delays)
    report.case(taken_up, never == 0 and bool(delays) and delays[-1] <= TAKEN_UP_S,
                f"{len(delays)} messages, median {statistics.median(delays):.2f} s, longest {delays[-1]:.2f} s, "
                f"never: {never}" if delays else f"no message was held at a kill, never: {never}")
    _judge_duplicates(report, duplicates, scene, in_flight)


def _judge_duplicates(report: Report, name: str, scene: Scene, in_flight: Counter) -> None:
    ids = defaultdict(list)
    for mail in scene.sink.arrivals():
        ids[mail.to].append(mail.message_id)
    allowed = Counter({scene.recipients[number]: n for number, n in in_flight.items()})
    twice = {to: found for to, found in ids.items() if len(found) > 1}
    unexplained = [to for to, found in twice.items() if len(found) > 1 + allowed[to]]
    different = [to for to, found in twice.items() if len(set(found)) > 1]
    report.case(name, not unexplained and not different,
                f"{sum(len(found) - 1 for found in twice.values())} mails too many, "
                f"{sum(in_flight.values())} held at kills, {len(unexplained)} unexplained, "
                f"{len(different)} with another Message-ID")


# -- services away ----------------------------------------------------------------------------------

def _stop_redis(scene: Scene) -> None:
    scene.redis.stop()
    time.sleep(5)
    scene.redis.start()


def _crash_redis(scene: Scene) -> None:
    scene.redis.kill()
    scene.redis.start()


def _freeze_redis(scene: Scene) -> None:
    scene.redis.freeze()
    time.sleep(10)
    scene.redis.thaw()


def _restart_postgres(scene: Scene) -> None:
    scene.postgres.restart()


def _refuse_mail(scene: Scene) -> None:
    scene.sink.refuse(True)
    time.sleep(5)
    scene.sink.refuse(False)


# name on the command line -> words in the report, the fault, whether it may use up retries
FAULTS = {
    "stopped": ("Redis stopped 5 s", _stop_redis, False),
    "crashed": ("Redis killed and restarted", _crash_redis, False),
    "frozen": ("Redis frozen 10 s", _freeze_redis, False),
    "postgres": ("PostgreSQL restarted", _restart_postgres, False),
    "smtp": ("SMTP refusing 5 s", _refuse_mail, True),
}


def fault_cases(name: str) -> list[str]:
    """Names of the cases of one fault."""
    title, _, may_retry = FAULTS[name]
    return [f"{title}: none lost", f"{title}: consuming again within 2 s"] + \
        ([] if may_retry else [f"{title}: no retry spent"])


def run_fault(session: Session, report: Report, kind: str, name: str) -> None:
    """One fault in the middle of work."""
    title, fault, may_retry = FAULTS[name]
    scene = Scene(session, kind, BACKLOG)
    worker = scene.worker()
    wait_until(lambda: scene.sink.count >= CONCURRENCY * 4, 60, "work to be in progress")
    held = {scene.recipients[number] for number in watch.held_numbers(scene.broker).values()}
    fault(scene)
    back = time.time()
    waiting = scene.broker.queued_count() + len(scene.broker.scores())
    problem = scene.finish()
    code = worker.stop()
    outcomes = scene.outcomes()
    # A mail server that refuses spends retries as it does in Celery, so some may be given up for good
    # reason; no other service may cost a mail, and none makes a living worker send one twice.
    good = outcomes["sent"] + (outcomes["given up"] if may_retry else 0) == scene.count
    report.case(f"{title}: none lost", good and not problem and code == 0,
                f"{problem}{'; ' if problem else ''}{_words(outcomes)}; worker ended with {code}")
    # Mails that were on their way when the service came back say nothing, nor do those for messages
    # that the worker had claimed before.
    arrival = watch.first_arrival(scene.sink, back + MAIL_S, held)
    gap = None if arrival is None else arrival - back
    report.case(f"{title}: consuming again within 2 s", gap is not None and gap <= CONSUMING_S and waiting > 0,
                f"next mail {gap:.2f} s after, {waiting} were waiting" if gap is not None else "no mail after")
    if not may_retry:
        retries = watch.retries_written(scene.redis)
        report.case(f"{title}: no retry spent", retries == 0, f"{retries} retries in Redis' append-only file")


# -- the API ----------------------------------------------------------------------------------------

API_CASES = ("API killed 10 times: it came back each time", "API killed, Redis away 30 s: accepted meanwhile",
             "API killed, Redis away 30 s: every 202 is sent")


class Posters:
    """Threads that post notifications and remember what was accepted."""

    def __init__(self, api, key: str):
        self._api, self._key = api, key
        self._end = threading.Event()
        self._lock = threading.Lock()
        self.accepted: list[str] = []
        self.others: Counter = Counter()
        self._threads = [threading.Thread(target=self._post, args=(n,), daemon=True) for n in range(POSTERS)]
        for thread in self._threads:
            thread.start()

    def _post(self, poster: int) -> None:
        turn = 0
        while not self._end.wait(POST_PAUSE_S):
            turn += 1
            wish = {"channel": "email", "to": f"p{poster}-{turn}@example.com", "subject": "s", "body": "b"}
            try:
                status, _, body = self._api.request("POST", "/v1/notify/", wish, self._key, timeout=20)
            except (OSError, http.client.HTTPException) as error:
                status, body = type(error).__name__, None
            with self._lock:
                if status == 202:
                    self.accepted.append(body["id"])
                else:
                    self.others[status] += 1

    def await_more(self, seconds: float) -> None:
        """Waits until something more is accepted; ServiceError when nothing was after SECONDS."""
        before = len(self.accepted)
        wait_until(lambda: len(self.accepted) > before, seconds, "something to be accepted")

    def close(self) -> None:
        """Ends the threads."""
        self._end.set()
        for thread in self._threads:
            thread.join()


def run_api(session: Session, report: Report, worker_kind: str, api_kind: str) -> None:
    """Kills the API under load, then takes Redis away under load."""
    came_back, meanwhile, all_sent = API_CASES
    scene = Scene(session, worker_kind, 0, api_kind)
    api = stage.start_api(session, api_kind)
    _, key = api.register()
    scene.worker()
    posters = Posters(api, key)
    try:
        for _ in range(API_KILLS):
            posters.await_more(Scene.patience)
            time.sleep(random.uniform(0, 2))
            api.kill()
            api.start()
        report.case(came_back, True, f"accepted something in each of {API_KILLS} rounds")
        before = len(posters.accepted)
        scene.redis.stop()
        time.sleep(REDIS_AWAY_S)
        during = len(posters.accepted) - before
        scene.redis.start()
        # Those that were in progress when Redis stopped prove nothing.
        report.case(meanwhile, during > POSTERS, f"{during} accepted while Redis was away")
        time.sleep(1)
    finally:
        posters.close()
    accepted = set(posters.accepted)
    try:
        wait_until(lambda: scene.broker.empty() and not _unsent(scene, accepted), Scene.patience,
                   "all to be sent", SLOW_POLL_S)
    except ServiceError as problem:
        print(problem, file=sys.stderr)
    unsent = _unsent(scene, accepted)
    report.case(all_sent, bool(accepted) and not unsent,
                f"{len(accepted)} accepted, {len(unsent)} not sent; other answers: {dict(posters.others)}")


def _unsent(scene: Scene, accepted: set[str]) -> set[str]:
    sent = {row["id"] for row in scene.rows.query("SELECT id FROM notifications WHERE status = 'sent'")}
    return accepted - sent


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", default="celeriac")
    parser.add_argument("--api", default="celeriac", choices=stage.APIS)
    parser.add_argument("--cases", default=",".join(["kill", *FAULTS, "api"]))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--life", default="0.1,2.0", help="seconds from a start to a kill: least,most")
    parser.add_argument("--patience", type=float, default=Scene.patience)
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.randrange(1 << 32)
    random.seed(seed)
    Scene.patience = chosen.patience
    Scene.life = tuple(float(word) for word in chosen.life.split(","))
    print(f"seed {seed}", flush=True)
    stage.ensure_python([chosen.worker])
    runs = {"kill": (kill_cases(chosen.kills), run_kill, (chosen.worker, chosen.count, chosen.kills)),
            "api": (list(API_CASES), run_api, (chosen.worker, chosen.api)),
            **{name: (fault_cases(name), run_fault, (chosen.worker, name)) for name in FAULTS}}
    wanted = chosen.cases.split(",")
    report = Report("faults", [case for name in wanted for case in runs[name][0]])
    for name in wanted:
        _, run, arguments = runs[name]
        try:
            with Session(f"faults-{name}") as session:
                run(session, report, *arguments)
        except (ServiceError, OSError) as problem:
            print(f"{name} broke off: {type(problem).__name__}: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

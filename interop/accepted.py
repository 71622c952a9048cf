"""What was accepted is sent or given up, once: Redis away, Redis emptied and the API killed, all under load.

python3 -m interop.accepted [--kills N] [--away SECONDS] [--flushes N]
report: build/report/accepted.tsv

Four clients post about a hundred notifications a second all the time. The API is killed KILLS times at random moments, and
Redis emptied (FLUSHALL) FLUSHES times in between; then Redis is away for SECONDS, and emptied once more
while the backlog of that time waits in the queue.
"""

import argparse
import random
import sys
import time
from collections import Counter

from tests.services import Postgres, Redis, Report, ServiceError, Session, SmtpSink, wait_until

from . import stage
from .faults import Posters
from .stage import Broker, Rows

REPLY_MS = 10  # what the SMTP server takes for each reply
CONCURRENCY = 16
PATIENCE_S = 300.0  # until what has not ended counts as lost
POLL_S = 1.0  # looking at the rows starts a program each time
BACKLOG = 1000  # messages that wait when Redis is emptied for the last time

ACCEPTING = "the API accepts after each kill"
AWAY = "the API accepts while Redis is away"
EMPTIED = "Redis is emptied while messages wait"
ENDED = "every 202 ends as sent or as a dead letter"
ONCE = "each is sent once"
CASES = [ACCEPTING, AWAY, EMPTIED, ENDED, ONCE]


def kill_and_flush(redis, api, posters: Posters, kills: int, flushes: int) -> None:
    """Kills the API again and again, each time after it has accepted something, with FLUSHALL at even distances."""
    every = max(1, kills // (flushes + 1))
    for kill in range(1, kills + 1):
        posters.await_more(PATIENCE_S)
        time.sleep(random.uniform(0.5, 2.0))
        api.kill()
        api.start()
        if kill % every == 0:
            redis.call("FLUSHALL")


def ends(rows: Rows, accepted: set[str]) -> Counter:
    """How the accepted notifications have ended; "open" are those that have not."""
    found = {row["id"]: row["status"] if row["status"] == "sent" or row["letter"] else "open" for row in rows.query(
        "SELECT n.id, n.status, d.id IS NOT NULL AS letter FROM notifications n "
        "LEFT JOIN dead_letters d ON d.notification_id = n.id")}
    return Counter(found.get(one, "open") for one in accepted)


def run(session: Session, report: Report, kills: int, away_s: float, flushes: int) -> None:
    """The whole play."""
    redis = Redis(session).start()
    postgres = Postgres(session).start()
    sink = SmtpSink(session, delay_ms=REPLY_MS).start()
    rows, broker = Rows(postgres), Broker(redis)
    stage.migrate(session, True)
    api = stage.start_api(session, "celeriac")
    _, key = api.register()
    worker = stage.make_worker(session, "celeriac", concurrency=CONCURRENCY).start()
    posters = Posters(api, key)
    try:
        kill_and_flush(redis, api, posters, kills, flushes)
        report.case(ACCEPTING, True, f"accepted something in each of {kills} rounds, emptied {flushes} times")
        before = len(posters.accepted)
        redis.stop()
        time.sleep(away_s)
        during = len(posters.accepted) - before
        report.case(AWAY, during > 0, f"{during} accepted in {away_s:.0f} s")
        # Held, so that what waits grows on a slow machine too.
        worker.freeze()
        redis.start()
        wait_until(lambda: broker.queued_count() >= min(BACKLOG, during), PATIENCE_S, "the backlog", 0.05)
        waiting = broker.queued_count()
        redis.call("FLUSHALL")
        worker.thaw()
        report.case(EMPTIED, waiting > 0, f"{waiting} waited")
        time.sleep(5)
    finally:
        posters.close()
    accepted = set(posters.accepted)
    began = time.monotonic()
    try:
        wait_until(lambda: not ends(rows, accepted)["open"], PATIENCE_S, "all to end", POLL_S)
    except ServiceError as problem:
        print(problem, file=sys.stderr)
    took = time.monotonic() - began
    counted = ends(rows, accepted)
    report.case(ENDED, bool(accepted) and not counted["open"],
                f"{len(accepted)} accepted: {dict(counted)}, the last {took:.0f} s after the load; "
                f"other answers: {dict(posters.others)}")
    mails = Counter(mail.to for mail in sink.arrivals())
    addresses = [row["to"] for row in rows.query('SELECT "to" FROM notifications WHERE status = \'sent\'')]
    wrong = [address for address in addresses if mails[address] != 1]
    report.case(ONCE, bool(addresses) and not wrong, f"{len(addresses)} sent, {len(wrong)} of them not once")


def main() -> int:
    """Runs the play; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--away", type=float, default=60.0)
    parser.add_argument("--flushes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.randrange(1 << 32)
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    report = Report("accepted", CASES)
    try:
        with Session("accepted") as session:
            run(session, report, chosen.kills, chosen.away, chosen.flushes)
    except (ServiceError, OSError) as problem:
        print(f"broke off: {type(problem).__name__}: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

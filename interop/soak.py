"""Redis killed, frozen and restarted many times while tasks run: none lost, consuming again at once.

python3 -m interop.soak [--rounds N] [--workers celeriac,...] [--seed N]    report: build/report/soak.tsv

The server writes every command to disk before it answers (appendonly, appendfsync always), so a push that
was answered is a promise. A producer keeps the queue filled all the time. After each fault a message that
overtakes all others is pushed as soon as the server answers; from then to its execution is the time
until the workers consume again.
"""

import argparse
import random
import statistics
import sys
import time

from tests.services import Redis, RedisError, Report, ServiceError, Session, wait_until

from .notes import Notes, Producer, is_empty, probe
from .stage import ensure_python
from .transport import PROBE_FIRST, make_worker

CONSUMING_S = 2.0
PAUSE_S = (0.2, 1.0)  # between faults, so that some work is done
FROZEN_S = (0.2, 4.0)  # on both sides of the time after which a silent server counts as lost
DEAD_S = (0.0, 1.5)
PATIENCE_S = 180.0


def _kill(redis: Redis) -> None:
    redis.kill()
    time.sleep(random.uniform(*DEAD_S))
    redis.start()


def _restart(redis: Redis) -> None:
    redis.stop()
    time.sleep(random.uniform(*DEAD_S))
    redis.start()


def _freeze(redis: Redis) -> None:
    redis.freeze()
    time.sleep(random.uniform(*FROZEN_S))
    redis.thaw()


FAULTS = {"killed": _kill, "restarted": _restart, "frozen": _freeze}


def cases(rounds: int) -> list[str]:
    """Names of the cases."""
    return [f"{rounds} faults: none lost", *(f"consuming within 2 s each time after Redis was {name}" for name in FAULTS),
            "nothing left over", "workers end well"]


def run(session: Session, report: Report, kinds: list[str], rounds: int) -> None:
    """All rounds on one server with one fleet."""
    names = cases(rounds)
    redis = Redis(session, appendonly=True).start()
    notes = Notes(session)
    workers = [make_worker(session, notes, kind).start() for kind in kinds]
    producer = Producer(redis.client)
    gaps: dict[str, list[float]] = {name: [] for name in FAULTS}
    order = [name for _ in range(rounds // len(FAULTS) + 1) for name in FAULTS][:rounds]
    random.shuffle(order)
    try:
        wait_until(lambda: len(notes.all()) > 50, 60, "work to be in progress", 0.1)
        for turn, name in enumerate(order):
            time.sleep(random.uniform(*PAUSE_S))
            FAULTS[name](redis)
            back = time.time()
            probe(redis.client, PROBE_FIRST + turn)
            ran = wait_until(lambda turn=turn: notes.when(PROBE_FIRST + turn), 30, f"work after round {turn}", 0.05)
            gaps[name].append(ran - back)
            if turn % 10 == 9:
                print(f"{turn + 1} rounds, {len(producer.promised)} promised", flush=True)
    finally:
        producer.close()
    try:
        wait_until(lambda: is_empty(redis.client), PATIENCE_S, "the queue to become empty", 0.2)
    except ServiceError as problem:
        print(problem, file=sys.stderr)
    time.sleep(1)
    counts = notes.counts()
    missing = producer.promised - set(counts)
    twice = sum(count - 1 for count in counts.values())
    report.case(names[0], not missing and len(producer.promised) > rounds,
                f"{len(missing)} of {len(producer.promised)} lost, {twice} executions too many")
    for name, found in gaps.items():
        report.case(f"consuming within 2 s each time after Redis was {name}",
                    len(found) == order.count(name) and max(found, default=99) <= CONSUMING_S,
                    f"{len(found)} times, median {statistics.median(found):.2f} s, longest {max(found):.2f} s"
                    if found else "never tried")
    report.case(names[-2], is_empty(redis.client), "")
    codes = [worker.stop() for worker in workers]
    report.case(names[-1], not any(codes), codes)


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="celeriac")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.randrange(1 << 32)
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    kinds = chosen.workers.split(",")
    if set(kinds) != {"celeriac"}:
        ensure_python(kinds)
    report = Report("soak", cases(chosen.rounds))
    try:
        with Session("soak") as session:
            run(session, report, kinds, chosen.rounds)
    except (ServiceError, RedisError, OSError) as problem:
        print(f"broke off: {type(problem).__name__}: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

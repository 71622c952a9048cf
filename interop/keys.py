"""API keys pass between Django and ours, and unknown keys don't hurt those who have one.

python3 -m interop.keys [--apis A,B] [--no-flood]    report: build/report/keys.tsv

Django itself needs hours for the flood: give it --no-flood.

FLOOD unknown keys are tried while a tenant works with a known one, in a database that holds COLD
keys which Django wrote and nobody has used yet. The known key's median latency during the flood is
held against its median before it.
"""

import argparse
import statistics
import sys
import threading
import time
from collections import Counter

from tests.services import HttpServer, Postgres, Redis, Report, ServiceError, Session, SmtpSink

from . import stage

COLD = 50
FLOOD = 1000
FLOOD_THREADS = 8
SAMPLES = 200
WARM_UP = 20
FACTOR = 2.0
PAUSE_S = 0.005  # a tenant's calls come now and then, not back to back


def latency(api: HttpServer, key: str, samples: int, until: threading.Event | None = None) -> list[float]:
    """Seconds of SAMPLES calls with KEY; with UNTIL, of as many as fit before it is set."""
    found = []
    while len(found) < samples or (until is not None and not until.is_set()):
        began = time.perf_counter()
        status, _, _ = api.request("GET", "/v1/tenants/me/", key=key)
        found.append(time.perf_counter() - began)
        if status != 200:
            raise ServiceError(f"a known key was answered {status}")
        time.sleep(PAUSE_S)
        if until is not None and until.is_set():
            break
    return found


def flood(api: HttpServer, done: threading.Event) -> list[int]:
    """Tries FLOOD unknown keys from several threads; returns the statuses."""
    numbers, statuses, lock = iter(range(FLOOD)), [], threading.Lock()

    def attack():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            status = api.request("GET", "/v1/tenants/me/", key=f"sk_live_unknown{number:036d}",
                                 timeout=600)[0]
            with lock:
                statuses.append(status)

    threads = [threading.Thread(target=attack) for _ in range(FLOOD_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    return statuses


def judge_flood(report: Report, session: Session, api: HttpServer, name: str) -> None:
    """The known key before and during the flood."""
    _, key = api.register("Known", f"known-{name}@tenant.example")
    stage.python_json(session, "in_django/keys.py", {"make": COLD})
    latency(api, key, WARM_UP)
    before = statistics.median(latency(api, key, SAMPLES))
    done, statuses = threading.Event(), []
    attacker = threading.Thread(target=lambda: statuses.extend(flood(api, done)))
    attacker.start()
    during = latency(api, key, 1, done)
    attacker.join()
    ratio = statistics.median(during) / before
    # 503 is an honest answer as well, while the server has more to try than it allows itself, and so is 429.
    report.case(f"{name}: unknown keys are refused", len(statuses) == FLOOD and set(statuses) <= {401, 429, 503},
                f"answers: {dict(Counter(statuses))}")
    report.case(f"{name}: a known key stays within a factor of two", ratio <= FACTOR,
                f"median {before * 1e3:.2f} ms alone, {statistics.median(during) * 1e3:.2f} ms during "
                f"{FLOOD} unknown keys against {COLD} cold ones: {ratio:.2f} ({len(during)} calls)")


def judge_exchange(report: Report, session: Session, api: HttpServer, name: str) -> None:
    """A key of Django's opens this API, and this API's keys are Django's."""
    made = stage.python_json(session, "in_django/keys.py", {"make": 1})
    answers = [api.request("GET", "/v1/tenants/me/", key=made["keys"][0], timeout=600) for _ in range(2)]
    good = all(status == 200 and body["tenant_id"] == made["tenant"] and
               headers["x-tenant-id"] == made["tenant"] for status, headers, body in answers)
    report.case(f"Django's key opens {name}", good, [status for status, _, _ in answers])
    tenant, key = api.register("Exchange", f"exchange-{name}@tenant.example")
    status, _, body = api.request("POST", "/v1/api-keys/", {"name": "second"}, key)
    keys = [key] + ([body["api_key"]] if status == 201 else [])
    found = stage.python_json(session, "in_django/keys.py", {"check": keys})
    report.case(f"{name}'s keys open Django", found == [tenant] * len(keys), f"{len(keys)} keys")


def cases(name: str, with_flood: bool) -> list[str]:
    """The names of the cases for one API."""
    found = [f"Django's key opens {name}", f"{name}'s keys open Django"]
    if with_flood:
        found += [f"{name}: unknown keys are refused", f"{name}: a known key stays within a factor of two"]
    return found


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--apis", default="celeriac", help=f"any of {', '.join(stage.APIS)}")
    parser.add_argument("--no-flood", action="store_true", help="only exchange keys")
    chosen = parser.parse_args()
    apis = chosen.apis.split(",")
    stage.ensure_python([])
    report = Report("keys", [case for name in apis for case in cases(name, not chosen.no_flood)])
    try:
        with Session("keys") as session:
            Redis(session).start()
            Postgres(session).start()
            SmtpSink(session).start()
            stage.migrate(session, "celeriac" in apis)
            for name in apis:
                api = stage.start_api(session, name)
                judge_exchange(report, session, api, name)
                if not chosen.no_flood:
                    judge_flood(report, session, api, name)
                api.stop()
    except ServiceError as problem:
        print(f"broke off: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

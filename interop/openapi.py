"""The API against its own description: python3 -m interop.openapi [--seed N] [--examples N]

The description must be valid OpenAPI 3.1. Then schemathesis makes requests of it, good ones and spoilt ones, and
follows one call's answers into the next; no answer may be a server's error, have a status that is not described, or a
document or header that is not as described. Each call must have succeeded at least once, or nothing was shown.

report: build/report/openapi.tsv
"""

import argparse
import json
import re
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree
from collections import Counter, defaultdict
from pathlib import Path

from tests.services import CeleriacApi, Postgres, Redis, Report, ServiceError, Session, venvs

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "allow_header_conformance", "unsupported_method", "ignored_auth",
          "missing_required_header", "use_after_free")
METHODS = ("get", "post", "put", "patch", "delete")
EXAMPLES = 20
SEED = 1
TIMEOUT_S = 600

# Headers of HTTP itself, which no call's description repeats.
OF_HTTP = {"allow", "connection", "content-length", "content-type", "date", "vary"}
RATE = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


def operations(document: dict) -> dict[str, dict]:
    """The calls by "METHOD /path/"."""
    return {f"{method.upper()} {path}": item[method]
            for path, item in document["paths"].items() for method in METHODS if method in item}


def seed_rows(api: CeleriacApi, key: str) -> Counter:
    """A template, a notification, a second key and a webhook, so that what is asked for by id can be there; what succeeded."""
    found = Counter()
    for path, body in (("/v1/templates/", {"name": "first", "channel": "sms", "body": "b"}),
                       ("/v1/notify/", {"channel": "sms", "to": "+15551234567", "body": "b"}),
                       ("/v1/api-keys/", {"name": "second"}),
                       ("/v1/webhooks/", {"url": "https://example.com/hook"})):
        status, _, answer = api.request("POST", path, body, key)
        if status not in (201, 202):
            raise ServiceError(f"POST {path} answered {status}: {answer}")
        found[f"POST {path}"] += 1
    return found


def dead_letter(postgres: Postgres, notification: str) -> str:
    """Gives a notification up, as a worker does; returns the dead letter's id."""
    postgres.psql(f"UPDATE notifications SET status = 'failed' WHERE id = '{notification}'; "
                  f"INSERT INTO dead_letters VALUES (gen_random_uuid(), 'refused', 3, now(), '{notification}')")
    return postgres.psql(f"SELECT id FROM dead_letters WHERE notification_id = '{notification}'")


def try_known(api: CeleriacApi, postgres: Postgres, key: str) -> Counter:
    """Each call that takes an id, with one that is there: no generator finds them all. Returns what succeeded."""
    template = api.request("GET", "/v1/templates/", key=key)[2][-1]["id"]
    notification = api.request("GET", "/v1/notifications/", key=key)[2][-1]["id"]
    letter = dead_letter(postgres, notification)
    second = api.request("GET", "/v1/api-keys/", key=key)[2][0]["id"]
    webhook = f"/v1/webhooks/{api.request('GET', '/v1/webhooks/', key=key)[2][0]['id']}/"
    event = f"/v1/webhook-messages/{api.request('POST', f'{webhook}test/', key=key)[2]['id']}/"
    whole = {"name": "first", "channel": "sms", "body": "c"}
    found = Counter()
    for name, path, body in (("GET /v1/notifications/{id}/", f"/v1/notifications/{notification}/", None),
                             ("GET /v1/dead-letters/{id}/", f"/v1/dead-letters/{letter}/", None),
                             ("POST /v1/dead-letters/{id}/retry/", f"/v1/dead-letters/{letter}/retry/", None),
                             ("POST /v1/notifications/{id}/cancel/", f"/v1/notifications/{notification}/cancel/", None),
                             ("GET /v1/templates/{id}/", f"/v1/templates/{template}/", None),
                             ("PUT /v1/templates/{id}/", f"/v1/templates/{template}/", whole),
                             ("PATCH /v1/templates/{id}/", f"/v1/templates/{template}/", {"body": "d"}),
                             ("POST /v1/templates/{id}/restore/", f"/v1/templates/{template}/restore/", {"version": 1}),
                             ("POST /v1/templates/{id}/preview/", f"/v1/templates/{template}/preview/", {}),
                             ("POST /v1/api-keys/{id}/deactivate/", f"/v1/api-keys/{second}/deactivate/", None),
                             ("GET /v1/webhooks/{id}/", webhook, None),
                             ("PATCH /v1/webhooks/{id}/", webhook, {"description": "new"}),
                             ("POST /v1/webhooks/{id}/rotate-secret/", f"{webhook}rotate-secret/", {}),
                             ("POST /v1/webhooks/{id}/test/", f"{webhook}test/", None),
                             ("GET /v1/webhooks/{id}/messages/", f"{webhook}messages/", None),
                             ("GET /v1/webhook-messages/{id}/", event, None),
                             ("POST /v1/webhook-messages/{id}/retry/", f"{event}retry/", None),
                             ("DELETE /v1/webhooks/{id}/", webhook, None),
                             ("DELETE /v1/templates/{id}/", f"/v1/templates/{template}/", None)):
        found[name] += api.request(name.split()[0], path, body, key)[0] < 300
    return found


def run_schemathesis(session: Session, api: CeleriacApi, key: str, folder: Path, seed: int, examples: int) -> str:
    """One run; returns what it printed. Its reports are in FOLDER."""
    done = subprocess.run(
        [str(venvs.python("openapi")), "-m", "schemathesis.cli", "run", f"{api.url}/v1/openapi.json",
         "--header", f"X-API-KEY: {key}", "--checks", ",".join(CHECKS), "--continue-on-failure",
         "--max-examples", str(examples), "--seed", str(seed), "--request-timeout", "30",
         "--report", "junit,har", "--report-junit-path", str(folder / "junit.xml"),
         "--report-har-path", str(folder / "har.json"), "--output-truncate", "false"],
        cwd=folder, env=session.environment({"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis")}),
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return done.stdout + done.stderr


def patterns_of(calls: dict[str, dict]) -> dict[str, re.Pattern]:
    """What requests of each call look like."""
    return {name: re.compile(re.sub(r"\\\{id\\\}", "[^/]+", re.escape(name)) + "$") for name in calls}


def answers(folder: Path, calls: dict[str, dict]) -> dict[str, Counter]:
    """How often each call was answered with which status."""
    patterns = patterns_of(calls)
    found = defaultdict(Counter)
    for entry in json.loads((folder / "har.json").read_text())["log"]["entries"]:
        request = f"{entry['request']['method']} {urllib.parse.urlsplit(entry['request']['url']).path}"
        for name, pattern in patterns.items():
            if pattern.match(request):
                found[name][entry["response"]["status"]] += 1
    return found


def described_headers(document: dict, call: dict, status: int) -> dict[str, dict]:
    """The headers that an answer may have, by their names in lower case."""
    found = {}
    for name, header in call["responses"].get(str(status), {}).get("headers", {}).items():
        if "$ref" in header:
            header = document["components"]["headers"][header["$ref"].rsplit("/", 1)[1]]
        found[name.lower()] = header
    return found


def judge_headers(report: Report, document: dict, folder: Path, calls: dict[str, dict]) -> None:
    """Nothing is sent that is not described, and the headers of limits are, as the tenant has one."""
    patterns = patterns_of(calls)
    strange, unlimited, looked_at = Counter(), Counter(), 0
    for entry in json.loads((folder / "har.json").read_text())["log"]["entries"]:
        request = f"{entry['request']['method']} {urllib.parse.urlsplit(entry['request']['url']).path}"
        status, headers = entry["response"]["status"], {header["name"].lower() for header in entry["response"]["headers"]}
        for name in [name for name, pattern in patterns.items() if pattern.match(request)]:
            if str(status) in calls[name]["responses"]:
                looked_at += 1
                strange.update(f"{name} {status}: {header}" for header in
                               headers - OF_HTTP - described_headers(document, calls[name], status).keys())
                if calls[name]["security"] and status < 300 and not headers.issuperset(RATE):
                    unlimited[f"{name} {status}"] += 1
    report.case("no answer has a header that is not described", looked_at > 0 and not strange,
                strange.most_common(3) or f"{looked_at} answers")
    report.case("what a tenant with a limit is answered says so", looked_at > 0 and not unlimited, unlimited.most_common(3))


def judge_refusal(report: Report, document: dict, api: CeleriacApi, key: str) -> None:
    """A request beyond the limit: 429 with all the headers that are described, which are whole numbers of seconds."""
    api.request("GET", "/v1/tenants/me/", key=key)
    status, headers, _ = api.request("GET", "/v1/tenants/me/", key=key)
    described = described_headers(document, document["paths"]["/v1/tenants/me/"]["get"], status)
    numbers = [headers.get(name, "").isdecimal() for name in (*RATE, "retry-after")]
    report.case("a refusal beyond the limit is as described",
                status == 429 and all(numbers) and described.keys() <= headers.keys() and described["retry-after"]["required"],
                f"{status}, {headers}")


def failures(folder: Path) -> dict[str, str]:
    """What schemathesis found, by the case that it names: a call, or its walks through several."""
    found = {}
    for case in xml.etree.ElementTree.parse(folder / "junit.xml").getroot().iter("testcase"):
        said = [f"{problem.get('message')} {problem.text}" for problem in case if problem.tag in ("failure", "error")]
        found[case.get("name")] = "; ".join(said)
    return found


def judge(report: Report, session: Session, postgres: Postgres, seed: int, examples: int) -> None:
    """All cases."""
    folder = session.folder("openapi")
    api = CeleriacApi(session).start()
    tenant, key = api.register()
    other, limited = api.register("Limited", "limited@acme.example")
    postgres.psql("INSERT INTO celeriac.tenant_limits (tenant_id, per_second, burst) VALUES "
                  f"('{tenant}', 100000, 1000000), ('{other}', 0.001, 1)")
    status, _, document = api.request("GET", "/v1/openapi.json")
    (folder / "openapi.json").write_text(json.dumps(document))
    valid = subprocess.run([str(venvs.python("openapi")), "-m", "openapi_spec_validator", str(folder / "openapi.json")],
                           capture_output=True, text=True, check=False)
    report.case("the description is valid OpenAPI 3.1", status == 200 and valid.returncode == 0,
                (valid.stdout + valid.stderr).strip().rsplit("/", 1)[-1])
    calls = operations(document)
    known = seed_rows(api, key) + try_known(api, postgres, key)
    printed = run_schemathesis(session, api, key, folder, seed, examples)
    found, seen = failures(folder), answers(folder, calls)
    for name in calls:
        statuses = seen[name]
        succeeded = known[name] + sum(count for status, count in statuses.items() if status < 300)
        report.case(name, name in found and not found[name] and succeeded > 0 and sum(statuses.values()) > 0,
                    found.get(name) or ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    for name in found.keys() - calls.keys():
        report.case(name, not found[name], found[name])
    judge_headers(report, document, folder, calls)
    judge_refusal(report, document, api, limited)
    total = re.search(r"(\d+) generated, (\d+) passed", printed)
    report.case("every request was judged", total is not None and total[1] == total[2], total[0] if total else printed[-500:])
    complaints = [line for line in api.log.read_text().splitlines() if re.search(r"\b(?:ERROR|CRITICAL)\b", line)]
    report.case("the API complains of nothing", api.stop() == 0 and not complaints, complaints[:3])


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="most generated requests for a call and phase")
    chosen = parser.parse_args()
    venvs.ensure("openapi")
    report = Report("openapi", ["the API complains of nothing"])
    try:
        with Session("openapi") as session:
            Redis(session).start()
            postgres = Postgres(session, fsync=False).start()
            judge(report, session, postgres, chosen.seed, chosen.examples)
    except ServiceError as problem:
        print(f"broke off: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

"""From HTTP to mailbox, to be seen: what ./demo runs once everything is built."""

import argparse
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from tests.services import (CeleriacApi, CeleriacWorker, CeleryWorker, DjangoApi, HttpServer, Postgres, Redis,
                            ServiceError, Session, SmtpServer, wait_until)

# How long the proof may take before something is wrong; it takes milliseconds.
PROOF_S = 30
FLEET_S = 120
# How many notifications each API accepts: Django hashes the key anew for each of them, and a worker that is
# never behind would leave nothing to the other.
FLEET_SHARES = {"celeriac-api": 500, "django-api": 20}
FLEET_TENANTS = 16

# Settings of the shell that would lead our processes astray. What steers the harness itself stays.
STRAY_SETTINGS = re.compile(r"CELERY_.*|REDIS_URL|DB_.*|EMAIL_.*|DEFAULT_FROM_EMAIL|ALLOWED_HOSTS|DJANGO_.*|DEBUG"
                            r"|CELERIAC_(DB|EMAIL|TEMPLATE|UNKNOWN|VISIBILITY)_.*|NOTIFY_SOCKET|WATCHDOG_.*|PG[A-Z]+")


def say(text: str) -> None:
    """A heading."""
    print(f"\033[1m==> {text}\033[0m" if sys.stdout.isatty() else f"==> {text}", flush=True)


def expect(status: int, wanted: int, body: object) -> None:
    """Ends the demo when an answer is not what it should be."""
    if status != wanted:
        raise ServiceError(f"the API answered {status} instead of {wanted}: {body}")


def unix(text: str) -> float:
    """The time in an API answer as Unix time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def create_template(api: HttpServer, key: str) -> None:
    """The template that the demo sends."""
    status, _, body = api.request("POST", "/v1/templates/", {
        "name": "welcome_email", "channel": "email", "subject": "Welcome, {{ name }}",
        "body": "Hi {{ name }},\n\nwelcome to {{ company }}!\n"
                "{% for feature in features %}  - {{ feature }}\n{% endfor %}"}, key)
    expect(status, 201, body)


def notify(api: HttpServer, key: str, to: str, name: str) -> dict:
    """Posts one notification and returns the answer."""
    status, _, body = api.request("POST", "/v1/notify/", {
        "channel": "email", "to": to, "template": "welcome_email",
        "data": {"name": name, "company": "Acme Corp", "features": ["templates", "retries", "dead letters"]}}, key)
    expect(status, 202, body)
    return body


def sent_row(api: HttpServer, key: str, notification: str) -> dict | None:
    """The notification as the API shows it, once it is sent."""
    status, _, row = api.request("GET", f"/v1/notifications/{notification}/", key=key)
    expect(status, 200, row)
    return row if row["status"] == "sent" else None


def prove(api: HttpServer, key: str, smtp: SmtpServer) -> None:
    """Sends one notification and prints the mail, the row and the time of each leg."""
    posted = time.time()
    accepted = notify(api, key, "jane@example.com", "Jane")
    answered = time.time()
    smtp.wait_count(1, PROOF_S)
    row = wait_until(lambda: sent_row(api, key, accepted["id"]), PROOF_S, "the notification to be sent")
    mail = smtp.mails()[0]
    say("The mail, as received")
    print(f"MAIL FROM {mail.sender}  RCPT TO {', '.join(mail.to)}\n")
    print(mail.data.decode().replace("\r\n", "\n"))
    say("The notification")
    for name in ("id", "status", "channel", "to", "template_name", "created_at", "sent_at"):
        print(f"  {name:14}{row[name]}")
    say("The legs")
    legs = (("202 accepted", answered), ("mail delivered", mail.time), ("recorded as sent", unix(row["sent_at"])))
    for name, moment in legs:
        print(f"  {name:18}{1000 * (moment - posted):8.1f} ms after the request was sent")


def show_fleet(apis: list[HttpServer], key: str, smtp: SmtpServer, postgres: Postgres, redis: Redis) -> None:
    """Posts notifications through all APIs, for all workers, and says who did what."""
    before = smtp.count
    posts = [api for api in apis for _ in range(FLEET_SHARES[api.name])]
    random.shuffle(posts)
    say(f"{len(posts)} notifications through both APIs at once, for both workers")

    def post(number: int) -> tuple[str, str]:
        api = posts[number]
        return notify(api, key, f"user{number}@example.com", f"User {number}")["id"], api.name

    with ThreadPoolExecutor(FLEET_TENANTS) as tenants:
        accepted = dict(tenants.map(post, range(len(posts))))
    rows = "SELECT id, provider_response->'raw'->>'backend' FROM notifications WHERE status = 'sent'"
    done = wait_until(lambda: sent if len(sent := executed(postgres.psql(rows), accepted)) == len(accepted) else None,
                      FLEET_S, f"{len(accepted)} notifications to be sent")
    pairs = Counter((accepted[notification], worker) for notification, worker in done.items())
    workers = sorted(set(done.values()))
    print(f"  {'accepted by':20}" + "".join(f"{f'sent by {worker} worker':>24}" for worker in workers))
    for api in apis:
        print(f"  {api.name:20}" + "".join(f"{pairs[api.name, worker]:24}" for worker in workers))
    mails = Counter(to for mail in smtp.mails()[before:] for to in mail.to)
    left = [redis.call("LLEN", "celery"), redis.call("HLEN", "unacked"), redis.call("ZCARD", "unacked_index")]
    print(f"\n  {sum(mails.values())} mails to {len(mails)} recipients; "
          f"left in celery, unacked, unacked_index: {', '.join(map(str, left))}")


def executed(rows: str, wanted: dict) -> dict[str, str]:
    """Notification -> the worker that sent it, told by how each signs the provider's response."""
    pairs = (line.split("|") for line in rows.splitlines())
    return {notification: "Python" if backend == "EmailBackend" else "C"
            for notification, backend in pairs if notification in wanted}


def stay(session: Session, apis: list[HttpServer], key: str, smtp: SmtpServer, redis: Redis) -> None:
    """Says how to go on and prints mails until Ctrl-C."""
    api = apis[0]
    say("It is yours to try until Ctrl-C")
    for server in apis:
        print(f"  {server.name:14}{server.url}")
    print(f"""  {'dashboard':14}{api.url}/dashboard/
  {'description':14}{api.url}/docs/
  {'broker':14}{redis.url()}
  {'key':14}{key}

  curl -H 'X-API-KEY: {key}' -H 'Content-Type: application/json' \\
       -d '{{"channel": "email", "to": "you@example.com", "subject": "Hi {{{{ name }}}}", "body": "Hello {{{{ name }}}}!", "data": {{"name": "You"}}}}' \\
       {api.url}/v1/notify/
  curl -H 'X-API-KEY: {key}' {api.url}/v1/notifications/

  Mails are printed as they arrive. Logs: {session.dir}/*/log""", flush=True)
    seen = smtp.count
    while True:
        time.sleep(0.2)
        for server in session.servers:
            if not server.alive:
                raise ServiceError(f"{server.name} ended by itself, with code {server.exit_code}")
        for mail in smtp.mails()[seen:] if smtp.count > seen else ():
            print(f"\n--- mail to {', '.join(mail.to)}\n{mail.data.decode(errors='replace')}", flush=True)
            seen += 1


def run(session: Session, once: bool, fleet: bool) -> None:
    """The demo in a session that exists."""
    say("Starting Redis, PostgreSQL, a mail server, the API and the worker"
        + (", and both again in Python" if fleet else ""))
    redis = Redis(session).start()
    postgres = Postgres(session).start()
    smtp = SmtpServer(session).start()
    apis: list[HttpServer] = [CeleriacApi(session).start()]
    CeleriacWorker(session, name="celeriac-worker").start()
    if fleet:
        apis.append(DjangoApi(session, migrate=False).start(wait=False))
        CeleryWorker(session).start()
        apis[-1].wait_ready()
    say("Registering a tenant and creating a template")
    _, key = apis[0].register()
    create_template(apis[0], key)
    prove(apis[0], key, smtp)
    if fleet:
        show_fleet(apis, key, smtp, postgres, redis)
    if once:
        return
    try:
        stay(session, apis, key, smtp, redis)
    except KeyboardInterrupt:
        print("\nstopped")


def main() -> int:
    """Runs the demo."""
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--fleet", action="store_true")
    options = parser.parse_args()
    for name in [name for name in os.environ if STRAY_SETTINGS.fullmatch(name)]:
        del os.environ[name]
    try:
        with Session("demo") as session:
            run(session, options.once, options.fleet)
    except KeyboardInterrupt:
        print("\nstopped before the proof", file=sys.stderr)
        return 128 + signal.SIGINT
    except ServiceError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""From HTTP to mailbox, to be seen: what ./demo runs once everything is built."""

import argparse
import signal
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.services import (CeleriacApi, CeleriacWorker, CeleryWorker, DjangoApi, HttpServer, Postgres, Redis,
                            Session, SmtpServer, wait_until)

# How long the proof may take before something is wrong; it takes milliseconds.
PROOF_S = 30
FLEET_NOTIFICATIONS = 100


def say(text: str) -> None:
    """A heading."""
    print(f"\033[1m==> {text}\033[0m", flush=True)


def expect(status: int, wanted: int, body: object) -> None:
    """Ends the demo when an answer is not what it should be."""
    if status != wanted:
        raise SystemExit(f"demo: the API answered {status} instead of {wanted}: {body}")


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


def prove(api: HttpServer, key: str, smtp: SmtpServer) -> None:
    """Sends one notification and prints the mail, the row and the time of each leg."""
    posted = time.time()
    accepted = notify(api, key, "jane@example.com", "Jane")
    answered = time.time()
    smtp.wait_count(1, PROOF_S)
    row = wait_until(lambda: next((found for found in [api.request("GET", f"/v1/notifications/{accepted['id']}/",
                                                                   key=key)[2]] if found["status"] == "sent"), None),
                     PROOF_S, "the notification to be sent")
    mail = smtp.mails()[0]
    say("The mail, as received")
    print(f"MAIL FROM {mail.sender}  RCPT TO {', '.join(mail.to)}")
    print(mail.data.decode().replace("\r\n", "\n"))
    say("The notification")
    for name in ("id", "status", "channel", "to", "template_name", "created_at", "sent_at"):
        print(f"  {name:14}{row[name]}")
    say("The legs")
    for name, moment in (("accepted (202)", answered), ("mail delivered", mail.time), ("recorded sent", unix(row["sent_at"]))):
        print(f"  {name:16}{1000 * (moment - posted):8.1f} ms after the request was sent")


def show_fleet(session: Session, api: HttpServer, key: str, smtp: SmtpServer, workers) -> None:
    """Sends notifications through both APIs, executed by both workers, and says who did what."""
    django = DjangoApi(session, migrate=False).start()
    before = smtp.count()
    say(f"{FLEET_NOTIFICATIONS} notifications, half through each API, for both workers")
    for number in range(FLEET_NOTIFICATIONS):
        notify(django if number % 2 else api, key, f"user{number}@example.com", f"User {number}")
    smtp.wait_count(before + FLEET_NOTIFICATIONS, 120)
    finished = {name: worker.log_text(whole=True).count(mark)
                for name, worker, mark in ((worker.name, worker, mark) for worker, mark in workers)}
    senders = Counter(to for mail in smtp.mails()[before:] for to in mail.to)
    for name, count in finished.items():
        print(f"  {name:16} executed {count} tasks")
    print(f"  {len(senders)} recipients, {max(senders.values())} mail each")


def stay(api: HttpServer, key: str, smtp: SmtpServer) -> None:
    """Says how to go on and waits for Ctrl-C."""
    say("It is yours to try until Ctrl-C")
    print(f"""  API   {api.url}
  key   {key}

  curl -H 'X-API-KEY: {key}' -H 'Content-Type: application/json' \\
       -d '{{"channel": "email", "to": "you@example.com", "subject": "Hi {{{{ name }}}}", "body": "Hello {{{{ name }}}}!", "data": {{"name": "You"}}}}' \\
       {api.url}/v1/notify/
  curl -H 'X-API-KEY: {key}' {api.url}/v1/notifications/

  Mails are printed as they arrive.""", flush=True)
    seen = smtp.count()
    while True:
        time.sleep(0.2)
        for mail in smtp.mails()[seen:]:
            print(f"\n--- mail to {', '.join(mail.to)}\n{mail.data.decode(errors='replace')}", flush=True)
            seen += 1


def main() -> int:
    """Runs the demo."""
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--fleet", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Session("demo") as session:
        say("Starting Redis, PostgreSQL, a mail server, the API and the worker")
        Redis(session).start()
        Postgres(session).start()
        smtp = SmtpServer(session).start()
        api = CeleriacApi(session).start()
        workers = [(CeleriacWorker(session).start(), "notification sent")]
        if options.fleet:
            workers.append((CeleryWorker(session).start(), " succeeded in "))
        say("Registering a tenant and creating a template")
        _, key = api.register()
        create_template(api, key)
        prove(api, key, smtp)
        if options.fleet:
            show_fleet(session, api, key, smtp, workers)
        if not options.once:
            try:
                stay(api, key, smtp)
            except KeyboardInterrupt:
                print("\nstopping")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The cells of the interop matrix: how each outcome is brought about, and what must come of it."""

import subprocess
import uuid
from dataclasses import dataclass
from datetime import datetime

from tests.services import HttpServer, Report, ServiceError, Session, SmtpServer, wait_until
from tests.services.celeriac import program

from . import stage
from .stage import Broker, Message, Rows

SENT, FLAKY, DEAD = "sent", "fails twice then sent", "dead letter after 3 retries"
UNKNOWN, ALREADY, COUNTDOWN, V1 = "unknown id", "already sent", "countdown", "v1 message"
OUTCOMES = (SENT, FLAKY, DEAD, UNKNOWN, ALREADY, COUNTDOWN, V1)

COUNTDOWN_S = 6  # more than a fleet needs to start, so that it has to wait
LOCAL_PARTS = {FLAKY: "fail-2-", DEAD: "reject-550-"}
SUBJECT, BODY = "Hello {{ name }}", "Dear {{ name }},\nyou have {{ n }} new messages."
DATA = {"name": "Ann", "n": 2}
RENDERED_SUBJECT, RENDERED_BODY = "Hello Ann", "Dear Ann,\nyou have 2 new messages."


@dataclass
class Cell:
    """One notification. task: the id under which its result is found; due: when it may be sent."""

    outcome: str
    to: str
    number: str
    task: str
    due: float = 0.0


class Wrong(Exception):
    """A cell is not as it must be."""


def same(found, wanted, what: str) -> None:
    """Raises Wrong unless FOUND is WANTED."""
    if found != wanted:
        raise Wrong(f"{what}: expected {wanted!r}, found {found!r}")


class Cells:
    """Makes and judges cells of one producer."""

    def __init__(self, session: Session, broker: Broker, rows: Rows, smtp: SmtpServer, api: HttpServer,
                 key: str, producer: str):
        self.producer = producer
        self._session = session
        self._broker = broker
        self._rows = rows
        self._smtp = smtp
        self._api = api
        self._key = key

    # -- making ---------------------------------------------------------------------------------

    def produce(self) -> list[Cell]:
        """Fills the queue with one message for each outcome. No worker may run."""
        cells = [self._produce(outcome) for outcome in OUTCOMES]
        by_id = {cell.outcome: cell for cell in cells}
        # Last, so that making the others does not use up the countdown.
        self._again(by_id[V1], {"protocol": 1})
        self._again(by_id[COUNTDOWN], {"countdown": COUNTDOWN_S})
        message = self._message(by_id[COUNTDOWN].number)
        by_id[COUNTDOWN].due = datetime.fromisoformat(message.envelope["headers"]["eta"]).timestamp()
        return cells

    def _produce(self, outcome: str) -> Cell:
        to = f"{LOCAL_PARTS.get(outcome, '')}{uuid.uuid4().hex[:12]}@example.com"
        wish = {"channel": "email", "to": to, "subject": SUBJECT, "body": BODY, "data": DATA}
        status, _, body = self._api.request("POST", "/v1/notify/", wish, self._key)
        if status != 202:
            raise ServiceError(f"notify answered {status}: {body}")
        message = self._message(body["id"])
        if outcome == UNKNOWN:
            self._rows.execute(f"DELETE FROM notifications WHERE id = '{body['id']}'")
        elif outcome == ALREADY:
            self._rows.execute(f"UPDATE notifications SET status = 'sent' WHERE id = '{body['id']}'")
        elif outcome in (COUNTDOWN, V1):
            self._broker.take(message)
        return Cell(outcome, to, body["id"], message.id)

    def _message(self, number: str) -> Message:
        return wait_until(lambda: next((m for m in self._broker.queued() if m.args[:1] == [number]), None),
                          10, f"the message of notification {number}")

    def _again(self, cell: Cell, wish: dict) -> None:
        """Publishes with a countdown, or as protocol 1: what no HTTP call can ask for.

        Our library writes protocol 2 only, so protocol 1 always comes from a Python client.
        """
        if self.producer == "celeriac" and "countdown" in wish:
            done = subprocess.run(
                [program("celeriac-send", "interop"), stage.TASK, f'["{cell.number}"]',
                 str(wish["countdown"] * 1000)],
                env=self._session.environment(), capture_output=True, text=True, check=True)
            cell.task = done.stdout.strip()
        else:
            cell.task = stage.python_json(self._session, "in_django/send.py", [{"id": cell.number, **wish}])[0]

    # -- judging --------------------------------------------------------------------------------

    def judge_all(self, report: Report, name: str, cells: list[Cell]) -> None:
        """Records one case for each cell, and one for what the API says of them all."""
        results = stage.python_json(self._session, "in_django/results.py", [cell.task for cell in cells])
        for cell, result in zip(cells, results):
            try:
                detail = self._judge(cell, result)
            except (Wrong, KeyError, TypeError) as problem:
                report.case(f"{name}: {cell.outcome}", False, f"{type(problem).__name__}: {problem}")
            else:
                report.case(f"{name}: {cell.outcome}", True, detail)
        try:
            self._judge_api(cells)
        except (Wrong, KeyError, TypeError) as problem:
            report.case(f"{name}: API shows it", False, f"{type(problem).__name__}: {problem}")
        else:
            report.case(f"{name}: API shows it", True)

    def _judge(self, cell: Cell, result: dict) -> str:
        same((result["state"], result["error"], result["value"], result["info"]),
             ("SUCCESS", None, None, "None"), "state, error, value, info of the result")
        row = self._rows.notification(cell.number)
        mails = [mail for mail in self._smtp.mails() if cell.to in mail.to]
        attempts = len(self._smtp.refusals().get(cell.to, [])) + len(mails)
        if cell.outcome == UNKNOWN:
            same((row, attempts), (None, 0), "row, attempts")
            return ""
        if cell.outcome == ALREADY:
            same((row["status"], row["sent_at"], attempts), ("sent", None, 0), "status, sent_at, attempts")
            return ""
        if cell.outcome == DEAD:
            same((row["status"], row["retry_count"], len(mails), attempts), ("failed", 3, 0, 4),
                 "status, retry_count, mails, attempts")
            same((bool(row["reason"]), row["reason"]), (True, row["error_message"]), "reason")
            return row["reason"]
        same((row["status"], row["retry_count"], len(mails), attempts),
             ("sent", None, 1, 3 if cell.outcome == FLAKY else 1), "status, dead letter, mails, attempts")
        return self._judge_mail(cell, row, mails[0])

    @staticmethod
    def _judge_mail(cell: Cell, row: dict, mail) -> str:
        response = row["provider_response"]
        same((response["provider"], response["status"], response["detail"], response["raw"]["sent_count"]),
             ("email", "sent", "Sent to 1 recipient", 1), "provider_response")
        same(row["sent_at"] is not None, True, "sent_at is set")
        message = mail.message
        same((message["Subject"], message["To"], message["From"], mail.to),
             (RENDERED_SUBJECT, cell.to, "noreply@example.com", [cell.to]), "mail")
        same(mail.text.rstrip("\n"), RENDERED_BODY, "text")
        same(mail.time >= cell.due, True, f"not before it was due ({cell.due - mail.time:+.3f} s)")
        late = f", {mail.time - cell.due:.2f} s after its time" if cell.due else ""
        return f"by {response['raw']['backend']}{late}"

    def _judge_api(self, cells: list[Cell]) -> None:
        wanted = {cell.number: "failed" if cell.outcome == DEAD else "sent"
                  for cell in cells if cell.outcome != UNKNOWN}
        _, _, listed = self._api.request("GET", "/v1/notifications/?limit=1000", key=self._key)
        same({item["id"]: item["status"] for item in listed if item["id"] in wanted}, wanted, "list")
        _, _, letters = self._api.request("GET", "/v1/dead-letters/?limit=1000", key=self._key)
        dead = {item["notification_id"]: item["retry_count"] for item in letters}
        same({number: dead.get(number) for number, status in wanted.items() if status == "failed"},
             {number: 3 for number, status in wanted.items() if status == "failed"}, "dead letters")

"""The dashboard in a real browser: what a person does there works, and looks as it should.

python3 -m interop.dashboard [--pictures FOLDER]    report: build/report/dashboard.tsv

A tenant is registered, a template written with its preview, a notification sent and seen as sent, another one given up
and sent after all; a webhook is made and tried. --pictures keeps a picture of each page, as docs/dashboard-*.png are.
"""

import argparse
import sys
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from interop.browser import PATIENCE_S, Page
from tests.services import CeleriacApi, CeleriacWorker, Postgres, Redis, Report, ServiceError, Session, SmtpSink

CASES = ["a tenant is registered and its key opens the page", "a template is previewed while it is written",
         "what cannot be rendered is told in the preview", "the template is saved", "a notification is sent",
         "its history is shown", "what was given up is listed with its reason", "a dead letter is sent after all",
         "the feed shows what others send", "a webhook is made, its secret shown once, and tried", "a key is made, and shown once",
         "nothing is stored, and nothing comes from elsewhere", "the browser complains of nothing"]


def sign_in(report: Report, page: Page) -> str:
    """A new tenant; returns its key."""
    page.picture("sign-in")
    page.write("#tenant-name", "Acme Corp")
    page.write("#tenant-email", "ops@acme.example")
    page.click("#register")
    key = page.find("#new-key").text
    page.click("button.main")
    report.case(CASES[0], "Acme Corp" in page.shows("header", "Acme Corp") and key.startswith("sk_live_"))
    return key


def write_template(report: Report, page: Page) -> None:
    """A template, with a mistake on the way."""
    page.go("#/templates/new")
    page.write("#template-name", "order_shipped")
    page.write("#template-subject", "Order {{ number }} is on its way")
    page.write("#template-data", '{"number": 4711, "name": "Jane", "items": ["tea", "cake"]}')
    page.write("#template-body", "Dear {{ name }},\n\n{% for item in items %}- {{ item }}\n{% endfor %}")
    subject = page.shows("#preview h3", "Order 4711")
    report.case(CASES[1], subject == "Order 4711 is on its way" and "- cake" in page.shows("#preview pre", "- cake"), subject)
    page.picture("template")
    page.find("#template-body").send_keys("{% if %}")
    report.case(CASES[2], bool(page.shows("#preview .notice", "Template rendering failed")))
    page.find("#template-body").send_keys(Keys.BACKSPACE * len("{% if %}"))
    page.shows("#preview pre", "- cake")
    page.click("#save-template")
    report.case(CASES[3], bool(page.shows("table", "order_shipped")))
    page.picture("templates")


def send(page: Page, to: str) -> None:
    """One notification from the template; the page goes on to show it."""
    page.go("#/send")
    page.write("#send-to", to)
    page.click("#send-now")


def send_one(report: Report, page: Page, sink: SmtpSink) -> None:
    """One that arrives."""
    send(page, "jane@example.com")
    page.shows("h1 .badge", "sent")
    report.case(CASES[4], sink.count == 1 and sink.arrivals()[0].to == "jane@example.com", f"{sink.count} mails")
    history = page.shows("#history", "Sent")
    report.case(CASES[5], history.startswith("Accepted") and '"provider": "email"' in history, history[:80])
    page.picture("notification")


def give_up_and_retry(report: Report, page: Page, sink: SmtpSink) -> None:
    """One that the server refuses four times, and takes when it is asked once more."""
    sink.refuse(True)
    send(page, "joe@example.com")
    page.shows("h1 .badge", "failed")
    attempts = page.shows("#history", "Given up").count("An attempt failed")
    page.picture("failed")
    page.go("#/dead-letters")
    listed = page.shows("table", "joe@example.com")
    report.case(CASES[6], attempts == 4 and "421" in listed, f"{attempts} attempts: {listed[-120:]}")
    page.picture("dead-letters")
    sink.refuse(False)
    page.click("button.retry")
    page.shows("main", "Nothing was given up.")
    page.go("#/activity")
    sink.wait_count(2, PATIENCE_S)
    page.shows("#feed tbody tr:first-child", "sent")
    report.case(CASES[7], sink.count == 2 and sink.arrivals()[1].to == "joe@example.com", f"{sink.count} mails")


def watch(report: Report, page: Page, api: CeleriacApi, key: str) -> None:
    """Notifications of another program come into the feed by themselves."""
    for number in range(5):
        api.request("POST", "/v1/notify/", {"channel": "email", "to": f"guest{number}@example.com", "subject": "Hello",
                                            "body": "Hi"}, key)
    report.case(CASES[8], bool(page.shows("#feed", "guest4@example.com")))
    page.shows("#feed tbody tr:first-child", "sent")
    page.picture("activity")


def make_webhook(report: Report, page: Page) -> None:
    """A webhook and a test event of it."""
    page.go("#/webhooks")
    page.shows("main", "No webhooks.")
    page.write("#webhook-url", "https://hooks.invalid/notifications")
    page.click("#make-webhook")
    secret = page.find(".secret").text
    page.shows("main section", "https://hooks.invalid/notifications active")
    page.click("button.test")
    listed = page.shows("main table", "webhook.test")
    page.picture("webhooks")
    page.go("#/activity")
    page.go("#/webhooks")
    page.shows("main table", "webhook.test")
    report.case(CASES[9], secret.startswith("whsec_") and not page.driver.find_elements(By.CSS_SELECTOR, ".secret"), listed)


def make_key(report: Report, page: Page, api: CeleriacApi) -> None:
    """A key that works."""
    page.go("#/keys")
    page.write("#key-name", "Billing")
    page.click("form button.main")
    key = page.find(".secret").text
    page.shows("table", "Billing")
    status = api.request("GET", "/v1/tenants/me/", key=key)[0]
    page.picture("keys")
    page.go("#/activity")
    page.go("#/keys")
    page.shows("table", "Billing")
    report.case(CASES[10], status == 200 and not page.driver.find_elements(By.CSS_SELECTOR, ".secret"), f"status {status}")


def main() -> int:
    """Walks through the dashboard; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="keep a picture of each page in this folder")
    chosen = parser.parse_args()
    report = Report("dashboard", CASES)
    with Session("dashboard") as session:
        Redis(session).start()
        Postgres(session, fsync=False).start()
        sink = SmtpSink(session).start()
        api = CeleriacApi(session).start()
        CeleriacWorker(session, concurrency=4).start()
        address = f"http://127.0.0.1:{api.port}"
        page = Page(f"{address}/dashboard/", session.folder("browser"), chosen.pictures)
        try:
            page.driver.get(f"{address}/dashboard/")
            key = sign_in(report, page)
            write_template(report, page)
            send_one(report, page, sink)
            give_up_and_retry(report, page, sink)
            watch(report, page, api, key)
            make_webhook(report, page)
            make_key(report, page, api)
            # A preview that is refused on purpose shows as a failed request.
            page.judge(report, CASES[11], CASES[12], "/v1/templates/preview/")
        except (ServiceError, Exception) as error:  # noqa: BLE001 - whatever ends the walk is the case's detail
            report.case("the walk through the dashboard", False, error)
        finally:
            page.close()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

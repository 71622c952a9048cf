"""The reference of the API in a real browser: complete, usable without a mouse, and true.

python3 -m interop.docs_page [--pictures FOLDER]    report: build/report/docs_page.tsv

Each call of the OpenAPI document must be there, with its parameters, fields and answers; examples must be accepted. A call is
tried with a key and without one, by keyboard alone. --pictures keeps pictures, as docs/docs-*.png are.
"""

import argparse
import sys
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from interop.browser import Page
from interop.openapi import operations
from tests.services import CeleriacApi, Postgres, Redis, Report, Session

CASES = ["every call is listed, once, and in the contents", "each has its parameters, fields and answers",
         "the examples of bodies are documents", "a call is tried by keyboard alone", "without a key it is refused",
         "an example is accepted as it stands", "a link leads to its call", "a key is not shown, and gone after a reload",
         "nothing is stored, and nothing comes from elsewhere", "the browser complains of nothing"]
STEPS_MAX = 400  # presses of Tab until something must have the focus


def texts(page: Page, selector: str) -> list[str]:
    """What all such elements show or hide."""
    return page.driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)", selector)


def judge_list(report: Report, page: Page, document: dict) -> None:
    """The page against the document."""
    calls = operations(document)
    page.find("article")
    shown = [f"{verb.upper()} {path}" for verb, path in
             zip(texts(page, "article > h3 .verb"), texts(page, "article > h3 code"), strict=True)]
    links = page.driver.execute_script("return [...document.querySelectorAll('nav a')].map((one) => one.hash.slice(1))")
    report.case(CASES[0], sorted(shown) == sorted(calls) and sorted(links) == sorted(call["operationId"] for call in calls.values()),
                f"{len(shown)} of {len(calls)} calls, {len(links)} links")
    missing = []
    for name, call in calls.items():
        inside = " ".join(texts(page, f"#{call['operationId']}"))
        wanted = [call["summary"], *call["responses"], *(one["name"] for one in call.get("parameters", ()))]
        if "requestBody" in call:
            schema = call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
            wanted += document["components"]["schemas"][schema].get("properties", {})
        missing += [f"{name}: {one}" for one in wanted if one not in inside]
    report.case(CASES[1], not missing, missing[:5])
    broken = page.driver.execute_script(
        "return [...document.querySelectorAll('textarea')].filter((one) => { try { return typeof JSON.parse(one.value) "
        "!== 'object'; } catch { return true; } }).length")
    count = len(page.driver.find_elements(By.CSS_SELECTOR, "textarea"))
    report.case(CASES[2], count == sum("requestBody" in call for call in calls.values()) and broken == 0,
                f"{count} bodies, {broken} broken")


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the first such element has the focus; no mouse is used."""
    here = "return document.activeElement === document.querySelector(arguments[0])"
    for _ in range(STEPS_MAX):
        if page.driver.execute_script(here, selector):
            return
        page.press(Keys.TAB)
    raise LookupError(f"{selector} is not reached by Tab")


def try_calls(report: Report, page: Page, key: str) -> None:
    """A look at the tenant, with and without a key, and a notification as its example has it."""
    tab_to(page, "#key")
    page.press(key)
    hidden = page.find("#key").get_attribute("type") == "password"
    own = page.driver.execute_script(
        "return [...document.querySelectorAll('article')].find((one) => one.querySelector('h3 code').textContent "
        "=== '/v1/tenants/me/').id")
    tab_to(page, f"nav a[href='#{own}']")
    page.press(Keys.ENTER)
    tab_to(page, f"#{own} details.try > summary")
    page.press(Keys.ENTER)
    tab_to(page, f"#{own} button.send")
    page.press(Keys.ENTER)
    report.case(CASES[3], "Acme Corp" in page.shows(f"#{own} details.try pre", "Acme Corp"))
    page.write("#key", "x")
    page.find("#key").send_keys(Keys.BACKSPACE)
    page.click(f"#{own} button.send")
    report.case(CASES[4], "401" in page.shows(f"#{own} .verdict", "401"))
    page.write("#key", key)
    page.click("#sendNotification details.try > summary")
    page.click("#sendNotification button.send")
    verdict = page.shows("#sendNotification .verdict", "after")
    report.case(CASES[5], verdict.startswith("202"), verdict)
    page.driver.execute_script("document.querySelector('#sendNotification details.try').scrollIntoView({block: 'end'})")
    page.picture("try")
    page.click(f"nav a[href='#{own}']")
    # The page takes its time to scroll there.
    page.until(lambda driver: abs(driver.execute_script(
        "return document.getElementById(arguments[0]).getBoundingClientRect().top", own)) < 100, "the linked call")
    report.case(CASES[6], page.driver.current_url.endswith(f"#{own}"))
    page.driver.refresh()
    page.find("article")
    report.case(CASES[7], hidden and page.find("#key").get_attribute("value") == "")


def main() -> int:
    """Walks through the page; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="keep pictures in this folder")
    chosen = parser.parse_args()
    report = Report("docs_page", CASES)
    with Session("docs-page") as session:
        Redis(session).start()
        Postgres(session, fsync=False).start()
        api = CeleriacApi(session).start()
        _, key = api.register()
        address = f"http://127.0.0.1:{api.port}"
        page = Page(f"{address}/docs/", session.folder("browser"), chosen.pictures, "docs")
        try:
            page.driver.get(f"{address}/docs/")
            judge_list(report, page, api.request("GET", "/v1/openapi.json")[2])
            page.picture("reference")
            try_calls(report, page, key)
            # The call without a key shows as a failed request.
            page.judge(report, CASES[8], CASES[9], "/v1/tenants/me/")
        except Exception as error:  # noqa: BLE001 - whatever ends the walk is the case's detail
            report.case("the walk through the reference", False, error)
        finally:
            page.close()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

"""A page in headless Chromium, for the tests that do what a person does."""

import shutil
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.services import Report

PATIENCE_S = 60.0  # a loaded machine with two cores; four attempts alone take up to seven seconds
WIDTH, HEIGHT = 1280, 1000


class Page:
    """The browser and the page in it."""

    def __init__(self, address: str, scratch: Path, pictures: Path | None, name: str = "dashboard"):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                         "--disable-background-networking", "--disable-component-update", "--no-first-run",
                         f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={scratch / 'profile'}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver") or "chromedriver",
                                          log_output=str(scratch / "chromedriver.log"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self._origin = "/".join(address.split("/")[:3])
        self._pictures = pictures
        self._name = name

    def close(self) -> None:
        """Ends the browser."""
        self.driver.quit()

    def go(self, address: str) -> None:
        """Another view, as a click on the navigation would show it."""
        self.driver.execute_script("location.hash = arguments[0]", address)

    def find(self, selector: str):
        """The first element that the CSS selector fits, waited for."""
        return self.until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector), selector)

    def write(self, selector: str, text: str) -> None:
        """Replaces what stands in a field, key by key."""
        field = self.find(selector)
        field.send_keys(Keys.CONTROL + "a")
        field.send_keys(Keys.DELETE)
        field.send_keys(text)

    def click(self, selector: str) -> None:
        """A click on the first such element."""
        def do(driver):
            found = driver.find_element(By.CSS_SELECTOR, selector)
            # Not as the page would, which takes its time.
            driver.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", found)
            found.click()
            return True
        self.until(do, selector)

    def shows(self, selector: str, text: str) -> str:
        """Waits until an element's text has TEXT in it; returns all of it."""
        def there(driver):
            found = " ".join(driver.find_element(By.CSS_SELECTOR, selector).text.split())
            return found if text in found else None
        return self.until(there, f"{text!r} in {selector}")

    def press(self, keys: str) -> None:
        """Keys for whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(keys)

    def picture(self, name: str) -> None:
        """Keeps what is seen now."""
        if self._pictures:
            self.driver.save_screenshot(str(self._pictures / f"{self._name}-{name}.png"))

    def until(self, condition, what: str):
        """Waits until a function of the driver returns something true; returns that."""
        waiting = WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.1,
                                ignored_exceptions=(StaleElementReferenceException, ElementClickInterceptedException, LookupError))
        return waiting.until(condition, f"waited in vain for {what}")

    def judge(self, report: Report, stored: str, quiet: str, expected: str = "") -> None:
        """Two cases: nothing is kept or loaded from elsewhere, and the console has no complaint but of EXPECTED."""
        kept = (self.driver.execute_script("return localStorage.length + sessionStorage.length")
                + len(self.driver.get_cookies()))
        loaded = self.driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        foreign = [name for name in loaded if not name.startswith(self._origin)]
        report.case(stored, kept == 0 and loaded and not foreign,
                    f"{kept} things kept, {len(loaded)} loaded, foreign: {foreign}")
        complaints = [entry["message"] for entry in self.driver.get_log("browser")
                      if entry["level"] in ("SEVERE", "WARNING") and not (expected and expected in entry["message"])]
        report.case(quiet, not complaints, complaints[:3])

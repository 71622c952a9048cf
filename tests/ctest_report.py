"""Turns what ctest did into a report: ctest_report.py NAME RESULTS.xml [AGAIN.xml] -> build/report/NAME.tsv.

A failed test's detail says why: the lines of its output that name what failed, the first ones first.
AGAIN.xml is of a second run of those that had failed. One that passes then counts, and its detail
begins with AGAIN and says what the first run said, so that nobody takes it for sound.
"""

import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.services.report import Report

# What names a failure, in the words of those who print it.
NAMING = re.compile("|".join((
    r"\[  (?:FAILED|ERROR ) +\] (?!\w+: \d+ test\(s\))",  # cmocka, without its closing counts
    r"\[   LINE   \]",
    r"(?:FAIL|ERROR): \w",  # unittest: the test's name
    r"FAIL  ",  # our own reports
    r"(?:==\d+==)?(?:ERROR|SUMMARY): \w+Sanitizer",
    r"WARNING: ThreadSanitizer",
    r".*: runtime error: ",  # UndefinedBehaviorSanitizer
    r"tests\.services: ",
)))
# The last line of a Python traceback: telling behind a line that names a failure; before one it may be
# what a server logged.
EXCEPTION = re.compile(r"(?:[\w.]+\.)?\w*(?:Error|Exception|Expired|Interrupt)(?::|$)")
# Enough to know which assertion of which test; the whole output is in build/STEP.test.log.
LINES_MAX = 8
LINE_MAX = 300
# How the detail of such a case begins; ./check looks for it.
AGAIN = "only when run again: "
# When no line names a failure, the last ones are shown.
LAST_LINES = 3


def why(output: str) -> str:
    """The telling lines of a failed test's output, on one line."""
    lines = [re.sub(r"\[NON-XML-CHAR-0x\w+\](?:\[\d*m)?", "", line).strip() for line in output.splitlines()]
    lines = list(dict.fromkeys(line for line in lines if line))  # cmocka says each twice
    first = next((at for at, line in enumerate(lines) if NAMING.match(line)), 0)
    telling = [line for line in lines[first:] if NAMING.match(line) or EXCEPTION.match(line)]
    shown = telling[:LINES_MAX] if telling else lines[-LAST_LINES:]
    return " | ".join(line[:LINE_MAX] for line in shown) or "no output"


def results_of(path: str) -> dict[str, tuple[bool, str]]:
    """Each test of a run: whether it passed, and its detail."""
    found = {}
    for case in xml.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        skipped = status == "notrun" or case.find("skipped") is not None
        passed = status == "run" and case.find("failure") is None and not skipped
        detail = "did not run" if skipped else f"{float(case.get('time', 0)):.2f} s"
        found[case.get("name")] = (passed, detail if passed else f"{detail}: {why(case.findtext('system-out') or '')}")
    return found


def main(name, results, again=None):
    report = Report(name)
    second = results_of(again) if again and Path(again).exists() else {}
    for test, (passed, detail) in results_of(results).items():
        if not passed and second.get(test, (False,))[0]:
            passed, detail = True, AGAIN + detail
        report.case(test, passed, detail)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

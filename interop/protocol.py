"""The hundred lines of the checklist, each by the cases that are named after it.

python3 -m interop.protocol [--seen RESULTS.xml ...]
reports: build/report/protocol.tsv, one line for each line of tests/data/checklist.tsv
build/report/interplay.tsv, one line for each program of the label `protocol`, which also show what no line speaks of

The cases are functions of the test programs that ctest knows, with real servers and, where the line speaks of it, real
Celery (newest, 5.2, 4.4) as the other side. A line passes when there is a case for it and all of them passed. Programs
whose results are in the files of --seen (written by ctest in the same run of ./check) are not run again.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

from tests import checklist
from tests.services import ROOT, Report
from tests.services.celeriac import bindir

# More than any test program prints: ctest cuts what is longer out of its middle.
OUTPUT_MAX = 8 << 20
CMOCKA = re.compile(r"^\[ *(OK|FAILED) *\] (\w+)$", re.M)
PYTHON_BEGAN = re.compile(r"^(test_\w+) \(", re.M)
PYTHON_FAILED = re.compile(r"^(?:FAIL|ERROR): (\w+) \(", re.M)
PYTHON_ENDED = re.compile(r"^Ran \d+ tests? in ", re.M)


def programs(build: Path) -> tuple[list[str], list[str]]:
    """The ctest entries that have cases named after lines, and those of the label `protocol`."""
    told = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"], capture_output=True, text=True,
                          check=True).stdout
    tests = json.loads(told)["tests"]
    return [test["name"] for test in tests if _has_cases(test.get("command", []))], \
        [test["name"] for test in tests for one in test.get("properties", [])
         if one["name"] == "LABELS" and "protocol" in one["value"]]


def _has_cases(command: list[str]) -> bool:
    """Whether the last word is a program, or the word behind -m a module, in which such a name stands."""
    module = command[command.index("-m") + 1] if "-m" in command else ""
    for file in (Path(command[-1]) if command else Path(), ROOT / (module.replace(".", "/") + ".py")):
        if file.is_file() and b"checklist_" in file.read_bytes():
            return True
    return False


def read(results: Path) -> dict[str, str]:
    """What each test program of a file of results printed."""
    return {case.get("name"): case.findtext("system-out") or "" for case in xml.parse(results).getroot().iter("testcase")}


def outcomes(output: str) -> dict[str, bool]:
    """Which cases a program's output says passed, and which failed."""
    found = {name: word == "OK" for word, name in CMOCKA.findall(output)}
    failed = set(PYTHON_FAILED.findall(output))
    # A program that ended early says nothing about any of its cases; a class that could not be set up, about its own.
    if PYTHON_ENDED.search(output):
        found.update((name, name not in failed and "setUpClass" not in failed)
                     for name in PYTHON_BEGAN.findall(output) + [name for name in failed if name.startswith("test_")])
    return found


def run(build: Path, names: list[str]) -> Path:
    """Runs these ctest entries; returns the file of their results."""
    results = build / "protocol.xml"
    results.unlink(missing_ok=True)
    subprocess.run(["ctest", "--test-dir", str(build), "-R", f"^({'|'.join(names)})$", "-j", str(2 * (os.cpu_count() or 1)),
                    "--output-on-failure", "--output-junit", str(results),
                    "--test-output-size-passed", str(OUTPUT_MAX), "--test-output-size-failed", str(OUTPUT_MAX)],
                   check=False)
    return results


def judge(report: Report, passed: dict[str, bool]) -> None:
    """One case of the report for each line."""
    shown: dict[int, list[str]] = {number: [] for number in checklist.lines()}
    for _, _, case in checklist.cases():
        for number in checklist.numbers(case):
            shown[number].append(case)
    for number, text in checklist.lines().items():
        wrong = [f"{case} {'failed' if case in passed else 'did not run'}" for case in shown[number]
                 if not passed.get(case)]
        report.case(f"{number:3} {text}", bool(shown[number]) and not wrong,
                    "; ".join(wrong) or " ".join(shown[number]) or "no case shows it")


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seen", nargs="*", type=Path, default=[], metavar="RESULTS.xml",
                        help="results of programs that ran already")
    arguments = parser.parse_args()
    build = bindir().parent
    report = Report("protocol")
    seen = {name: output for file in arguments.seen for name, output in read(file).items()}
    with_cases, own = programs(build)
    results = run(build, [name for name in dict.fromkeys(with_cases + own) if name not in seen])
    seen.update(read(results))
    passed: dict[str, bool] = {}
    for output in seen.values():
        for case, good in outcomes(output).items():
            # The same program may run more than once, such as with TLS.
            passed[case] = good and passed.get(case, True)
    judge(report, passed)
    interplay = Report("interplay", own)
    for case in xml.parse(results).getroot().iter("testcase"):
        if case.get("name") in own:
            interplay.case(case.get("name"), case.get("status") == "run" and case.find("failure") is None)
    codes = [report.close(), interplay.close()]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())

"""Turns what ctest did into a report: ctest_report.py NAME RESULTS.xml -> build/report/NAME.tsv."""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.services.report import Report


def main(name, results):
    report = Report(name)
    for case in xml.parse(results).getroot().iter("testcase"):
        status = case.get("status")
        skipped = status == "notrun" or case.find("skipped") is not None
        report.case(case.get("name"), status == "run" and case.find("failure") is None and not skipped,
                    "did not run" if skipped else f"{float(case.get('time', 0)):.2f} s")
    return report.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

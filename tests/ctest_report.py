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
        if status == "notrun" or case.find("skipped") is not None:
            print(f"skip  {case.get('name')}")
        else:
            report.case(case.get("name"), status == "run" and case.find("failure") is None,
                        f"{float(case.get('time', 0)):.2f} s")
    return report.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

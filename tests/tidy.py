"""clang-tidy over every C file of ours: tidy.py BUILD_DIR -> build/report/tidy.tsv."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.services.report import Report


def main(build):
    tool = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    report = Report("tidy")
    database = json.loads((Path(build) / "compile_commands.json").read_text())
    files = sorted({entry["file"] for entry in database
                    if entry["file"].startswith(str(ROOT)) and str(Path(build).resolve()) not in entry["file"]})

    def check(file):
        run = subprocess.run([tool, "-p", build, "--quiet", file], capture_output=True, text=True, check=False)
        lines = [line for line in run.stdout.splitlines() if " error: " in line or " warning: " in line]
        return file, run.returncode == 0 and not lines, "; ".join(lines[:5])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, clean, detail in pool.map(check, files):
            report.case(os.path.relpath(file, ROOT), clean, detail)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""clang-tidy over every C file of ours: tidy.py BUILD_DIR [--deep] -> build/report/tidy.tsv or analyze.tsv.

--deep walks the paths through each function as far as clang's analyzer does by default, which takes it seven times as
long; without, what functions call is not walked through again for each call.

Each file has a process of its own: version 14 takes va_list for uninitialised when it is given several.
A file that was clean is not looked at again in this checkout until it, a header it includes, its
command line, the configuration or the tool changes; BUILD_DIR must have been built, for ninja to know
the headers.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.services.report import Report

# Folders with an empty file for each state of a file that was clean.
CLEAN = {"tidy": ROOT / "build" / "tidy-clean", "analyze": ROOT / "build" / "analyze-clean"}
SHALLOW = [f"--extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang", "mode=shallow")]


def headers_of_objects(build: Path) -> dict[str, list[Path]]:
    """What each object file was last compiled from, as ninja has recorded it."""
    text = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found: dict[str, list[Path]] = {}
    for line in text.splitlines():
        if line.startswith("    "):
            found[output].append(build / line.strip())
        elif ": #deps" in line and line.endswith("(VALID)"):
            output = line.partition(":")[0]
            found[output] = []
        else:
            output = ""
            found[output] = []
    return found


@cache
def digest(path: Path) -> bytes:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).digest()


def state(tool: bytes, entry: dict, headers: list[Path]) -> str:
    """Names all that clang-tidy's verdict on a file depends on."""
    whole = hashlib.sha256(tool + entry["command"].encode())
    configs = [folder / ".clang-tidy" for folder in Path(entry["file"]).parents if folder.is_relative_to(ROOT)]
    for path in [config for config in configs if config.exists()] + headers:
        whole.update(digest(path))
    return whole.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--deep", action="store_true")
    words = parser.parse_args()
    name, options = ("analyze", []) if words.deep else ("tidy", SHALLOW)
    tool = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    version = subprocess.run([tool, "--version"], capture_output=True, check=True).stdout
    report = Report(name)
    build = words.build.resolve()
    clean_marks = CLEAN[name]
    database = json.loads((build / "compile_commands.json").read_text())
    entries = {entry["file"]: entry for entry in database
               if entry["file"].startswith(f"{ROOT}/") and not entry["file"].startswith(f"{build}/")}
    headers = headers_of_objects(build)
    clean_marks.mkdir(parents=True, exist_ok=True)
    seen = set()

    def check(file):
        known = headers.get(re.search(r" -o (\S+) ", entries[file]["command"])[1])
        mark = clean_marks / state(version + " ".join(options).encode(), entries[file], known) if known else None
        if mark:
            seen.add(mark)
            if mark.exists():
                return file, True, "as before"
        run = subprocess.run([tool, "-p", build, "--quiet", *options, file], capture_output=True, text=True, check=False)
        lines = [line for line in run.stdout.splitlines() if " error: " in line or " warning: " in line]
        clean = run.returncode == 0 and not lines
        if clean and mark:
            mark.touch()
        return file, clean, "; ".join(lines[:5]) or (run.stderr[-300:] if not clean else "")

    # The longest first, so that no core is left with one of them at the end.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, clean, detail in pool.map(check, sorted(entries, key=os.path.getsize, reverse=True)):
            report.case(os.path.relpath(file, ROOT), clean, detail)
    for mark in set(clean_marks.iterdir()) - seen:
        mark.unlink()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

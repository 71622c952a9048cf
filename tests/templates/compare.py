#!/usr/bin/env python3
"""Renders every case of the corpus with Jinja2 and with ours, and compares.

usage: compare.py RENDER_CASE [--report FILE] [--verbose] [CASE ...]

RENDER_CASE is the program built from render_case.c. Writes one line per case to the report
(default build/report/templates.tsv) and closes with `N passed, N failed`. A case whose results differ
passes only if docs/templates.md lists it as a known difference, and those must stay below 3 %.
"""
import argparse
import json
import pathlib
import re
import struct
import subprocess
import sys

import jinja2

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KNOWN_SHARE = 0.03
HEADER = re.compile(r"=== (?P<long>\S+)(?: \[(?P<flag>\w+)\])?$|(?P<short>[a-z0-9-]+) ::(?: (?P<text>.*))?$")


class Case:
    def __init__(self, name, source, data):
        self.name, self.source, self.data = name, source, data


def read_file(path):
    """Yields the cases of one corpus file; tests/templates/corpus/README.md describes the format."""
    data, name, flag, lines, is_long = "{}", None, None, [], False

    def finished():
        if name is None:
            return None
        if is_long:
            body = lines[:-1] if lines and lines[-1] == "" else lines
            text = "".join(line + "\n" for line in body)
        else:
            text = "\n".join(lines).rstrip("\n")
        return text.replace("\n", "\r\n") if flag == "crlf" else text

    def emit():
        nonlocal data
        text = finished()
        if text is None:
            return
        if name == "(data)":
            data = text
        else:
            yield Case(f"{path.stem}/{name}", text, data)

    for line in path.read_text(encoding="utf-8").split("\n"):
        match = HEADER.match(line)
        if not match:
            lines.append(line)
            continue
        yield from emit()
        is_long = match["long"] is not None
        name, flag = match["long"] or match["short"], match["flag"]
        lines = [] if is_long else [match["text"] or ""]
    yield from emit()


def read_corpus():
    cases = [case for path in sorted((HERE / "corpus").glob("*.txt")) for case in read_file(path)]
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        sys.exit(f"case names used twice: {sorted(twice)}")
    return cases


def known_differences():
    """The first column of the table below the heading `Known differences` in docs/templates.md."""
    known, inside = {}, False
    for line in (ROOT / "docs" / "templates.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            inside = line.lstrip("# ").strip() == "Known differences"
        cells = [cell.strip() for cell in line.strip("|").split("|")] if inside and line.startswith("|") else []
        for name in re.findall(r"`([^`]+/[^`]+)`", cells[0]) if cells else []:
            known[name] = cells[-1]
    return known


def by_jinja2(case):
    try:
        return "ok", jinja2.Template(case.source).render(**json.loads(case.data))
    except Exception as error:  # whatever a template raises is a failed send there
        return "error", f"{type(error).__name__}: {error}"


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, case):
        for text in (case.source, case.data):
            raw = text.encode()
            self.process.stdin.write(struct.pack(">I", len(raw)) + raw)
        self.process.stdin.flush()
        head = self.process.stdout.read(12)
        if len(head) < 12:
            sys.exit(f"{case.name}: {self.process.args[0]} ended with {self.process.wait()}")
        code, line, length = struct.unpack(">III", head)
        text = self.process.stdout.read(length).decode()
        return ("ok", text) if code == 0 else ("error", f"code {code}, line {line}: {text}")

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def judge(case, expected, got, known):
    """Returns (passed, detail)."""
    same = expected == got if expected[0] == "ok" else got[0] == "error"
    if same and case.name in known:
        return False, "listed as a known difference but equal"
    if same:
        return True, "equal" if expected[0] == "ok" else "both fail"
    if case.name in known:
        return True, f"known difference: {known[case.name]}"
    return False, f"jinja2 {expected[0]} {expected[1]!r}; ours {got[0]} {got[1]!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--report", type=pathlib.Path, default=ROOT / "build" / "report" / "templates.tsv")
    parser.add_argument("--verbose", action="store_true", help="print each failing case with its source")
    args = parser.parse_args()
    if not jinja2.__version__.startswith("3.1."):
        sys.exit(f"Jinja2 3.1 is needed, this is {jinja2.__version__}")

    corpus, known, ours = read_corpus(), known_differences(), Ours(args.program)
    cases = [case for case in corpus if not args.cases or case.name in args.cases]
    rows, failed = [], 0
    for case in cases:
        expected, got = by_jinja2(case), ours.render(case)
        passed, detail = judge(case, expected, got, known)
        failed += not passed
        rows.append(f"{case.name}\t{'pass' if passed else 'fail'}\t{detail}".replace("\n", "\\n"))
        if not passed and args.verbose:
            print(f"--- {case.name}\n{case.source}\njinja2 {expected[0]}: {expected[1]!r}\nours   {got[0]}: {got[1]!r}")
    status = ours.close()

    unknown_names = sorted(set(known) - {case.name for case in corpus})
    too_many = len(known) >= KNOWN_SHARE * len(corpus)
    if not args.cases:
        for name in unknown_names:
            rows.append(f"{name}\tfail\tlisted in docs/templates.md but not a case")
        rows.append(f"known-differences\t{'fail' if too_many else 'pass'}\t{len(known)} of {len(corpus)} cases")
        failed += len(unknown_names) + too_many
        args.report.parent.mkdir(parents=True, exist_ok=True)
        args.report.write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"known differences: {len(known)} of {len(corpus)} cases")
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed or status else 0


if __name__ == "__main__":
    sys.exit(main())

"""tests/data/checklist.tsv and the cases that show its lines: those that are named after them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Entries of a cmocka program's table, and methods of a unittest class.
C_CASE = re.compile(r"\b(?:[A-Z_]*TEST|cmocka_unit_test\w*)\(\s*(\w*checklist_\d\w*)")
PYTHON_CASE = re.compile(r"^    def (test_\w*checklist_\d\w*)\(self\)", re.M)
# Several numbers and ranges are allowed: checklist_2_3_6_what, checklist_49_and_50_what, checklist_70_to_77_what.
NUMBERS = re.compile(r"checklist_(\d+(?:_(?:and_|to_)?\d+)*)")


def lines() -> dict[int, str]:
    """Number and text of each line."""
    rows = (ROOT / "tests/data/checklist.tsv").read_text(encoding="utf-8").splitlines()
    return {int(number): text for number, text in (row.split("\t") for row in rows if not row.startswith("#"))}


def numbers(case: str) -> set[int]:
    """The lines that a case is named after."""
    found: set[int] = set()
    words = NUMBERS.search(case).group(1).split("_")
    for i, word in enumerate(words):
        if word == "to":
            found.update(range(int(words[i - 1]), int(words[i + 1]) + 1))
        elif word != "and":
            found.add(int(word))
    return found


def cases():
    """Path, line and name of every case that is named after lines."""
    for top in ("tests", "interop"):
        for path in sorted((ROOT / top).rglob("*")):
            pattern = {".c": C_CASE, ".py": PYTHON_CASE}.get(path.suffix)
            text = path.read_text(encoding="utf-8") if pattern else ""
            for match in pattern.finditer(text) if pattern else ():
                yield path.relative_to(ROOT), text.count("\n", 0, match.start()) + 1, match.group(1)

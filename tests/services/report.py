"""Reports: build/report/NAME.tsv with one line for each case and a closing count."""

import os
import sys
import threading
from pathlib import Path

from .session import ROOT


class Report:
    """Collects the cases of one run and prints each as it is decided.

    expected: the names of all cases that must run; one that was never decided is a failure. Any
    thread may call. Deciding a case twice is an error: the second word would hide the first.
    """

    def __init__(self, name: str, expected: list[str] | tuple[str, ...] = ()):
        self.name = name
        folder = Path(os.environ.get("CELERIAC_REPORT_DIR", ROOT / "build" / "report"))
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.tsv"
        self.path.unlink(missing_ok=True)
        self._expected = list(expected)
        self._cases: dict[str, tuple[bool, str]] = {}
        self._lock = threading.Lock()

    def case(self, name: str, passed: bool, detail: object = "") -> bool:
        """Records one case and returns PASSED. DETAIL is shown on one line."""
        text = " ".join(str(detail).split())
        with self._lock:
            if name in self._cases:
                raise ValueError(f"case decided twice: {name}")
            self._cases[name] = (bool(passed), text)
            print(f"{'pass' if passed else 'FAIL'}  {name}{'  ' + text if text else ''}", flush=True)
        return bool(passed)

    def decided(self, name: str) -> bool:
        """Whether the case NAME has been recorded."""
        with self._lock:
            return name in self._cases

    def close(self) -> int:
        """Writes the file, prints the closing line and returns the exit code (0 or 1)."""
        for name in self._expected:
            if name not in self._cases:
                self.case(name, False, "did not run")
        failed = sum(not passed for passed, _ in self._cases.values())
        passed = len(self._cases) - failed
        if not self._cases:
            failed = 1
            print(f"{self.name}: no case ran", file=sys.stderr)
        with open(self.path, "w", encoding="utf-8") as file:
            for name, (good, detail) in self._cases.items():
                file.write(f"{name}\t{'pass' if good else 'fail'}\t{detail}\n")
            file.write(f"{passed} passed, {failed} failed\n")
        print(f"{passed} passed, {failed} failed", flush=True)
        return 1 if failed else 0

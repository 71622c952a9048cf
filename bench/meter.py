"""What processes cost: CPU time and memory of a server with all its children."""

import os
from dataclasses import dataclass

from tests.services.server import descendants

TICK = os.sysconf("SC_CLK_TCK")


def _times(pid: int) -> tuple[float, float]:
    """Seconds that a process has used itself, and those of its children that it has buried."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0, 0.0
    return (int(fields[11]) + int(fields[12])) / TICK, (int(fields[13]) + int(fields[14])) / TICK


def cpu(pid: int) -> float:
    """CPU seconds of a process and all its descendants, living or buried; each counts once."""
    return sum(sum(_times(one)) for one in descendants(pid))


def pss(pid: int) -> int:
    """Proportional set size in bytes of a process and all its living descendants."""
    total = 0
    for one in descendants(pid):
        try:
            with open(f"/proc/{one}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except OSError:
            continue
    return total


@dataclass
class Figures:
    """One row of the table; times in milliseconds, memory in MB."""

    tasks_per_s: float
    worker_cpu_ms: float
    redis_cpu_ms: float
    postgres_cpu_ms: float | None
    smtp_cpu_ms: float | None
    pss_mb: float
    first_ms: float

    @property
    def cpu_ms(self) -> dict[str, float]:
        """CPU time of a task by who spends it."""
        spent = {"worker": self.worker_cpu_ms, "Redis": self.redis_cpu_ms,
                 "PostgreSQL": self.postgres_cpu_ms, "SMTP server": self.smtp_cpu_ms}
        return {name: value for name, value in spent.items() if value is not None}

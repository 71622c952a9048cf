"""A strict reader of Prometheus' text exposition format 0.0.4."""

import math
import re

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _labels(text: str) -> frozenset:
    found, position = {}, 0
    while position < len(text):
        match = LABEL.match(text, position)
        if not match:
            raise ValueError(f"bad labels: {text}")
        if match[1] in found:
            raise ValueError(f"label {match[1]} twice")
        found[match[1]] = re.sub(r'\\.', lambda escape: UNESCAPED[escape[0]], match[2])
        position = match.end()
    return frozenset(found.items())


def _family(name: str, types: dict[str, str]) -> str:
    for suffix in ("_bucket", "_sum", "_count"):
        if types.get(name.removesuffix(suffix)) == "histogram" and name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


class Metrics:
    """What a text says; ValueError when it breaks a rule of the format."""

    def __init__(self, text: str):
        self.types: dict[str, str] = {}
        self.samples: dict[tuple[str, frozenset], float] = {}
        helped, order = set(), []
        if not text.endswith("\n"):
            raise ValueError("no newline at the end")
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                name = line.split(" ")[2]
                if name in helped:
                    raise ValueError(f"{name} is announced twice")
                helped.add(name)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                if kind not in ("counter", "gauge", "histogram") or name not in helped:
                    raise ValueError(f"bad type: {line}")
                self.types[name] = kind
                order.append(name)
            else:
                self._sample(line, order)
        self._check_histograms()

    def _sample(self, line: str, order: list[str]) -> None:
        match = SAMPLE.match(line)
        if not match:
            raise ValueError(f"bad line: {line!r}")
        family = _family(match[1], self.types)
        if not order or family != order[-1]:
            raise ValueError(f"sample outside its family: {line}")
        if self.types[family] == "counter" and not family.endswith("_total"):
            raise ValueError(f"counter without _total: {family}")
        key = (match[1], _labels(match[2] or ""))
        if key in self.samples:
            raise ValueError(f"sample twice: {line}")
        self.samples[key] = float(match[3])

    def _check_histograms(self) -> None:
        for name in [name for name, kind in self.types.items() if kind == "histogram"]:
            series: dict[frozenset, list[tuple[float, float]]] = {}
            for (sample, labels), value in self.samples.items():
                if sample == f"{name}_bucket":
                    bound = float(dict(labels)["le"])
                    rest = frozenset(pair for pair in labels if pair[0] != "le")
                    series.setdefault(rest, []).append((bound, value))
            for labels, buckets in series.items():
                bounds, counts = zip(*buckets)
                if list(bounds) != sorted(bounds) or list(counts) != sorted(counts) or bounds[-1] != math.inf:
                    raise ValueError(f"buckets of {name} do not rise to +Inf")
                if counts[-1] != self.samples[(f"{name}_count", labels)]:
                    raise ValueError(f"count of {name} is not that of its last bucket")

    def value(self, name: str, /, **labels: str) -> float | None:
        """A sample's value; None when there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of all samples of that name."""
        return [dict(labels) for sample, labels in self.samples if sample == name]

"""What every lint needs: the files of the project, their code without comments, and a verdict."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# In the order of the include direction; a folder may include what its entry lists.
# "celeriac" stands for the public headers, "celeriac/error" for that one header alone.
MAY_INCLUDE = {
    "base": {"base", "celeriac/error"},
    "probe": {"probe", "base", "celeriac/error"},
    "celery_proto/codec": {"celery_proto/codec", "base", "celeriac"},
    "celery_proto/redis": {"celery_proto/redis", "celery_proto/codec", "base", "celeriac"},
    "worker": {"worker", "celery_proto/redis", "celery_proto/codec", "base", "celeriac"},
    "jinja": {"jinja"},
    "notify/rules": {"notify/rules", "base", "celeriac/error"},
    "notify/store": {"notify/store", "notify/rules", "base", "celeriac/error"},
    "notify/providers": {"notify/providers", "notify/rules", "base", "celeriac/error"},
    "notify": {"notify", "notify/rules", "notify/store", "notify/providers", "jinja", "base", "celeriac"},
    "api": {"api", "probe", "notify", "notify/rules", "notify/store", "base", "celeriac"},
    "cli": {"cli", "celery_proto/redis", "celery_proto/codec", "base", "celeriac"},
    "worker/main": {"worker/main", "probe", "notify", "notify/store", "base", "celeriac"},
}

# Libraries of others and the only folders that may include their headers.
FOREIGN = {
    "hiredis/": {"celery_proto/redis"},
    "openssl/": {"celery_proto/redis", "notify/rules", "notify/providers"},
    "zlib.h": {"celery_proto/codec"},
    "pcre2.h": {"celery_proto/codec"},
    "libpq-fe.h": {"notify/store"},
    "curl/": {"notify/providers"},
    "microhttpd.h": {"api", "probe"},
}


def folder_of(path):
    """The folder of the include table that a path belongs to: the longest prefix that is one."""
    parent = path.parent.as_posix()
    while parent not in MAY_INCLUDE and "/" in parent:
        parent = parent.rsplit("/", 1)[0]
    return parent if parent in MAY_INCLUDE else None


def sources(suffixes=(".c", ".h")):
    """Our own C files, as paths relative to the project."""
    for top in ("base", "probe", "celery_proto", "worker", "notify", "api", "cli", "jinja"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in suffixes and "target" not in path.parts:
                yield path.relative_to(ROOT)


def public_headers():
    """The installed headers."""
    return sorted(p.relative_to(ROOT) for p in (ROOT / "include/celeriac").glob("*.h"))


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_of(text, keep_strings=False):
    """The text with comments (and the insides of strings) blanked; line numbers stay."""

    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token if keep_strings else token[0] + " " * (len(token) - 2) + token[-1]

    return _TOKEN.sub(blank, text)


def listed(name):
    """Exceptions kept beside the lints: one per line, a place, then its reason."""
    rows = {}
    file = ROOT / "tests/lint" / name
    for row in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        if row and not row.startswith("#"):
            place, _, reason = row.partition(" ")
            if not reason.strip():
                raise SystemExit(f"{name}: {place} has no reason")
            rows[place] = reason.strip()
    return rows


class Verdict:
    """Collects breaches; finish() prints them and sets the exit code."""

    def __init__(self, rule):
        self.rule = rule
        self.breaches = []
        self.looked_at = 0

    def breach(self, path, line, text):
        self.breaches.append(f"{path}:{line}: {text}")

    def finish(self):
        for text in self.breaches:
            print(text)
        print(f"{self.rule}: {self.looked_at} looked at, {len(self.breaches)} breaches")
        if self.looked_at == 0:
            print(f"{self.rule}: nothing to look at, which cannot be right")
        sys.exit(1 if self.breaches or self.looked_at == 0 else 0)

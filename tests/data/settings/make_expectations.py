#!/usr/bin/env python3
"""Writes what django-environ reads from .env files, for the tests of base/settings.h.

    pip install django-environ && python3 tests/data/settings/make_expectations.py

dotenv.tsv  text of a file, "set" or "unset", the value of its variable V
bool.tsv    a value, "1" or "0"

Bytes other than printable ASCII are written \\xHH, the backslash as \\x5c.
"""
import io
import logging
import pathlib
import random

import environ

HERE = pathlib.Path(__file__).parent

FILES = [
    "", "V=", "V=abc", "V=abc\n", "V=abc\r\nW=1\r\n", "W=1\rV=abc\r", "V=a b c", "V= abc", "V=abc ", "V =abc",
    " V=abc", "\tV=abc", "V=abc#def", "V=abc # def", "#V=abc", "# V=abc\nV=x", "V=1\nV=2", "export V=abc",
    "export  V=abc", "export\tV=abc", "exportV=abc", "EXPORT V=abc", "export export V=abc", " export V=abc",
    "V=export x", "v=abc", "V1=abc\nV=x1", "V-W=1\nV=2", "V.W=1", "V", "V:abc", "=abc", "V==abc", "V=a=b=c",
    "V='abc'", "V='a\"b'", "V='abc", "V=abc'", "V='", "V=''", "V='a'b'", "V='\"abc\"'", "V=\"'abc'\"", "V='abc' ",
    "V='abc' # c", "V='a\\'b'", "V='a\\nb'", 'V="abc"', 'V="abc', 'V=abc"', 'V="', 'V=""', 'V="a"b"', 'V="a\\"b"',
    'V="a\\\\b"', 'V="a\\nb"', 'V="a\\tb\\rc"', 'V="a\\bc"', 'V="a\\$b"', 'V="abc\\"', 'V="\\"', 'V="\\\\"',
    'V="\\\\n"', 'V="\\\\\\n"', 'V="abc" ', 'V="abc" # c', 'V="a#b"', "V=a\\nb", "V=\\", "V='\"a\\\"b\"'",
    'V="\u00e9\\\u00e9"', "V=\u00e9\u20ac\U0001f600", "\u00c9=1\nV=2", "V=a\x0bb", "V=a\x0cb", "V=a\x1cb",
    "V=a\x1fb", "V=a\u0085b", "V=a\u2028b", "V=a\u2029b", "V=a\u00a0b", "V=a\tb", "\ufeffV=abc",
    "\ufeff\nV=abc", "\n\n\nV=abc\n\n", "V=abc\n#", "V=a\nW", "\\\nV=1", 'V="a\nb"', "V='a\nb'",
    "W='x\nV=y'", "V=1\n V=2", "V=1\n#V=2", "V=postgres://u:p@h:5/d?x=y&z", "V=p@ss'w\"rd", "V={{}}",
]

BOOLS = [
    "true", "True", "TRUE", "on", "On", "ok", "y", "Y", "yes", "YES", "1", "0", "2", "-1", "00", "01", "+1",
    " true ", "\ttrue", " 1 ", "true\n", "t", "yeah", "false", "off", "no", "n", "", " ", "none", "null", "1.0",
    "0x1", "enabled", "99999999999999999999", "-0", "oks", "o k",
]


def random_files(rng, count):
    pieces = ["V=", "V=", "export ", "'", '"', "\\", "#", " ", "=", "a", "n", "\n", "r", "$x", "\u00e9"]
    for _ in range(count):
        yield "V=" * rng.randint(0, 1) + "".join(rng.choice(pieces) for _ in range(rng.randint(0, 8)))


def escape(text):
    return "".join(chr(b) if 0x20 <= b < 0x7f and b != 0x5c else "\\x%02x" % b for b in text.encode())


def dotenv_lines():
    for text in dict.fromkeys(FILES + list(random_files(random.Random(1), 500))):
        class Reader(environ.Env):
            ENVIRON = {}
        Reader.read_env(io.StringIO(text, newline=""))
        value = Reader.ENVIRON.get("V")
        yield "%s\t%s\t%s\n" % (escape(text), "unset" if value is None else "set", escape(value or ""))


def bool_lines():
    for text in BOOLS:
        class Reader(environ.Env):
            ENVIRON = {"V": text}
        yield "%s\t%d\n" % (escape(text), Reader().bool("V"))


def main():
    logging.disable(logging.CRITICAL)
    (HERE / "dotenv.tsv").write_text("".join(dotenv_lines()), encoding="ascii")
    (HERE / "bool.tsv").write_text("".join(bool_lines()), encoding="ascii")


if __name__ == "__main__":
    main()

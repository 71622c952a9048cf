"""Values for the fields of requests, plain and nasty, and their spelling as JSON.

All that is random comes from the caller's generator, so that a seed gives the same requests again.
"""

import json
import random

# What Python's strip() removes, and what only looks like it.
SPACES = ("\t", "\n", "\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0", "\u1680", "\u2000",
          "\u2003", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000")
NO_SPACES = ("\u200b", "\ufeff", "\u180e", "\u2060", "\x1b", "\x7f", "\xad", "\u200d")
UNITS = ("x", "é", "e\u0301", "ж", "中", "😀", "ש", "\u202e", "👨\u200d👩\u200d👧")
WORDS = ("x", "abc", "null", "None", "true", "True", "0", "-1", "1e3", "NaN", "[]", "{}", "[1]", '"', "'", "\\", "a'b", 'a"b',
         "a\\b", "a/b", "<b>&amp;</b>", "%00", "%s", "a\nb", "a\rb", "a\tb", "a\x01b", "a\x7fb", "שלום", "عربى", "\u202eabc",
         "e\u0301", "é", "😀", "\U0010ffff", "\uffff", "\ufffd", "ﬁ", "İ", "ß", "a\u2028b", "a\u2029b", "a\xa0b", "undefined")
NULS = ("\x00", "a\x00b", "\x00\x00", "a\x00")
LONE = ("\ud800", "a\udfffb", "\ude00\ud83d", "\udbff", "x\udc80")
# Decimal digits of other scripts: Python's int() and \d take them.
DIGITS = ("٣", "۴", "५", "５", "𝟕", "໑")
NUMBERS = ("0", "-0", "1", "-1", "7", "255", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808",
           "-9223372036854775809", "123456789012345678901234567890", "0.0", "-0.0", "1.0", "7.0", "1.5", "-1.25", "0.1", "1e0",
           "1e2", "1E+2", "1e-7", "1.10", "1e16", "1e22", "123456789.123456789", "5e-324", "1.7976931348623157e308", "1e-400")
BEYOND_DOUBLE = ("1e400", "-1e400")
BOOLEAN_WORDS = ("true", "True", "TRUE", "tRuE", "t", "T", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "1", "false", "False",
                 "FALSE", "f", "F", "n", "N", "no", "No", "off", "Off", "0", "", "null", "2", "maybe", " true", "true ", "ok", "-1",
                 "1.0", "00", "nein")
INTEGER_WORDS = ("0", "1", "-1", "+7", " 7 ", "007", "7.0", "7.00 ", "7.", "7.5", ".0", "1_000", "1__0", "_1", "1_", "", " ", "x",
                 "0x10", "1e3", "--1", "+-1", "- 1", "\xa07\xa0", "９", "٣", "1٣", "7.0\n", "7.0x", "9" * 19, "9" * 30, "-0",
                 "9" * 1000, "9" * 1001, "inf", "nan", "7.0.0", "٣.0", "7.٠", "−7")


class Raw(str):
    """A piece of JSON text that stands as it is."""


class Pairs(list):
    """The members of an object in their order; names may occur twice."""


def spell(value: object, ascii_only: bool = False) -> str:
    """JSON text of VALUE, which may hold Raw and Pairs."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        value = Pairs(value.items())
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{spell(name, ascii_only)}: {spell(item, ascii_only)}" for name, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(spell(item, ascii_only) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def long_text(source: random.Random, limit: int) -> str:
    """A text just within, at or beyond LIMIT characters, some with white space around it that does not count."""
    unit = source.choice(UNITS[:7])
    length = limit + source.choice((-1, 0, 0, 1, 1, 2))
    text = (unit * length)[:length]
    return source.choice(("", "", "  ", "\xa0")) + text + source.choice(("", "", "\n", "\u3000"))


def text(source: random.Random, limit: int = 255) -> str:
    """Any text."""
    kind = source.randrange(12)
    if kind < 4:
        return source.choice(WORDS)
    if kind < 6:
        around = SPACES if source.random() < 0.7 else NO_SPACES
        return source.choice(around) + source.choice(("", "x", "a b", "é")) + source.choice(around)
    if kind == 6:
        return source.choice(("", " ", "\t\n", "\xa0", "\u2003\u3000", "\u200b"))
    if kind == 7:
        return source.choice(NULS)
    if kind == 8:
        return source.choice(LONE)
    if kind == 9:
        return long_text(source, limit)
    return "".join(source.choice(UNITS + SPACES + NO_SPACES + DIGITS) for _ in range(source.randrange(1, 12)))


def number(source: random.Random) -> Raw:
    """Any number that JSON can spell."""
    return Raw(source.choice(NUMBERS))


def nested(source: random.Random, depth: int = 0) -> object:
    """Any JSON value that Python and PostgreSQL can store."""
    kind = source.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return source.choice((None, True, False))
    if kind == 1:
        return number(source)
    if kind < 5:
        return source.choice(WORDS)
    if kind == 5:
        return [nested(source, depth + 1) for _ in range(source.randrange(4))]
    return Pairs((source.choice((*WORDS[:8], "name", "id", "é", "", "a b")), nested(source, depth + 1))
                 for _ in range(source.randrange(5)))


def unstorable(source: random.Random) -> object:
    """JSON that Python reads, and neither it nor PostgreSQL can store."""
    value = source.choice((*NULS, *LONE, *(Raw(word) for word in BEYOND_DOUBLE)))
    return source.choice((value, [value], {"a": value}, {"a": [1, {"b": value}]},
                          *(({value: 1},) if not isinstance(value, Raw) else ())))


def other_type(source: random.Random) -> object:
    """A value of a type that few fields expect."""
    return source.choice((None, True, False, number(source), number(source), [], {}, [1], ["email"], {"a": 1}, [[]], [None],
                          {"a": {"b": []}}))

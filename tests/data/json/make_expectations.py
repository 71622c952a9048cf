#!/usr/bin/env python3
"""Writes what CPython's json module answers, for the tests of base/json.h.

    python3 tests/data/json/make_expectations.py

Any CPython from 3.9 to 3.12 writes the same files; 3.13 has another message for trailing commas.
Every line is a case; columns are separated by tabs, and bytes other than printable ASCII are
written \\xHH, the backslash as \\x5c.

loads.tsv   text, "ok" or "error", what json.dumps() makes of the value or the error's text,
            and the same with NaN and Infinity refused in Django REST Framework's words
dumps.tsv   UTF-8 (surrogates as three bytes), json.dumps(), and DRF's JSONRenderer ("-": it fails)
floats.tsv  the bits of a double, repr()
"""
import json
import pathlib
import random
import struct
import sys

HERE = pathlib.Path(__file__).parent

ENVELOPE = json.dumps({
    "body": "W1sxLCAyXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbH1d",
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {"lang": "py", "task": "t.add", "id": "9ac60fa6-5ac4-4109-ae42-c1be7ec4e841",
                "eta": None, "retries": 0, "timelimit": [None, None], "argsrepr": "('\u00e9',)",
                "ignore_result": False, "stamps": {}},
    "properties": {"delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0},
})

VALID = [
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"12", b"1.5", b"-0.0", b"1e5", b"1E+5", b"1e-5",
    b"1.25e2", b"123456789012345678901234567890", b"1e400", b"-1e400", b"1e-400", b"NaN", b"Infinity",
    b"-Infinity", b"[NaN, -Infinity]", b'""', b'"abc"', b'"a\\"b"', b'"\\\\"', b'"\\/\\b\\f\\n\\r\\t"',
    b'"\\u0041"', b'"\\u00e9\\u20AC"', b'"\\ud83d\\ude00"', b'"\\uD83D\\uDE00"', b'"\\ud83d"',
    b'"\\ude00"', b'"\\ude00\\ud83d"', b'"\\ud83d\\ud83d\\ude00"', b'"\\ud83dx"', b'"\\ud83d\\n"',
    b'"\\ud83d\\u0041"', b'"\\u0000"', b'"\x7f"', '"\u00e9\u20ac\U0001f600"'.encode(), b"[]", b"{}",
    b"[[]]", b"[{}]", b'{"a":{}}', b"[1]", b"[1,2]", b" [ 1 , 2 ] ", b"\t\r\n[\t1\r,\n2 ]\n",
    b'{"a":1}', b'{ "a" : 1 , "b" : [ ] }', b'{"a":1,"a":2}', b'{"":""}', b'{"a":{"b":{"c":[1,{"d":2}]}}}',
    b'[1,"a",null,true,false,{"k":[]},1.5]', b"[[[[[[[[[[]]]]]]]]]]", b'{"\\u0061":1,"b":"\\u0062"}',
    b'{"a":1,"\\u0061":2}', b'["12345678", "1234567\\n", "123456789\\t12345678"]',
    '["\u2028", "\ufeff", "\ufffe"]'.encode(), ENVELOPE.encode(),
]

MALFORMED = [
    b"", b" ", b"\n", b"nul", b"nulL", b"tru", b"True", b"None", b"fals", b"nan", b"Na", b"NAN", b"inf",
    b"Infinit", b"-Infinit", b"-infinity", b"+Infinity", b"-", b"--1", b"+1", b"+", b"01", b"00", b"-01",
    b"1.", b"-1.", b".5", b"-.5", b"1.e5", b"1e", b"1e+", b"1e-", b"1E", b"1.5e", b"1.5e+", b"0x10",
    b"1_000", b"1 2", b"1,", b"1a", b"1.2.3", b"1e5.5", b"1e5e5", b"0e", b"0.", b"[1.]", b"[.5]",
    b"[+1]", b"[01]", b"[-]", b"[1e]", b"[- 1]", b"[", b"]", b"{", b"}", b"[[", b"[}", b"{]", b"[1",
    b"[1,", b"[1, ", b"[,", b"[,1]", b"[1,]", b"[1, ]", b"[1,,2]", b"[1 2]", b"[1;2]", b"[1]]", b"[1}",
    b"[1] x", b"[] []", b"{,", b'{"', b'{"a', b'{"a"', b'{"a" ', b'{"a":', b'{"a": ', b'{"a":1',
    b'{"a":1,', b'{"a":1, ', b'{"a":1,}', b'{"a":1 }x', b'{"a",1}', b'{"a" 1}', b'{"a"=1}', b'{"a":}',
    b'{"a":,}', b'{"a":1 "b":2}', b'{"a":1,,}', b'{"a":1;}', b'{"a":1]', b"{a:1}", b"{'a':1}", b"{1:2}",
    b"{null:1}", b'{"a":1,b:2}', b'{"a":1,2}', b'{"a"::1}', b'{:1}', b'{"a":{"b":1}', b'{"a":[1}',
    b'{"a":[1,}', b'"', b'"abc', b'"abc\\', b'"abc\\"', b'"\\', b'"\\u', b'"\\u1', b'"\\u12', b'"\\u123',
    b'"\\u1234', b'"\\u"', b'"\\u1"', b'"\\u12"', b'"\\u123"', b'"\\u123g"', b'"\\ug123"', b'"\\u 123"',
    b'"\\u-123"', b'"\\u+123"', b'"\\u0x1"', b'"\\u00e"', b'"\\u{e9}"', b'"\\U0001f600"', b'"\\ud83d\\"',
    b'"\\ud83d\\u"', b'"\\ud83d\\u1"', b'"\\ud83d\\ude0"', b'"\\ud83d\\ude0g"', b'"\\ud83d\\ude00',
    b'"\\ud83d\\u00', b'"\\ud83d\\x"', b'"\\ud83d', b'"\\a"', b'"\\x41"', b'"\\0"', b'"\\\'"', b'"\\\x00"',
    b'"\\ "', b'"\\\n"', '"\\\u00e9"'.encode(), b'"\n"', b'"a\nb"', b'"a\tb"', b'"\r"', b'"\x00"', b'"\x1f"',
    b'"abc\x01', b'"12345678\x1f"', b"'a'", b"abc", b"/* c */ 1", b"1 // c", b"[1] # c", b"<html>",
    b"a=1&b=2", b"\x00", b"null\x00", b"\x0b1", b"\x0c1", b"1\x0b", b"\xc2\xa01", "\u30001".encode(),
    b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"\xef\xbb\xbf[1,", b" \xef\xbb\xbf{}", b"{}\xef\xbb\xbf",
    b'{"a": undefined}', b'{"a": NaN', b"[NaN, nan]", b"[nan, NaN]", b"[1, NaN,]", b"[Infinity x]",
    b'{\n  "a": 1,\n  "b": 2,\n}', b'{\n  "a": 1\n  "b": 2\n}', b'[\n1,\n2\n3]', b'["a\n', b'\n\n["',
    b'{"a":\r\n x}', b"\n\n\n", '{"\u00e9": \u00e9}'.encode(), '["\u20ac\U0001f600", x]'.encode(),
    '"\u00e9\u00e9\n"'.encode(), '\n"\u00e9'.encode(), '"\U0001f600\\u12"'.encode(), '\u00e9'.encode(),
    '{\n"\u00e9\u20ac\U0001f600": "x\\y"}'.encode(), b'{"a": "b" "c"}', b'{"to": "x", "data": {"k": }}',
    b'{"channel": "email" "to": 1}', b'[tru]', b'[nulll]', b'[truefalse]', b'[1true]', b'["a""b"]',
    b'[1"a"]', b'["a"1]', b'[[1][2]]', b'{"a"}', b'{"a","b"}', b'{[]:1}', b'{{}:1}', b'[:]', b':', b',',
]

BAD_UTF8 = [
    b"\xff", b"\xfe{}", b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2A", b"\xc2\xc2", b"\xdf",
    b"\xe0", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe0\xa0", b"\xe0\xa0A", b"\xe2\x82", b"\xe2\x82\"",
    b"\xe2A\xac", b"\xe2", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0", b"\xed\x9f", b"\xed", b"\xef\xbb",
    b"\xf0", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x90", b"\xf0\x90\x80", b"\xf0\x9f\x98",
    b"\xf0\x9f\x98A", b"\xf0\x9fAB", b"\xf0ABC", b"\xf0\x9f\xc0\x80", b"\xf1\x80\x80", b"\xf4\x8f\xbf",
    b"\xf4\x90\x80\x80", b"\xf4\x90", b"\xf4", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff\xfe[\0]\0",
    b'"a\xff"', b'["\xc3\xa9", "\xe9"]', b'{"a": "\xe9t\xe9"}', b'["' + b"x" * 40 + b'\xc3"]', b"[1,] \xff",
    b'"' + "\u00e9\u20ac".encode() + b'\xe2\x82"', b'"' + b"y" * 31 + b"\xf0\x9f",
]

PIECES = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"d83d", b"0", b"1", b".", b"e", b"-", b"+",
          b" ", b"\n", b"null", b"NaN", b"a", "\u00e9".encode(), b"\xe2", b"\x01", b'"k":']


def mutants(rng, count):
    """Valid texts with a few bytes cut out, doubled, replaced or put in."""
    sources = [text for text in VALID if len(text) < 80]
    for _ in range(count):
        text = bytearray(rng.choice(sources))
        for _ in range(rng.randint(1, 3)):
            at = rng.randint(0, len(text))
            kind = rng.randint(0, 3)
            if kind == 0:
                del text[at:at + rng.randint(1, 3)]
            elif kind == 1:
                text[at:at] = rng.choice(PIECES)
            elif kind == 2:
                text[at:at + 1] = rng.choice(PIECES)
            else:
                text[at:at] = text[max(0, at - 4):at]
        yield bytes(text)


def refuse_constant(name):
    # rest_framework.utils.json.strict_constant
    raise ValueError("Out of range float values are not JSON compliant: " + repr(name))


def answer(text, **options):
    try:
        return "ok", json.dumps(json.loads(text.decode("utf-8"), **options))
    except ValueError as error:
        return "error", str(error)


def escape(data):
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    return "".join(chr(b) if 0x20 <= b < 0x7f and b != 0x5c else "\\x%02x" % b for b in data)


def write(name, rows):
    lines = ["\t".join(escape(column) for column in row) + "\n" for row in rows]
    (HERE / name).write_text("".join(lines), encoding="ascii")


def loads_rows():
    texts = VALID + MALFORMED + BAD_UTF8
    for text in VALID:
        if len(text) < 80:
            texts.extend(text[:cut] for cut in range(1, len(text)))
    texts.extend(mutants(random.Random(1), 800))
    for text in dict.fromkeys(texts):
        verdict, result = answer(text)
        yield text, verdict, result, *answer(text, parse_constant=refuse_constant)


def drf(text):
    rendered = json.dumps(text, ensure_ascii=False, separators=(",", ":"))
    try:
        return rendered.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()
    except UnicodeEncodeError:
        return "-"


def dumps_rows():
    rng = random.Random(2)
    texts = ["", "plain", 'quote " backslash \\ slash /', "\b\f\n\r\t", "\x7f", "\x80\x9f\xa0", "\ud800",
             "\udfff", "\ud83d\ude00", "a\ud83d", "\ude00\ud83d", "\uffff", "\ufffd", "\ufeff", "\U0010ffff",
             "\u2027\u2028\u2029\u202a", "</script>&"]
    texts += [chr(c) for c in range(0, 0x180)]
    pool = ["a", " ", '"', "\\", "\n", "\x00", "\x7f", "\u00e9", "\u20ac", "\u2028", "\U0001f600", "0123456789"]
    texts += ["".join(rng.choice(pool) for _ in range(rng.randint(2, 30))) for _ in range(100)]
    for text in texts:
        yield text, json.dumps(text), drf(text)


def float_values():
    rng = random.Random(3)
    bits = struct.Struct("<Q")
    double = struct.Struct("<d")
    yield from (0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1.0, 0.1, -0.1, 1e16, 9999999999999998.0,
                1e15, 123456789012345680.0, 1e22, 1e23, 1e-4, 1e-5, 0.00012345, 9.5e-5, 1e-7, 5e-324, 1e-323,
                2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308, 9007199254740993.0,
                0.3, 0.1 + 0.2, 1 / 3, 100.0, 1234567.125, 8589934591.999999, 8589934592.000001, 1e-6)
    for exponent in range(-1074, 1024):
        yield 2.0 ** exponent
    for exponent in range(-323, 309):
        yield float("1e%d" % exponent)
    for _ in range(600):
        yield double.unpack(bits.pack(rng.getrandbits(64)))[0]
    for _ in range(300):
        yield double.unpack(bits.pack(rng.getrandbits(52)))[0]
    for _ in range(200):
        yield round(rng.uniform(0, 2e9), 6)
        yield rng.uniform(0, 2e9)
        yield round(rng.uniform(-10, 10), rng.randint(0, 9))
        yield float(rng.randint(-10 ** 17, 10 ** 17))


def float_rows():
    for value in float_values():
        yield "%016x" % struct.unpack("<Q", struct.pack("<d", value))[0], repr(value)


def main():
    if not (3, 9) <= sys.version_info < (3, 13):
        sys.exit("needs CPython 3.9 to 3.12")
    write("loads.tsv", loads_rows())
    write("dumps.tsv", dumps_rows())
    write("floats.tsv", float_rows())


if __name__ == "__main__":
    main()

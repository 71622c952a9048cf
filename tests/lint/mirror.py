"""The test tree mirrors the source tree: every .c has a unit test or a listed reason."""

import tree

TEST_FOLDERS = {
    "base": "base", "probe": "probe", "celery_proto/codec": "codec", "celery_proto/redis": "redis", "worker": "worker",
    "notify/rules": "notify", "notify/store": "store", "notify/providers": "notify", "notify": "notify",
    "api": "api", "cli": "cli", "jinja": "jinja", "worker/main": "worker",
}
# A file, then where else it is tested or why it needs no unit test.
ELSEWHERE = tree.listed("mirror.txt")

verdict = tree.Verdict("tests mirror sources")
for path in tree.sources((".c",)):
    verdict.looked_at += 1
    folder = TEST_FOLDERS[tree.folder_of(path)]
    names = [f"tests/unit/{folder}/{path.stem}_test.c",
             f"tests/unit/{tree.folder_of(path).replace('celery_proto/', '')}/{path.stem}_test.c",
             f"tests/integration/{folder}/{path.stem}_test.c"]
    tested = any((tree.ROOT / name).exists() for name in names)
    if not tested and path.as_posix() not in ELSEWHERE:
        verdict.breach(path, 1, f"no test: expected {names[0]}, or a line in tests/lint/mirror.txt")
    if tested and path.as_posix() in ELSEWHERE:
        verdict.breach(path, 1, "has a test of its own: drop its line in tests/lint/mirror.txt")
for name in ELSEWHERE:
    if not (tree.ROOT / name).exists():
        verdict.breach(name, 1, "listed in tests/lint/mirror.txt but gone")
verdict.finish()

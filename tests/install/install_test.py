"""What `cmake --install` leaves, used as a stranger would: install_test.py BUILD_FOLDER

The README's program is compiled against the installed library in four ways (pkg-config and
find_package, shared and static) and executes a task that a second program sends through Redis.
"""

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.services import Redis, Session  # noqa: E402  (after the path)

BUILD = Path(sys.argv.pop()).resolve()
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
PROGRAMS = ("celeriac-api", "celeriac-worker")
EXPOSURE_MAX = 20  # tenths; systemd calls up to 2.0 "OK" and a unit without any protection 9.6
CMAKE_LISTS = """cmake_minimum_required(VERSION 3.25)
project(stranger C)
find_package(celeriac 0.1 REQUIRED COMPONENTS {components})
foreach(program served sender)
  add_executable(${{program}} ${{program}}.c)
  target_link_libraries(${{program}} PRIVATE {target})
endforeach()
"""


def run(*command, **options) -> str:
    """Runs COMMAND; returns what it printed. Its complaints fail the test."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def readme_program() -> str:
    """The C program that the README shows."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"^    #include <celeriac/worker.h>\n(?:    .*\n|\n)*", text, re.MULTILINE)
    return re.sub("^    ", "", block.group(0), flags=re.MULTILINE)


class InstallTest(unittest.TestCase):
    """One installation in a folder with a space in its name, moved after it was made."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("install")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        first = cls.session.dir / "first"
        run("cmake", "--install", BUILD, "--prefix", first)
        cls.prefix = cls.session.dir / "moved here"
        first.rename(cls.prefix)
        cls.lib = next(cls.prefix.rglob("libceleriac.a")).parent
        cls.env = {**os.environ, "PKG_CONFIG_PATH": str(cls.lib / "pkgconfig")}

    def sources(self, name: str) -> Path:
        """A folder with a program that serves a task and one that sends it."""
        folder = self.session.folder(name)
        served = readme_program().replace("redis://127.0.0.1:6379/0", self.redis.url())
        self.assertIn(self.redis.url(), served)
        (folder / "served.c").write_text(served)
        shutil.copy(ROOT / "interop" / "celeriac_send.c", folder / "sender.c")
        return folder

    def try_out(self, served: Path, sender: Path) -> None:
        """The served program adds the numbers that the sender sends."""
        env = {**self.session.environment(), "LD_LIBRARY_PATH": str(self.lib)}
        with subprocess.Popen([served], env=env, stderr=subprocess.PIPE) as worker:
            try:
                answer = run(sender, "shop.add", "[40, 2]", "0", "20000", env=env)
            finally:
                worker.terminate()
                worker.communicate()
        self.assertEqual(answer.splitlines()[1], "SUCCESS 42")

    def compile(self, folder: Path, *flags: str) -> None:
        """Compiles both programs of the folder."""
        for name in ("served", "sender"):
            run("cc", "-std=c11", *WARNINGS, "-o", folder / name, folder / f"{name}.c", *flags, env=self.env)

    def pkg_config(self, *arguments: str) -> list[str]:
        """The flags that pkg-config gives, with the folder's space in one word."""
        text = run("pkg-config", *arguments, "celeriac", env=self.env)
        return [word.replace("\\ ", " ") for word in re.findall(r"(?:\\ |\S)+", text)]

    def test_pkg_config_shared(self):
        """The shared library needs no flag of the libraries below it."""
        folder = self.sources("pc-shared")
        flags = self.pkg_config("--cflags", "--libs")
        self.assertFalse([flag for flag in flags if "hiredis" in flag or "ssl" in flag])
        self.compile(folder, *flags)
        self.assertIn("libceleriac.so.0", run("readelf", "-d", folder / "served"))
        self.try_out(folder / "served", folder / "sender")

    def test_pkg_config_static(self):
        """The archive brings everything of ours along."""
        folder = self.sources("pc-static")
        flags = self.pkg_config("--static", "--cflags", "--libs")
        self.compile(folder, *("-l:libceleriac.a" if flag == "-lceleriac" else flag for flag in flags))
        self.assertNotIn("libceleriac", run("readelf", "-d", folder / "served"))
        self.try_out(folder / "served", folder / "sender")

    def find_package(self, name: str, components: str, target: str) -> Path:
        """Builds both programs by CMake; returns the folder where they are."""
        folder = self.sources(name)
        (folder / "CMakeLists.txt").write_text(CMAKE_LISTS.format(components=components, target=target))
        run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", folder / "build")
        return folder / "build"

    def test_find_package_shared(self):
        """find_package() finds the moved installation."""
        folder = self.find_package("cmake-shared", "", "celeriac::celeriac")
        self.assertIn("libceleriac.so.0", run("readelf", "-d", folder / "served"))
        self.try_out(folder / "served", folder / "sender")

    def test_find_package_static(self):
        """The component `static` looks for the libraries below."""
        folder = self.find_package("cmake-static", "static", "celeriac::celeriac_static")
        self.assertNotIn("libceleriac", run("readelf", "-d", folder / "served"))
        self.try_out(folder / "served", folder / "sender")

    def test_static_library_takes_no_names(self):
        """A program may call its own functions as ours are called inside."""
        folder = self.session.folder("names")
        (folder / "own.c").write_text(
            "#include <celeriac/client.h>\n"
            "int strbuf_init(void);\nint strbuf_init(void) { return 1; }\n"
            "int mem_alloc(void);\nint mem_alloc(void) { return 2; }\n"
            "int main(void)\n{\n    struct celeriac_client *client = NULL;\n"
            "    struct celeriac_client_options options = {.broker_url = \"redis://127.0.0.1:1/0\"};\n"
            "    if (celeriac_client_create(&options, &client, NULL) != CELERIAC_OK)\n        return 1;\n"
            "    celeriac_client_destroy(client);\n    return strbuf_init() + mem_alloc() - 3;\n}\n")
        flags = self.pkg_config("--static", "--cflags", "--libs")
        run("cc", "-std=c11", *WARNINGS, "-o", folder / "own", folder / "own.c",
            *("-l:libceleriac.a" if flag == "-lceleriac" else flag for flag in flags))
        run(folder / "own")

    def test_headers_stand_alone(self):
        """Each header compiles by itself, as C11 and as C++."""
        headers = sorted((self.prefix / "include" / "celeriac").iterdir())
        self.assertEqual([header.name for header in headers],
                         sorted(path.name for path in (ROOT / "include" / "celeriac").glob("*.h")))
        for header in headers:
            for language in (["-x", "c", "-std=c11"], ["-x", "c++", "-std=c++11"]):
                run("cc", *language, *WARNINGS, "-fsyntax-only", "-include", f"celeriac/{header.name}",
                    f"-I{self.prefix / 'include'}", "/dev/null")

    def test_programs_run_where_they_were_moved(self):
        """They need no file of the build."""
        for name in PROGRAMS:
            self.assertRegex(run(self.prefix / "bin" / name, "--version"), rf"^{name} \d+\.\d+\.\d+\n$")

    def test_manual_pages_are_found(self):
        """By page and by function, where man looks for them."""
        for name, word in (("libceleriac", "celeriac_client"), ("celeriac_client_send", "celeriac_send"),
                           ("celeriac_task_update_state", "PROGRESS"), ("celeriac-worker", "--concurrency")):
            page = run("man", "-M", self.prefix / "share" / "man", name, env={**self.env, "MANWIDTH": "120", "LC_ALL": "C"})
            self.assertIn(word, page)

    def test_units_are_right(self):
        """systemd finds nothing to complain about, and little that a break-in could reach."""
        folder = self.session.folder("units")
        for name in PROGRAMS:
            text = (self.prefix / "lib" / "systemd" / "system" / f"{name}.service").read_text()
            self.assertIn(f"/bin/{name}", text)
            unit = folder / f"{name}.service"
            unit.write_text(re.sub(rf"^ExecStart=\S+/bin/{name}", f"ExecStart=\"{self.prefix}/bin/{name}\"", text,
                                   flags=re.MULTILINE))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))

"""What the tests of the Python module share: the module from src/python over the library of the build folder
(HDX_BUILD), the fixtures of the end-to-end tests, a home of its own for every test, scripts in interpreters of their
own.

A library with sanitizers works only in a process that began with their run time. So pytest begins anew with it
preloaded; what tests start does without, but for scripts, which load the library too.
"""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest


def end_to_end():
    """The module tests/e2e/conftest.py. Modules beside it that take names from it find them in this file."""
    path = Path(__file__).resolve().parents[1] / "e2e" / "conftest.py"
    spec = importlib.util.spec_from_file_location("end_to_end", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


e2e = end_to_end()
BUILD, ROOT, SAMPLE, SANITIZER_EXIT, TIMEOUT, TINY = (
    e2e.BUILD, e2e.ROOT, e2e.SAMPLE, e2e.SANITIZER_EXIT, e2e.TIMEOUT, e2e.TINY)
Client, Done, Program, Tiny, rows = e2e.Client, e2e.Done, e2e.Program, e2e.Tiny, e2e.rows
archive, build, client, gateway, heliodex, mirror, reference, sample, tiny = (  # fixtures
    e2e.archive, e2e.build, e2e.client, e2e.gateway, e2e.heliodex, e2e.mirror, e2e.reference, e2e.sample, e2e.tiny)

PYTHON = "/usr/bin/python3"
PACKAGE = ROOT / "src" / "python"
LIBRARY = BUILD / "src" / "libheliodex.so.0"
RUN_TIMES = {"address": "libasan.so", "undefined": "libubsan.so", "thread": "libtsan.so"}
SANITIZERS = {  # Python keeps memory until it ends; numpy asks for more than there is to see whether it may
    "ASAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:detect_leaks=0:allocator_may_return_null=1:handle_abort=1",
    "UBSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:halt_on_error=1",
}


def run_times():
    """What has to be preloaded for this build's library: paths as LD_PRELOAD has them, "" for none."""
    cache = BUILD / "CMakeCache.txt"
    sanitize = re.search(r"^HDX_SANITIZE:\w+=(.*)$", cache.read_text(), re.M) if cache.is_file() else None
    names = [RUN_TIMES[kind] for kind in (sanitize[1] if sanitize else "").split(",") if kind in RUN_TIMES]
    return ":".join(subprocess.check_output(["cc", f"-print-file-name={name}"], text=True).strip() for name in names)


PRELOAD = run_times()
forks = pytest.mark.skipif("libtsan" in PRELOAD, reason="ThreadSanitizer has no threads after a fork")
PRELOADED = os.environ.pop("LD_PRELOAD", "")  # servers and programs that tests start are not to have it
os.environ["HELIODEX_LIBRARY"] = str(LIBRARY)
sys.path.insert(0, str(PACKAGE))


def pytest_configure(config):
    if PRELOAD == PRELOADED or PRELOADED.startswith(PRELOAD + ":"):
        return
    config.pluginmanager.getplugin("capturemanager").stop_global_capturing()
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **SANITIZERS, "LD_PRELOAD": PRELOAD})


def clean_environment(home):
    """The variables of a user who has set nothing but where the store is."""
    kept = ("PATH", "LANG", "HDX_BUILD", *SANITIZERS)
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "HOME": str(home),
            "TZ": "America/St_Johns",  # no answer depends on where one lives
            "HELIODEX_LIBRARY": str(LIBRARY), "HELIODEX_STORE": str(home / "store")}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A new home for each test, in which no settings of the user who runs the tests are known."""
    folder = tmp_path / "user"
    folder.mkdir()
    wanted = clean_environment(folder)
    for name in set(os.environ) - set(wanted) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    return folder


class Python:
    """Runs scripts as a user does, in an interpreter of their own that finds the module and the library.

        python("print(1)").expect(0)      python(path, argument, env={...})       process = python.start(...)
    """

    def __init__(self, home, executable=PYTHON):
        self.home, self.executable = home, executable
        self.environment = {**clean_environment(home), **SANITIZERS, "PYTHONPATH": str(PACKAGE),
                            "PYTHONDONTWRITEBYTECODE": "1", **({"LD_PRELOAD": PRELOAD} if PRELOAD else {})}

    def start(self, script, *arguments, env={}, flags=(), **options):
        """Starts it and returns the Popen, standard output and error as pipes of bytes. `env`: None removes."""
        what = [script] if isinstance(script, Path) else ["-c", script]
        environment = {name: str(value) for name, value in {**self.environment, **env}.items() if value is not None}
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "cwd": self.home, **options}
        process = subprocess.Popen(  # one that ignores SIGINT from the start never hears of Ctrl-C
            [self.executable, *flags, *what, *map(str, arguments)], env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)
        killer = threading.Timer(2 * TIMEOUT, process.kill)  # so that nobody waits for ever for what it prints
        killer.daemon = True
        killer.start()
        return process

    def __call__(self, script, *arguments, timeout=TIMEOUT, **options):
        return self.finish(self.start(script, *arguments, **options), timeout)

    @staticmethod
    def finish(process, timeout=TIMEOUT):
        """Waits for a script that was started, and returns its Done."""
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{Done(process.args, 'none: it hangs', out or b'', (err or b'').decode(errors='replace'))}")
        done = Done(process.args, process.returncode, out or b"", (err or b"").decode("utf-8", "replace"))
        assert done.code not in (SANITIZER_EXIT, -signal.SIGSEGV, -signal.SIGABRT), f"{done}"
        return done


@pytest.fixture
def python(build, home):
    return Python(home)

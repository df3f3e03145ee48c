"""Torture: scenarios of the program (torture_scenarios.py) in each of which one allocation or one system call fails.

    trials = Trials(Index, folder)               # prepares it once and runs it undisturbed
    trials.counts["alloc"]                       # how many allocations there were
    trials.places("alloc")                       # and from where in the program
    trial = trials.run("alloc", 17)              # a run in a copy of what was prepared, whose 17th allocation fails
    trial.problems                               # what was broken, as texts; empty: all was kept

What is asked of a run is that
  - it ends: no hang, no signal, no report of a sanitizer, no leak
  - it either does all that the undisturbed run does, with the same output, and exit status 0, or has another one and
    says on standard error what has failed
  - a file has what it had before, or what it has after an undisturbed run; other names are temporary ones
  - the same command then does all of it, whatever the failed run has left, and leaves nothing else
  - what is only a hint, or a wait that a signal interrupts, fails no run at all.

Where an interruption (SIGINT) comes just before a call, in place of its failure, the run ends by it, or does all.
"""

import argparse
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conftest import BUILD, FAULTS, SANITIZER_EXIT, Done, Program
from snapshot_codec import Damaged
from snapshot_reader import Snapshot

LOGS = BUILD / "torture"  # a file for each trial in which something was wrong
SECONDS_MAX = 60
KINDS = "alloc", "system", "all-alloc", "interrupt"  # what fails; of "all" all calls from the n-th on
ALLOCATIONS = "malloc", "calloc", "realloc", "memalign", "new"
CALL = re.compile(r"^([a-z]+) (\d+)\n((?:\S+\(.*\n|\[.*\n)*)", re.MULTILINE)  # of HDX_FAULTS_LIST: its stack follows
HARMLESS = "advise", "random", "wait"  # calls that may fail as they like
INTERRUPTED = 130, -signal.SIGINT  # exit statuses; the second before the program looks for signals
LOADED, START_UP = "libcurl.so.4", "curl_global_init"

# What libraries do not survive: a pattern of the stack of the crash, and why nothing can be done about it.
EXCEPTIONS = {
    r"\(uv_once\+": "libuv aborts if its one pipe for signals cannot be had; loop.c asks for descriptors beforehand",
    r"\(uv_loop_init\+": "libuv aborts if its table of descriptors cannot grow; loop.c asks for the memory beforehand",
    r"\(uv_poll_start\+": "the same",
    r"\(abort\+.*\n.*/libuv.*\n.*\(uv_(run|poll_init)\+": "it aborts if epoll does not take a descriptor that it took to try",
    "detect_best_supported": "simdjson makes names of processors as it starts, in a function that may not throw",
    "get_active_implementation": "the same",
    r"/libstdc\+\+\.so\.6\(\+.*\n.*/libsimdjson\.so": "the same, where the cold part of a function has no name",
    r"/libc.so.6\(getaddrinfo\+": "glibc looks into its table of services of names, for which there was no memory",
}
# The same of a heap that is damaged: a pattern of the stack of the call that fails, as the crash comes later, or never.
DAMAGES = {
    r"\(strn?dup\+.*\n(.*/libcurl\..*\n){3}.*/libssl\.": "libcurl 7.88 frees a TLS session twice that it cannot keep",
}


class Trial:
    """A disturbed run and what was wrong with it."""

    def __init__(self, kind, number, done, told, crash):
        self.kind, self.number, self.done, self.told, self.crash = kind, number, done, told, crash
        self.problems = []

    @property
    def happened(self):
        """Whether a call has failed: there may be fewer of them than in the run that was counted."""
        return bool(self.told)

    @property
    def place(self):
        """From where in the program the call came that has failed last."""
        return place(self.told)

    @property
    def harmless(self):
        """Whether what has failed is nothing that a run needs."""
        return self.kind != "interrupt" and self.told.partition(" ")[0] in HARMLESS

    @property
    def crashed(self):
        return self.done.code is not None and self.done.code < 0 and not self.interrupted

    @property
    def interrupted(self):
        return self.kind == "interrupt" and self.done.code in INTERRUPTED

    @property
    def excepted(self):
        """Whether what has happened is an exception."""
        if any(re.search(pattern, self.told) for pattern in DAMAGES):
            return True
        if self.crash:
            return any(re.search(pattern, self.crash) for pattern in EXCEPTIONS)
        return self.leaked_by_openssl

    @property
    def leaked_by_openssl(self):
        """OpenSSL leaks what is half made (its own start, names of digests) when an allocation of its own fails."""
        if self.done.code != SANITIZER_EXIT or "LeakSanitizer: detected" not in self.done.err:
            return False
        frames = self.told.splitlines()[1:]
        caller = next((frame for frame in frames if not re.search(r"libasan|hdx-faults", frame)), "")
        leaked_in = re.findall(r"^ +#1 .*", self.done.err, re.MULTILINE)
        callers = [] if self.kind == "all-alloc" else [caller]  # of many calls the last one is told
        return all(re.search(r"/lib(crypto|ssl)\.so", frame) for frame in callers + leaked_in)


class Trials:
    def __init__(self, scenario, folder):
        self.folder = Path(folder)
        self.made, self.lock = 0, threading.Lock()
        self.prepared = self.folder / "prepared"
        self.prepared.mkdir()
        self.scenario = scenario(self.folder)
        self.scenario.prepare(Program(self.prepared))
        self.before = state(self.prepared)
        home = self.copy()
        self.undisturbed = self.start(home, {"HDX_FAULTS_COUNT": str(self.folder / "count")})
        assert self.undisturbed.code == 0, f"{self.undisturbed}"
        self.counts = counted(self.folder / "count")
        self.after = state(home)
        shutil.rmtree(home)

    def close(self):
        self.scenario.close()

    def copy(self):
        with self.lock:
            self.made += 1
            home = self.folder / f"home-{self.made}"
        shutil.copytree(self.prepared, home, symlinks=True)
        return home

    def start(self, home, environment):
        """A run in a home; without `environment` nothing is preloaded."""
        program = Program(home)
        preload = {"LD_PRELOAD": str(FAULTS), **environment,
                   "ASAN_OPTIONS": program.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
        arguments = self.scenario.arguments()
        process = program.start(*arguments, env={**self.scenario.environment, **(preload if environment else {})})
        try:
            out, err = process.communicate(timeout=SECONDS_MAX)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = None
        out = self.scenario.shown(out.replace(os.fsencode(home), b"HOME"))
        return Done(["heliodex", *arguments], code, out, err.decode("utf-8", "replace"))

    def command(self, kind, number):
        return f"scripts/torture {self.scenario.name} {fault(kind, number)}"

    def calls(self, kind):
        """Of a kind the numbers of the calls that are worth a try. What libcurl does as it starts, thousands of
        allocations by OpenSSL, is the same in all scenarios: one has it fail."""
        count = group(kind)
        numbers = range(1, self.counts[count] + 1)
        if count == "alloc" and not self.scenario.start_up and LOADED in self.counts:
            first = self.counts[LOADED] + 1
            return [n for n in numbers if not first <= n < first + start_up_calls()]
        return list(numbers)

    @functools.cache
    def places(self, kind):
        """{place: numbers} of these calls. In a run with several threads another may be the n-th."""
        home = self.copy()
        listed = home.with_suffix(".listed")
        assert self.start(home, {"HDX_FAULTS_LIST": str(listed)}).code == 0
        shutil.rmtree(home)
        found, worth = {}, set(self.calls(kind))
        for name, number, stack in CALL.findall(listed.read_text()):
            if (name in ALLOCATIONS) == (group(kind) == "alloc") and int(number) in worth:
                found.setdefault(place(stack), []).append(int(number))
        return found

    def run(self, kind, number, **environment):
        home = self.copy()
        told, crash = home.with_suffix(".told"), home.with_suffix(".crash")
        done = self.start(home, {"HDX_FAULTS": fault(kind, number), "HDX_FAULTS_TOLD": str(told),
                                 "HDX_FAULTS_CRASHED": str(crash), **environment})
        trial = Trial(kind, number, done, *(path.read_text() if path.exists() else "" for path in (told, crash)))
        trial.problems = list(self.check(trial, home))
        shutil.rmtree(home)
        told.unlink(missing_ok=True)
        crash.unlink(missing_ok=True)
        return trial

    def check(self, trial, home):
        done = trial.done
        if trial.excepted:
            return
        if done.code is None:
            yield f"it hangs: more than {SECONDS_MAX} s"
        elif trial.crashed:
            yield f"it ends by signal {-done.code}"
        elif done.code == SANITIZER_EXIT or "Sanitizer:" in done.err:
            yield "a sanitizer complains"
        found = state(home)
        yield from self.check_files({path: data for path, data in found.items()
                                     if done.code != 1 or path not in self.scenario.parts})
        if done.code == 0:
            if done.raw != self.undisturbed.raw:
                yield "exit status 0 with another output"
            kept = {path: data for path, data in found.items() if path in self.after or not is_temporary(path)}
            if self.scenario.wanted(kept) != self.scenario.wanted(self.after):
                yield f"exit status 0 with other files: {differences(kept, self.after)}"
            if kept != found:  # what could not be removed goes with the next run
                yield from self.check_again(home)
            return
        if trial.crashed or done.code in (None, SANITIZER_EXIT):
            return
        if trial.kind == "interrupt" and not trial.interrupted:
            yield f"exit status {done.code}, expected {INTERRUPTED}"
        if done.code == -signal.SIGINT:
            yield from self.check_again(home)
            return
        if trial.harmless:
            yield f"exit status {done.code}, though nothing that matters has failed"
        if not re.search(r"^heliodex: \S", done.err, re.MULTILINE):
            yield f"exit status {done.code} without a message"
        if trial.kind.endswith("alloc") and done.code not in self.scenario.memory:
            yield f"exit status {done.code}, expected {self.scenario.memory}"
        yield from self.check_again(home)

    def check_files(self, found):
        for path, content in found.items():
            if path not in self.before and path not in self.after:
                if not is_temporary(path):
                    yield f"there is a file {path}"
            elif not is_one_of(content, self.before.get(path), self.after.get(path)):
                yield f"{path} is neither what it was nor what it is to be"
        for path in self.before:
            if path not in found and path in self.after:
                yield f"{path} is gone"

    def check_again(self, home):
        again = self.start(home, {})
        if again.code not in self.scenario.again:
            yield f"the same command afterwards: {again}"
        elif again.raw != self.undisturbed.raw:
            yield f"the same command afterwards has another output: {again}"
        elif differences(state(home), self.after):
            yield f"the same command afterwards leaves other files: {differences(state(home), self.after)}"


def group(kind):
    """Of the calls that are counted."""
    return "alloc" if kind.endswith("alloc") else "system"


def place(stack):
    """The program's frames of a stack."""
    return tuple(re.findall(r"/heliodex\(\+(0x[0-9a-f]+)\)", stack))


def fault(kind, number):
    """As HDX_FAULTS has it."""
    if kind == "interrupt":
        return f"system:{number}:SIGINT"
    return f"alloc:{number}:ENOMEM:on" if kind == "all-alloc" else f"{kind}:{number}"


@functools.cache
def start_up_calls():
    """How many allocations libcurl makes as it starts."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "list")
        program = Program(Path(folder))
        program("version", env={"LD_PRELOAD": str(FAULTS), "HDX_FAULTS_LIST": str(listed),
                "ASAN_OPTIONS": program.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"})
        calls = re.split(r"^\w+ \d+\n", listed.read_text(), flags=re.MULTILINE)
    return sum(f"({START_UP}+" in call for call in calls)


def counted(path):
    return {name: int(count) for name, count in map(str.split, path.read_text().splitlines())}


def is_temporary(path):
    parts = Path(path).parts
    return any(part.startswith(".") for part in parts)


def is_one_of(found, before, after):
    """Whether a file is what it was or is to be. Of a snapshot each year is so, as one that failed keeps its rows."""
    if not isinstance(found, dict):
        return found in (before, after)
    before, after = before or {}, after or {}
    return all(found.get(year) in (before.get(year), after.get(year)) for year in {*found, *before, *after})


def state(home):
    """{path: content} of all files below a home. Content is what a user relies on: of a snapshot the rows of each year,
    nothing of files whose bytes are no two runs' the same (times, locks)."""
    found = {}
    for folder, _, files in os.walk(home):
        for name in files:
            path = Path(folder, name)
            found[str(path.relative_to(home))] = content(path)
    return found


def rows_by_year(path):
    found = {}
    try:
        for row in Snapshot(path).rows():
            found.setdefault(row.year, []).append((row.start, row.stop, row.key, row.size, row.extras))
    except Damaged as damage:
        return f"damaged: {damage}"
    return found


def content(path):
    if path.suffix == ".hdx" and not path.name.startswith("."):
        return rows_by_year(path)
    if is_temporary(path.name) or ".heliodex" in path.parts or path.suffix == ".meta":
        return None
    return re.sub(rb'"digest":"[^"]*","created":"[^"]*",', b"", path.read_bytes())  # of a plan


def differences(found, expected):
    return sorted(path for path in found.keys() | expected.keys() if found.get(path, 0) != expected.get(path, 0))


# ---- scripts/torture


def main(arguments):
    from torture_scenarios import SCENARIOS

    names = {scenario.name: scenario for scenario in SCENARIOS}
    parser = argparse.ArgumentParser(prog="torture", description="Runs scenarios with each of their calls failing.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time (the cores)")
    parser.add_argument("--step", type=int, default=1, help="only one call of so many")
    parser.add_argument("what", nargs="*", metavar="SCENARIO|KIND|KIND:N",
                        help=f"{', '.join(names)}; {', '.join(KINDS)}; of which the N-th (all)")
    options = parser.parse_args(arguments)
    chosen = [name for name in options.what if name in names] or list(names)
    kinds = [what.partition(":") for what in options.what if what not in names] or [(kind, "", "") for kind in KINDS]
    kinds = [("all-" + kind if number.endswith(":on") else "interrupt" if number.endswith(":SIGINT") else kind,
              number.partition(":")[0]) for kind, _, number in kinds]
    found = 0
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            trials = Trials(names[name], folder)
            try:
                for kind, number in kinds:
                    numbers = [int(number)] if number else trials.calls(kind)[::options.step]
                    found += loop(trials, kind, numbers, options.jobs)
            finally:
                trials.close()
    print(f"torture: {found} problems." if found else "torture: all well.")
    return 1 if found else 0


def loop(trials, kind, numbers, jobs):
    """Tries all of the calls; returns in how many trials something was wrong, which is told."""
    wrong, happened, began = 0, 0, time.monotonic()
    name = trials.scenario.name
    with ThreadPoolExecutor(jobs) as pool:
        for i, trial in enumerate(pool.map(lambda number: trials.run(kind, number), numbers), 1):
            happened += trial.happened
            if trial.problems:
                wrong += 1
                print(f"\r{trials.command(kind, trial.number)}\n  " + "\n  ".join(trial.problems))
                LOGS.mkdir(parents=True, exist_ok=True)
                (LOGS / f"{name}-{kind}-{trial.number}").write_text(
                    "\n".join(trial.problems) + f"\n\n{trial.done}\n\n{symbols(trial.told)}")
            if sys.stdout.isatty():
                print(f"\r{name} {kind}: {i} of {len(numbers)}, {wrong} wrong", end="", flush=True)
    print(f"\r{name}: {len(numbers)} runs of {kind} failing, {happened} did, in "
          f"{time.monotonic() - began:.0f} s; {wrong} problems", flush=True)
    return wrong


def symbols(stack):
    """A stack with the names of the program's functions and their lines."""
    frames = re.findall(r"heliodex\(\+(0x[0-9a-f]+)\)", stack)
    if not frames:
        return stack
    found = subprocess.run(["addr2line", "-fips", "-e", BUILD / "heliodex", *frames], capture_output=True, text=True)
    return stack + "\n" + found.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

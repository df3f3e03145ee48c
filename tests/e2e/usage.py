"""What a running program takes at the most: memory, file descriptors, threads, as /proc shows them.

    done, used = run(heliodex, "index", bucket, ...)     # heliodex: conftest.Program
    assert used.memory <= memory_max("16M")

    with Watch(process) as used:                         # the same of a Popen, while the test reads what it prints
        ...

Memory is the high-water mark of resident pages that the kernel itself keeps (VmHWM); the others are looked at every few
milliseconds.
"""

import dataclasses
import os
import threading

MIB = 1 << 20
ALLOWANCE = 64 * MIB  # beyond --memory: the program itself, its libraries, what is not counted
LOOK_SECONDS = 0.002
UNITS = {"M": MIB, "G": MIB << 10}


@dataclasses.dataclass
class Usage:
    memory: int = 0  # bytes
    files: int = 0
    threads: int = 0


def sanitized(program):
    """Whether the program is built with AddressSanitizer, which takes several times the memory."""
    with open(program, "rb") as file:
        return b"__asan_init" in file.read()


def memory_max(memory, program=None):
    """The most that may be resident with this --memory ("16M")."""
    most = int(memory[:-1]) * UNITS[memory[-1]] + ALLOWANCE
    return most * 3 if program and sanitized(program) else most


def look(pid, usage):
    """Notes what the process takes now. OSError: it has ended."""
    status = {}
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            name, _, value = line.partition(":")
            status[name] = value
    if "VmHWM" not in status:
        raise ProcessLookupError
    usage.memory = max(usage.memory, int(status["VmHWM"].split()[0]) * 1024)
    usage.threads = max(usage.threads, int(status["Threads"]))
    usage.files = max(usage.files, len(os.listdir(f"/proc/{pid}/fd")))


class Watch:
    """Looks at a process until it ends."""

    def __init__(self, process):
        self.process, self.usage, self.over = process, Usage(), threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self.over.wait(LOOK_SECONDS):
            try:
                look(self.process.pid, self.usage)
            except OSError:
                return

    def __enter__(self):
        try:
            look(self.process.pid, self.usage)  # one that is soon over is seen all the same
        except OSError:
            pass
        self.thread.start()
        return self.usage

    def __exit__(self, *unused):
        self.over.set()
        self.thread.join()


def peak_of(process):
    """Waits for a process to end; the most memory that it had at once."""
    with Watch(process) as usage:
        process.wait()
    return usage.memory


def run(heliodex, *arguments, timeout=300, **options):
    """Runs the program (a conftest.Program) and returns how it ended, and what it took."""
    # Nothing that was freed is kept in quarantine, where there is one.
    options["env"] = {"ASAN_OPTIONS": heliodex.environment["ASAN_OPTIONS"] + ":quarantine_size_mb=1", **options.get("env", {})}
    process = heliodex.start(*arguments, **options)
    with Watch(process) as usage:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
    return heliodex.finished(arguments, process.returncode, out, err), usage

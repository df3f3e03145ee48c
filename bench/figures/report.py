"""A figure as a line of JSON, and the timing of commands."""

import json
import os
import statistics
import subprocess
import time

median = statistics.median


class Goal:
    """What a figure should be: a limit for the value, for value / peer, or for both."""

    def __init__(self, most=None, least=None, ratio=None, ratio_least=None):
        self.most, self.least, self.ratio, self.ratio_least = most, least, ratio, ratio_least

    def text(self, unit):
        def number(limit):
            return f"{limit:,.0f}" if limit >= 1000 else f"{limit:.4g}"

        parts = []
        if self.most is not None:
            parts.append(f"at most {number(self.most)} {unit}")
        if self.least is not None:
            parts.append(f"at least {number(self.least)} {unit}")
        if self.ratio is not None:
            parts.append(f"at most {self.ratio:.3g} of the peer")
        if self.ratio_least is not None:
            parts.append(f"at least {self.ratio_least:.3g} of the peer")
        return " and ".join(parts)

    def met(self, value, ratio):
        """None where it depends on a peer that is missing."""
        if (self.most is not None and value > self.most) or (self.least is not None and value < self.least):
            return False
        if self.ratio is None and self.ratio_least is None:
            return True
        if ratio is None:
            return None
        return (self.ratio is None or ratio <= self.ratio) and (self.ratio_least is None or ratio >= self.ratio_least)


class Missing:
    """A peer that cannot be measured here, and why."""

    def __init__(self, reason):
        self.reason = reason


def report(figure, value, unit, peer, peer_value=None, goal=None, wanted=None, ratio=None, **more):
    """Prints the line. `value` is a number or Missing, `peer` a name or Missing; `ratio` is value / peer_value unless given."""
    if isinstance(value, Missing):
        line = {"figure": figure, "value": None, "unit": unit, "why": value.reason}
        if not isinstance(peer, Missing):
            line |= {"peer": peer, "peer_value": round(peer_value, 4)}
        return print(json.dumps(line | more, ensure_ascii=False), flush=True)
    line = {"figure": figure, "value": round(value, 4), "unit": unit}
    if isinstance(peer, Missing):
        line |= {"peer": None, "why": peer.reason}
    else:
        ratio = ratio if ratio is not None else value / peer_value
        line |= {"peer": peer, "peer_value": round(peer_value, 4), "ratio": round(ratio, 4)}
    for name, wish, met in (("goal", goal, "met"), ("wanted", wanted, "wanted_met")):
        if wish:
            line |= {name: wish.text(unit), met: wish.met(value, ratio)}
    print(json.dumps(line | more, ensure_ascii=False), flush=True)


def fail(message):
    raise SystemExit(f"bench: {message}")


def agree(what, ours, theirs):
    """Ends the benchmark unless both gave the same answer."""
    if ours != theirs:
        fail(f"{what}: heliodex says {ours}, its peer {theirs}")


def run(command, env=None):
    """Runs a command that must not fail; what it used (os.wait4)."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               close_fds=False, env=env)
    error = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        fail(f"{' '.join(map(str, command))}: exit {process.returncode}\n{error.decode()[-2000:]}")
    return used


def timed(command, env=None):
    """Seconds, and the peak of resident memory in bytes."""
    begun = time.monotonic()
    used = run(command, env)
    return time.monotonic() - begun, used.ru_maxrss * 1024


def processor(command, env=None):
    """Seconds of processor time, the system's included."""
    used = run(command, env)
    return used.ru_utime + used.ru_stime


def output(command, **options):
    """What a command that must not fail prints."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def answer(command, **options):
    """The last line of JSON that a command prints."""
    return json.loads(output(command, **options).splitlines()[-1])

#!/usr/bin/python3
"""The table of faults: what may happen, what the user then sees, and which tests show it.

    tests/faults_table.py            writes tests/FAULTS.md
    tests/faults_table.py --check    says what is wrong with the tests' names or the table, and fails if anything is

A test says by its name which rows it shows: test_28_30_… is of rows 28 and 30, test_p5_37_… of promise 5 and row 37.
Tests are found by reading the sources: the functions test_… of tests/e2e and tests/python, and of tests/unit in C.
"""

import ast
import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TABLE = TESTS / "FAULTS.md"

PROMISES = {
    1: "A final file name exists only where its bytes are complete and verified.",
    2: "Whatever failed is told: the exit status is not 0, and the item has a line in the report.",
    3: "A rerun after any interruption ends with the bytes of an undisturbed run.",
    4: "Memory stays below `--memory` plus 64 MiB.",
    5: "A snapshot is the old one or the new one; damage is found, never answered from.",
    6: "No host gets more connections than allowed, and one that answers 429 or 503 gets fewer requests.",
    7: "Answers are those of a naive reference, row for row.",
    8: "Nothing is written outside of the destination or the store, whatever keys and ids say.",
    9: "The order of what is written depends on the data alone: on no setting, and not on which answer comes first.",
    10: "No secret is told: in no message, report, log or file.",
}

FAULTS = {  # number: what happens, what the user sees
    1: ("a host's name does not resolve", "the name and a hint; exit 5"),
    2: ("a connection is refused, or reset before the head of the answer",
        "attempts at random distances, then exit 5 with their number"),
    3: ("a connection is reset in the middle of a body", "it goes on at that byte, by Range and If-Match"),
    4: ("a server goes silent", "a warning after the stall time, and another connection"),
    5: ("a server drips so slowly that it might as well be silent", "the same; what has come is kept"),
    6: ("a certificate is of an unknown authority, of another name, or has expired",
        "the options that name authorities, at once; exit 4"),
    7: ("the proxy is down, or wants a password", "which proxy, by which variable; exit 5 or 4"),
    8: ("a bucket is in another region (301, 307, 400)", "nothing: it is followed once and remembered; `-v` tells it"),
    9: ("an anonymous request is refused (403)",
        "nothing where there are credentials, which sign the next; else exit 4, and what `--sign`, `--request-payer` do"),
    10: ("credentials expire in mid-run", "nothing if there are new ones; else the run stops, to be resumed; exit 4"),
    11: ("a data file that the index lists is missing (404)", "that file failed, all others are there; exit 1"),
    12: ("a year has no index file (404, or 403 among files that can be read)",
         "a gap, which is kept and shown; exit 0, with `--strict` 1"),
    13: ("an object shrinks while it is read in ranges (416)", "it is fetched anew once; then exit 7, as changed"),
    14: ("an object changes between two ranges (412, another entity tag)",
         "it is fetched anew once; then exit 7, as changed"),
    15: ("a server throttles (429, 503, Retry-After)",
         "nothing: half as many requests at once, after the wait that it asks for; nothing is lost"),
    16: ("bursts of 500, 502, 504", "the summary says how often was retried"),
    17: ("the whole object comes in place of a range (200)", "it is taken if it is whole and begins at 0"),
    18: ("Content-Range or Content-Length is wrong or missing",
         "the answer is refused and asked for again; then exit 7"),
    19: ("a body is longer or shorter than promised",
         "the file never gets its name; exit 7, or 5 where the rest never comes"),
    20: ("a page of HTML comes with status 200", "it is found by size, checksum or shape; exit 7"),
    21: ("a bit is flipped on the way", "where a checksum is known: fetched anew once; then exit 7"),
    22: ("a Content-Encoding that nobody asked for", "the object's bytes are taken as they are"),
    23: ("a registry that is malformed, empty, huge, or names an endpoint twice",
         "the place of the fault; exit 7 or 8; other buckets go on"),
    24: ("a catalog that does not parse, lacks members, is unavailable (1400) or is too large",
         "line and column, exit 7; entries that are none are skipped with a warning; unavailable is exit 5, too large 8"),
    25: ("odd index files: quotes, line ends, marks, NUL, short and long rows, no order, copies",
         "bad rows by file, line and column, up to `--max-bad-rows`; all others are kept"),
    26: ("odd times: dots for colons, leap seconds, hour 24, year 9999, days of the year",
         "they are mended with a warning, or the row is bad"),
    27: ("zip files that are bombs, hold several members, are encrypted, cut off, zip64",
         "what was found in place of what was expected; exit 7 for that file"),
    28: ("the disk is full", "the run ends early, exit 6; a rerun goes on"),
    29: ("a limit of file sizes or a quota", "exit 6; what was there stays"),
    30: ("write, fsync or close fail", "the file does not get its name; exit 6"),
    31: ("the destination or the store cannot be written to, or is a file",
         "which one, before anything is fetched; exit 6 or 2"),
    32: ("few files may be open", "fewer connections and a warning"),
    33: ("memory is not to be had", "a clean failure; the destination is as it was"),
    34: ("kill -9 at any moment", "a rerun ends as an undisturbed run does; snapshots stay sound"),
    35: ("INT, TERM, HUP, a closed pipe", "exit 130, 143, 129, resumable; a closed pipe is quiet"),
    36: ("several processes on one store or destination", "they wait for each other, and say for whom"),
    37: ("a snapshot is cut off, flipped, of another version or something else",
         "which block of which file; exit 7, and never a wrong row"),
    38: ("hostile keys, links in the destination, escape sequences",
         "they are escaped or refused; nothing is written outside"),
    39: ("the clock is wrong while requests are signed", "a warning: it is corrected once, by the server's Date"),
    40: ("whoever reads standard output is slow, or goes", "it waits, in bounded memory; it ends quietly"),
    41: ("redirects, local places in a remote catalog, passwords in a URL",
         "few redirects, none to this machine; no signature or password goes to another host or into a message"),
}

NUMBERS = re.compile(r"test_((?:(?:p\d{1,2}|\d\d)_)+)")
ROWS = {**{f"p{number}": (text, "") for number, text in PROMISES.items()},
        **{f"{number:02}": texts for number, texts in FAULTS.items()}}


class Test:
    """A test that has numbers in its name."""

    def __init__(self, file, name, numbers, unsolved=""):
        self.file, self.name, self.numbers, self.unsolved = file, name, numbers, unsolved

    @property
    def words(self):
        """Its name without the numbers."""
        return NUMBERS.sub("", self.name)


def numbers_of(name):
    found = NUMBERS.match(name)
    return found[1].rstrip("_").split("_") if found else []


def unsolved(function):
    """Why a test is expected to fail; empty: it is not."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("xfail"):
            reasons = [ast.literal_eval(word.value) for word in decorator.keywords if word.arg == "reason"]
            return reasons[0] if reasons else "no reason"
    return ""


def names_in(file):
    """(name, why it is expected to fail) of each test of a source."""
    text = file.read_text()
    if file.suffix == ".c":
        return [(name, "") for name in re.findall(r"^static void (test_\w+)\(void \*\*", text, re.M)]
    return [(node.name, unsolved(node)) for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def collect(folder=TESTS):
    """All tests whose names begin with a number or look as if they did, by file and name."""
    files = sorted([*folder.glob("e2e/test_*.py"), *folder.glob("python/test_*.py"), *folder.glob("unit/*/test_*.c")])
    return [Test(file.relative_to(folder), name, numbers_of(name), why)
            for file in files for name, why in names_in(file) if re.match(r"test_p?\d", name)]


def faults_of(tests):
    """What is wrong with the names, a line each."""
    lines = [f"{test.file}: {test.name}: {', '.join(test.numbers) or 'its number'} is no row of the table"
             for test in tests if not test.numbers or not set(test.numbers) <= set(ROWS)]
    tried = {number for test in tests for number in test.numbers}
    return lines + [f"no test is named after {number}: {ROWS[number][0]}" for number in ROWS if number not in tried]


def cell_of_tests(tests):
    files = {}
    for test in tests:
        files.setdefault(test.file, []).append(test.words)
    return "<br>".join(f"[{file.stem.removeprefix('test_')}]({file.as_posix()}): {', '.join(sorted(words))}"
                       for file, words in sorted(files.items()))


def state(tests):
    open_ones = sorted({test.unsolved for test in tests if test.unsolved})
    return "open: " + "; ".join(open_ones) if open_ones else "kept" if tests else "not tried"


def table(tests):
    """The text of FAULTS.md."""
    def line(number, *cells):
        own = [test for test in tests if number in test.numbers]
        return f"| {number.lstrip('0').upper()} | {' | '.join(cells)} | {cell_of_tests(own)} | {state(own)} |"

    lines = ["# Promises and faults, and the tests that show them", "",
             "Made by `tests/faults_table.py` from the names of the tests; do not edit it. *Kept*: there are tests, and none",
             "of them is expected to fail (whether all pass is what `scripts/test` says).", "",
             "| | promise | tests | state |", "| --- | --- | --- | --- |"]
    lines += [line(number, text.replace("|", "\\|")) for number, (text, seen) in ROWS.items() if not seen]
    lines += ["", "| | fault | what the user sees | tests | state |", "| --- | --- | --- | --- | --- |"]
    lines += [line(number, *texts) for number, texts in ROWS.items() if texts[1]]
    return "\n".join(lines) + "\n"


def main(arguments):
    tests = collect()
    wrong = faults_of(tests)
    if arguments == ["--check"]:
        if not TABLE.exists() or TABLE.read_text() != table(tests):
            wrong.append("tests/FAULTS.md is not what tests/faults_table.py writes: run it")
    elif arguments:
        sys.exit(__doc__)
    else:
        TABLE.write_text(table(tests))
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main(sys.argv[1:])

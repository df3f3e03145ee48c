"""Each claim of SECURITY.md names tests, and those are there."""

import re

from conftest import ROOT

TESTS = ROOT / "tests"


def names_of_tests():
    for path in [*TESTS.rglob("test_*.py"), *TESTS.rglob("test_*.c")]:
        yield from re.findall(r"^(?:def|static void) (\w+)\(", path.read_text(), re.MULTILINE)


def claims():
    """(claim, the cell that names its tests) of each row of the tables that have such."""
    for table in re.findall(r"\| \| shown by \|\n\| --- \| --- \|\n((?:\|.*\n)+)", (ROOT / "SECURITY.md").read_text()):
        for row in table.splitlines():
            yield row.strip("| ").rsplit(" | ", 1)


def test_the_tests_that_are_named_are_there():
    known, rows = set(names_of_tests()), list(claims())
    assert len(rows) > 25
    for claim, shown in rows:
        named = re.findall(r"`(\w+)`", shown)
        assert named and set(named) <= known, (claim, set(named) - known)

"""tests/uncovered.txt: which lines of src/ no test reaches, function by function, and why.

    entries, faults = read(LIST)            what the list says, and which of its lines are not of the form
    faults_of(entries, ROOT)                files and functions that it names and that there are not
    unlisted(entries, ROOT, missed)         lines that were not reached and that no entry allows
    outdated(entries, ROOT, missed)         entries that allow more than was missed

The name of a function is that of the last definition which begins above a line.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "uncovered.txt"

FORM = re.compile(r"(src/\S+) (\w+) (?:(\d+)-)?(\d+): \S.*")
# A definition begins at the left edge; in C++ also within a class, where its line ends with the brace.
DEFINITION = re.compile(r"(?:__attribute__\(\(.*?\)\)+ )?(?=\w)[^(;=]*?\b(?P<name>\w+)\((?!.*;$)")
METHOD = re.compile(r"  (?!if\b|for\b|while\b|switch\b|else\b|return\b)\w[^(;=]*?\b(?P<name>\w+)\(.*\{$")


@dataclass
class Entry:
    line: int  # of the list
    file: str
    function: str
    least: int  # what a run of all tests leaves unreached: fewer lines only by luck
    most: int


def read(path: Path) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    faults = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        form = FORM.fullmatch(line)
        if not form:
            faults.append(f"{path.name}:{number}: not of the form FILE FUNCTION LINES: WHY")
            continue
        file, function, least, most = form[1], form[2], form[3], int(form[4])
        if any((entry.file, entry.function) == (file, function) for entry in entries):
            faults.append(f"{path.name}:{number}: {function} is listed before")
        if most == 0 or least and int(least) >= most:
            faults.append(f"{path.name}:{number}: no number of lines: {form[4]}")
        entries.append(Entry(number, file, function, int(least or most), most))
    return entries, faults


@cache
def definitions(path: Path) -> list[str]:
    """The name of the function for each line of a source; empty above the first."""
    names, name = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        found = DEFINITION.match(line) or path.suffix == ".cpp" and METHOD.match(line)
        name = found["name"] if found else name
        names.append(name)
    return names


def faults_of(entries: list[Entry], root: Path) -> list[str]:
    faults = []
    for entry in entries:
        path = root / entry.file
        if not path.is_file():
            faults.append(f"{LIST.name}:{entry.line}: there is no {entry.file}")
        elif entry.function not in definitions(path):
            faults.append(f"{LIST.name}:{entry.line}: {entry.file} has no {entry.function}")
    return faults


def by_function(root: Path, missed: dict[str, list[int]]) -> dict[tuple[str, str], list[int]]:
    """The lines of {file: lines}, by file and function."""
    functions = defaultdict(list)
    for file, numbers in missed.items():
        for number in numbers:
            functions[file, definitions(root / file)[number - 1]].append(number)
    return functions


def unlisted(entries: list[Entry], root: Path, missed: dict[str, list[int]]) -> list[str]:
    allowed = {(entry.file, entry.function): entry.most for entry in entries}
    faults = []
    for (file, function), numbers in by_function(root, missed).items():
        most = allowed.get((file, function))
        if most is None:
            faults += [f"{file}:{number}: not reached, and not in tests/{LIST.name}" for number in numbers]
        elif len(numbers) > most:
            faults += [f"{file}:{number}: not reached, one of {len(numbers)} lines of {function}, of which "
                       f"tests/{LIST.name} has {most}" for number in numbers]
    return faults


def outdated(entries: list[Entry], root: Path, missed: dict[str, list[int]]) -> list[str]:
    counts = {place: len(numbers) for place, numbers in by_function(root, missed).items()}
    return [f"tests/{LIST.name}:{entry.line}: {counts.get((entry.file, entry.function), 0)} lines of {entry.function} "
            f"are not reached, not {entry.least}"
            for entry in entries if counts.get((entry.file, entry.function), 0) < entry.least]

#!/usr/bin/python3
"""Prints what share of the lines and branches of each layer and file the tests reach, from gcovr's JSON.

    tests/coverage_table.py REPORT [--layers | --uncovered | --unlisted] [--layer NAME]

--layers leaves the files out. --uncovered lists instead what is not reached: FILE:LINES for lines, and FILE:LINE with
the number of outcomes that never came for conditions on lines that were. gcovr leaves out what only the compiler makes.
--unlisted tells the lines that are neither reached nor in tests/uncovered.txt, and ends with 1 if there are any.

A call that stands on several lines may be counted at its later ones alone: it is reached where they are.
"""

import argparse
import json
import sys
from itertools import groupby
from pathlib import Path, PurePosixPath

import uncovered


def is_reached(number: int, counts: dict[int, int], text: list[str]) -> bool:
    """Whether a line was reached, or one of those on which its statement goes on."""
    while not counts.get(number, 0) and number < len(text) and text[number - 1].endswith(tuple(",(+|&?")):
        number += 1
    return counts.get(number, 0) > 0


class Source:
    """The counts of a file of src/."""

    def __init__(self, entry: dict) -> None:
        self.name = str(PurePosixPath(entry["file"]).relative_to("src"))
        self.layer = self.name.split("/")[0] if "/" in self.name else "api"
        lines = [line for line in entry["lines"] if not line["gcovr/noncode"]]
        counts = {line["line_number"]: line["count"] for line in lines}
        text = Path(entry["file"]).read_text(encoding="utf-8").splitlines()
        self.missed = sorted(number for number in counts if not is_reached(number, counts, text))
        self.halves = {line["line_number"]: sum(branch["count"] == 0 for branch in line["branches"])
                       for line in lines if line["count"] and any(branch["count"] == 0 for branch in line["branches"])}
        branches = [branch for line in lines for branch in line["branches"]]
        self.lines, self.branches = len(lines), len(branches)
        self.lines_reached = self.lines - len(self.missed)
        self.branches_reached = sum(branch["count"] > 0 for branch in branches)


def ranges(numbers: list[int]) -> list[str]:
    """Ascending numbers as ranges: 3, 5-7."""
    runs = (list(run) for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]))
    return [f"{run[0][1]}-{run[-1][1]}" if len(run) > 1 else str(run[0][1]) for run in runs]


def row(name: str, sources: list[Source]) -> str:
    def share(reached: int, total: int) -> str:
        return f"{reached:6} of {total:6} {100 * reached / total:6.1f} %" if total else f"{'none':>25}"

    return (f"{name:32} {share(sum(s.lines_reached for s in sources), sum(s.lines for s in sources))}"
            f"  {share(sum(s.branches_reached for s in sources), sum(s.branches for s in sources))}")


def table(sources: list[Source], files: bool) -> None:
    print(f"{'':32} {'lines':>25}  {'branches':>25}")
    for layer, members in groupby(sources, lambda source: source.layer):
        group = list(members)
        print(row(layer, group))
        for source in group if files else []:
            print(row("  " + source.name, [source]))
    print(row("all", sources))


def unlisted(sources: list[Source]) -> int:
    """Compares what was not reached with tests/uncovered.txt. What it allows more than is needed is told alone."""
    entries, faults = uncovered.read(uncovered.LIST)
    faults = faults or uncovered.faults_of(entries, uncovered.ROOT)
    missed = {f"src/{source.name}": source.missed for source in sources}
    if not faults:
        print("\n".join(uncovered.outdated(entries, uncovered.ROOT, missed)))
        faults = uncovered.unlisted(entries, uncovered.ROOT, missed)
    print("\n".join(faults) or "coverage: each line is reached or in tests/uncovered.txt.")
    return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("--layers", action="store_true", help="without the files")
    parser.add_argument("--uncovered", action="store_true", help="what is not reached")
    parser.add_argument("--unlisted", action="store_true", help="what is neither reached nor in tests/uncovered.txt")
    parser.add_argument("--layer", help="this one alone")
    arguments = parser.parse_args()
    with open(arguments.report, encoding="utf-8") as file:
        sources = [Source(entry) for entry in json.load(file)["files"]]
    sources = [source for source in sources if source.lines and arguments.layer in (None, source.layer)]
    sources.sort(key=lambda source: (source.layer, source.name))
    if not sources:
        print("coverage: nothing was counted", file=sys.stderr)
        return 1
    if arguments.unlisted:
        return unlisted(sources)
    if not arguments.uncovered:
        table(sources, not arguments.layers)
        return 0
    for source in sources:
        places = [(int(text.split("-")[0]), text, "not reached") for text in ranges(source.missed)]
        places += [(line, str(line), f"{count} outcome{'s' if count > 1 else ''} never came")
                   for line, count in source.halves.items()]
        for _, text, what in sorted(places):
            print(f"src/{source.name}:{text}: {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

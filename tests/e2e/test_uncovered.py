"""The list of lines that no test reaches (tests/uncovered.txt): its form, its functions, and what is made of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import uncovered  # noqa: E402

SOURCE = """#include "job/a.h"

static const char *const names[] = {"a", "b"};

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...) {
  if (format)
    return;
}

enum hdx_status
hdx_a_open(const struct hdx_a *a,
           struct hdx_error *error);

enum hdx_status
hdx_a_open(const struct hdx_a *a,
           struct hdx_error *error) {
  tell("%s", a->name);
  return HDX_OK;
}
"""
CLASS = """class builder {
  bool walk(value) {
    if (value)
      return fail(1);
  }
};
extern "C" void hdx_b_free(b *) {
}
"""


def test_the_list_is_of_its_form_and_names_functions_that_there_are():
    entries, faults = uncovered.read(uncovered.LIST)
    assert faults == [] and entries
    assert uncovered.faults_of(entries, ROOT) == []


@pytest.fixture
def root(tmp_path):
    for name, text in ("a.c", SOURCE), ("b.cpp", CLASS):
        (tmp_path / "src" / "job").mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / "job" / name).write_text(text)
    return tmp_path


def listed(root, *lines):
    (root / "uncovered.txt").write_text("\n".join(("# a heading", "", *lines)) + "\n")
    return uncovered.read(root / "uncovered.txt")


def test_the_function_of_a_line(root):
    names = uncovered.definitions(root / "src/job/a.c")
    assert names[:4] == [""] * 4 and names[4:9] == ["tell"] * 5 and set(names[9:]) <= {"tell", "hdx_a_open"}
    assert names[16:] == ["hdx_a_open"] * 3
    assert uncovered.definitions(root / "src/job/b.cpp") == ["", *["walk"] * 5, *["hdx_b_free"] * 2]


def test_lines_that_are_not_of_the_form(root):
    entries, faults = listed(root, "src/job/a.c tell 2: why", "src/job/a.c tell: why", "src/job/a.c hdx_a_open 1:",
                             "src/job/a.c hdx_a_open 0: why", "src/job/b.cpp walk 2-2: why",
                             "src/job/a.c tell 1: again")
    assert [fault.split(": ")[0] for fault in faults] == [f"uncovered.txt:{line}" for line in (4, 5, 6, 7, 8)]
    assert (entries[0].file, entries[0].function, entries[0].least, entries[0].most) == ("src/job/a.c", "tell", 2, 2)


def test_functions_that_are_gone(root):
    entries, _ = listed(root, "src/job/a.c tell 1: why", "src/job/a.c toll 1: why", "src/job/c.c tell 1: why")
    assert uncovered.faults_of(entries, root) == ["uncovered.txt:4: src/job/a.c has no toll",
                                                  "uncovered.txt:5: there is no src/job/c.c"]


def test_lines_that_are_neither_reached_nor_listed(root):
    entries, _ = listed(root, "src/job/a.c tell 1: why", "src/job/b.cpp walk 0-1: luck")
    missed = {"src/job/a.c": [6, 7, 17], "src/job/b.cpp": [4]}
    assert uncovered.unlisted(entries, root, missed) == [
        *[f"src/job/a.c:{number}: not reached, one of 2 lines of tell, of which tests/uncovered.txt has 1"
          for number in (6, 7)],
        "src/job/a.c:17: not reached, and not in tests/uncovered.txt"]
    missed["src/job/a.c"] = [7]
    assert uncovered.unlisted(entries, root, missed) == uncovered.outdated(entries, root, missed) == []


def test_entries_that_allow_more_than_is_needed(root):
    entries, _ = listed(root, "src/job/a.c tell 2: why", "src/job/a.c hdx_a_open 0-1: luck")
    assert uncovered.outdated(entries, root, {"src/job/a.c": [7]}) == [
        "tests/uncovered.txt:3: 1 lines of tell are not reached, not 2"]


def test_a_report_with_a_line_that_is_not_listed(tmp_path):
    lines = [{"line_number": number, "count": 0, "branches": [], "gcovr/noncode": False} for number in (1, 2)]
    (tmp_path / "report").write_text(json.dumps({"files": [{"file": "src/base/file.c", "lines": lines}]}))
    done = subprocess.run([sys.executable, "-B", "tests/coverage_table.py", tmp_path / "report", "--unlisted"],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "src/base/file.c:2: not reached, and not in tests/uncovered.txt" in done.stdout

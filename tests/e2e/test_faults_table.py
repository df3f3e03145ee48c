"""The table of faults: each row has a test, no test names a row that there is not, and FAULTS.md says what is so."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import faults_table  # noqa: E402
import mutations  # noqa: E402


def test_each_row_has_a_test_and_each_number_a_row():
    assert faults_table.faults_of(faults_table.collect()) == []


def test_the_table_is_what_the_tests_make():
    written = faults_table.TABLE.read_text()
    assert written == faults_table.table(faults_table.collect()), "run tests/faults_table.py"


def test_the_protection_against_each_fault_is_taken_out_by_a_mutation():
    """tests/mutations.py, which takes half an hour, says whether tests then fail."""
    assert {f"{number:02}" for number in faults_table.FAULTS} <= {row for row, *_ in mutations.MUTATIONS}
    for row, _, file, text, _, tests, expression in mutations.MUTATIONS:
        assert row in faults_table.ROWS, row
        assert (ROOT / "src" / file).read_text().count(text) == 1, f"src/{file}: {text}"
        assert f"def {expression.split()[0]}" in (ROOT / "tests" / "e2e" / f"{tests}.py").read_text(), expression


def test_there_are_ten_promises_and_forty_one_faults():
    assert list(faults_table.PROMISES) == list(range(1, 11)) and list(faults_table.FAULTS) == list(range(1, 42))


def collect(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return faults_table.collect(tmp_path)


def test_numbers_are_read_from_names(tmp_path):
    tests = collect(tmp_path, {
        "e2e/test_a.py": "def test_03_404_of_one(x):\n  pass\ndef test_p5_37_p10_b():\n  pass\n"
                         "def test_plain():\n  pass\n",
        "e2e/helper.py": "def test_09_no_test():\n  pass\n",
        "python/test_b.py": "class Test:\n  def test_41_method(self):\n    pass\n",
        "unit/base/test_c.c": "static void test_33_of_c(void **state) {\n}\nstatic void test_c(void **state) {\n}\n"})
    assert {(str(test.file), test.words): test.numbers for test in tests} == {
        ("e2e/test_a.py", "404_of_one"): ["03"], ("e2e/test_a.py", "b"): ["p5", "37", "p10"],
        ("python/test_b.py", "method"): ["41"], ("unit/base/test_c.c", "of_c"): ["33"]}


def test_unknown_and_untried_rows_are_found(tmp_path):
    numbers = ["42", "00", "p11", "7", "404", "01_p0", *faults_table.ROWS]
    tests = collect(tmp_path, {"e2e/test_a.py": "".join(f"def test_{number}_x():\n  pass\n" for number in numbers)})
    assert [line.split(": ")[1:] for line in faults_table.faults_of(tests)] == [
        [name, f"{number} is no row of the table"] for name, number in
        [("test_42_x", "42"), ("test_00_x", "00"), ("test_p11_x", "p11"), ("test_7_x", "its number"),
         ("test_404_x", "its number"), ("test_01_p0_x", "01, p0")]]
    tests = [test for test in tests if test.numbers not in (["19"], ["p9"])]
    assert [line.split(":")[0] for line in faults_table.faults_of(tests) if line.startswith("no test")] == [
        "no test is named after p9", "no test is named after 19"]


def test_states(tmp_path):
    text = ('@pytest.mark.xfail(reason="not yet")\ndef test_01_a():\n  pass\ndef test_01_b():\n  pass\n'
            "def test_02_c():\n  pass\n")
    table = faults_table.table(collect(tmp_path, {"e2e/test_a.py": text}))
    lines = {line.split(" | ")[0]: line for line in table.splitlines()}
    assert lines["| 1"].endswith("| [a](e2e/test_a.py): a, b | open: not yet |")
    assert lines["| 2"].endswith("| [a](e2e/test_a.py): c | kept |")
    assert lines["| 3"].endswith("|  | not tried |")

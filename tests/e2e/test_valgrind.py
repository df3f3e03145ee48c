"""No leak and no invalid access in an index-and-query run, as valgrind sees it.

Needs a build without sanitizers: HDX_VALGRIND_BUILD names it (scripts/test gives build/release).
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import TINY, Program
from origin import Behaviour

VALGRIND_BUILD = os.environ.get("HDX_VALGRIND_BUILD")

pytestmark = [
    pytest.mark.skipif(not VALGRIND_BUILD, reason="HDX_VALGRIND_BUILD names no build without sanitizers"),
    pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed"),
]


@pytest.fixture
def checked(tmp_path, tiny):
    """Runs the program under valgrind."""
    home = tmp_path / "home"
    home.mkdir()
    program = Program(home, Path(VALGRIND_BUILD))
    number = 0

    def run(*arguments, code=0):
        nonlocal number
        number += 1
        log = tmp_path / f"valgrind.{number}"
        done = subprocess.run(
            ["valgrind", "--quiet", f"--log-file={log}", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
             "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=98", "--num-callers=30", program.path,
             *arguments, "--endpoint-url", tiny.origin.url], env=program.environment, cwd=home, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=200)
        assert done.returncode == code, f"exit {done.returncode}\n{log.read_text()}\n{done.stderr}"
        assert log.read_text() == ""
        return done.stdout

    return run


def test_index_and_query(checked, tiny):
    for name in ("a", "b", "c"):
        tiny.add(name, {year: 200 for year in range(2012, 2020)})
    tiny.add("gappy", {2018: None, 2019: "'2019-01-01Z','2019-01-02Z','k''1',\nnonsense\n"})
    tiny.origin.script(tiny.path("a", 2015), Behaviour(status=503), Behaviour(cut=300))
    tiny.origin.script(tiny.path("b", 2015), Behaviour(cut=-1), Behaviour(stall=10))
    bucket = f"s3://{TINY}/"
    checked("index", bucket, "--stall-time", "2s")
    checked("index", bucket)
    dataset = tiny.reference().dataset("a")
    assert checked("query", bucket, "a", "--format", "csv") == dataset.csv(dataset.answer())
    for text in ("table", "json", "keys"):
        checked("query", bucket, "gappy", "--format", text, "--start", "2019")
    checked("verify")
    checked("info", bucket, "a")
    checked("store", "list")


def test_failures(checked, tiny):
    tiny.add("a", {2018: 3, 2019: 3})
    tiny.origin.always(tiny.path("a", 2019), Behaviour(status=500))
    bucket = f"s3://{TINY}/"
    checked("index", bucket, "--retries", "1", code=1)
    checked("query", bucket, "nothing", code=3)
    checked("query", bucket, "a", "--retries", "0", code=5)
    tiny.write(tiny.catalog_path, '{"catalog": [1, {"id"')
    checked("index", bucket, code=7)

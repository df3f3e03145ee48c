"""The README says of the program what the program says of itself."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("HDX_BUILD", ROOT / "build" / "dev")) / "heliodex"


def test_table_of_verbs_is_the_programs():
    printed = subprocess.run([PROGRAM, "help", "--markdown"], check=True, capture_output=True, text=True).stdout
    verbs = printed.split("\n\n")[0].strip()
    assert verbs.startswith("| verb |")
    assert verbs in (ROOT / "README.md").read_text()


def test_files_that_are_linked_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
    for target in re.findall(r"`(scripts/[a-z-]+|bench/[a-z.]+|tests/[a-z0-9/.]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target

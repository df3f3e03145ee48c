"""The Python module: DataFrames of one dataset, beside pandas reading the index files; and what its import costs."""

import importlib.util
import os

from .query import DATASET, DAYS
from .report import Goal, Missing, agree, median, report, timed
from .workbench import BUCKET, ROOT, answer

PYTHON = "/usr/bin/python3"
SCRIPT = ROOT / "bench" / "frames.py"
OURS_ROUNDS, PEER_ROUNDS, IMPORTS = 20, 1, 20


def frames(bench):
    if not importlib.util.find_spec("pandas"):
        missing = Missing("no pandas (Debian: python3-pandas)")
        return report("a day as a DataFrame", missing, "ms", missing)
    folder, _ = bench.tree("aia")
    library = bench.build / "src" / "libheliodex.so.0"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src" / "python"), "HELIODEX_LIBRARY": str(library)}
    bucket = f"file://{folder}/{BUCKET.removeprefix('s3://')}"
    ours, theirs = [], []
    for _ in range(bench.rounds):
        theirs.append(answer([PYTHON, SCRIPT, "pandas", folder, DATASET, PEER_ROUNDS, *DAYS]))
        ours.append(answer([PYTHON, SCRIPT, "heliodex", bucket, bench.scratch / "cache", DATASET, OURS_ROUNDS, *DAYS],
                           env=environment))
        for what in ("day", "all"):
            agree(f"frames: {what}", ours[-1][what], theirs[-1][what])
    rows = ours[0]["all"][0]
    for figure, name, peer, goal, wanted in (
            ("a day as a DataFrame", "day_ms", "day_ms", Goal(most=1), Goal(most=0.3)),
            (f"{rows:,} rows as a DataFrame with keys", "keys_ms", "keys_ms", Goal(most=500), Goal(most=250)),
            (f"{rows:,} rows as a DataFrame without keys", "numbers_ms", "keys_ms", Goal(most=20), Goal(most=10))):
        report(figure, median(one[name] for one in ours), "ms", "pandas, read_csv of the years' files",
               median(one[peer] for one in theirs), goal, wanted)
    imports(environment)


def imports(environment):
    """An import in a new interpreter, less what the interpreter takes by itself. pandas comes with the first DataFrame."""
    codes = {"none": "pass", "numpy": "import numpy", "module": "from heliodex import FileRegistry", "pandas": "import pandas",
             "both": "import pandas; from heliodex import FileRegistry"}
    took = {name: [] for name in codes}
    for _ in range(IMPORTS):
        for name, code in codes.items():
            took[name].append(timed([PYTHON, "-c", code], environment)[0])
    ms = {name: (median(times) - median(took["none"])) * 1000 for name, times in took.items()}
    report("import", ms["module"], "ms", "import numpy", ms["numpy"], Goal(most=250), with_pandas_ms=round(ms["both"], 1),
           pandas_ms=round(ms["pandas"], 1))

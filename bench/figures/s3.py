"""S3: what a signature costs, what signing every request adds to an index run, and what lists save."""

import json
import os
import shutil

from .report import Goal, median, output, processor, report

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def sign(bench):
    for line in map(json.loads, output([bench.program("sign")]).splitlines()):
        report(f"a signature, {line['case']}", line["ns_per_signature"] / 1000, "us",
               "SHA-256 of as many bytes", line["ceiling_ns"] / 1000, Goal(most=3))


def signed_index(bench):
    """Processor seconds of the whole process; nginx takes no notice of signatures, so that both runs do the same."""
    store = bench.scratch / "store"
    seconds = {"--no-sign-request": [], "--sign": []}
    with bench.server("daily") as server:
        for _ in range(2 * bench.rounds + 1):
            for how, spent in seconds.items():
                shutil.rmtree(store, ignore_errors=True)
                spent.append(processor([*bench.index(server, store), "--discover", "probe", how], env={**os.environ, **KEYS}))
                bench.check_store("daily", store)
        shutil.rmtree(store)
    plain, signed = (median(spent[1:]) for spent in seconds.values())
    report("index daily signed, processor", signed, "s", "the same unsigned", plain, Goal(ratio=1.05))


FIGURES = (sign, signed_index)


def s3(bench):
    for figure in FIGURES:
        figure(bench)

"""S3: what a signature costs, what signing every request adds to an index run, and what lists save."""

import json
import os
import shutil

from .report import Goal, Missing, median, output, processor, report, timed
from .workbench import BUCKET

from gateway import Gateway, missing  # in tests/e2e, which the workbench has put on the path

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


def gateway(bench):
    """Beside a real S3 server: what signing adds there, and a run in which nothing has changed, by lists and without."""
    lacking = missing()
    if lacking:
        report("refresh daily by lists", 0, "s", Missing(lacking))
        return
    folder, _ = bench.tree("daily")
    bucket = BUCKET.split("/")[2]
    with Gateway(bench.scratch / "gateway", threads=64) as server:
        server.bucket(bucket, {}, acl="public-read")
        root = folder / bucket
        paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
        for at in range(0, len(paths), 1000):
            server.put(bucket, {str(path.relative_to(root)): path.read_bytes() for path in paths[at:at + 1000]}, acl="public-read")
        env = {**os.environ, "AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
        store = bench.scratch / "store"
        spent = {"--no-sign-request": [], "--sign": []}
        for _ in range(bench.rounds):
            for how, seconds in spent.items():
                shutil.rmtree(store, ignore_errors=True)
                seconds.append(processor([*bench.index(server, store), how], env=env))
                bench.check_store("daily", store)
        plain, signed = map(median, spent.values())
        report("index daily from the gateway signed, processor", signed, "s", "the same unsigned", plain, Goal(ratio=1.05))
        lists, probes = [], []
        for _ in range(bench.rounds):
            probes.append(timed([*bench.index(server, store), "--discover", "probe"])[0])
            lists.append(timed([*bench.index(server, store), "--discover", "list"])[0])
        report("refresh daily by lists", median(lists), "s", "asking for each file", median(probes), Goal(ratio=0.5))
        shutil.rmtree(store)


FIGURES = (sign, signed_index, gateway)


def s3(bench):
    for figure in FIGURES:
        figure(bench)

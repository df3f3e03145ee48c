"""Bytes a row of the snapshots, everything included, beside Parquet and compressed CSV, and their floor.

Level 19 of zstd takes minutes a gigabyte, so peers are measured on a sample of the datasets, and their ratios are to the
snapshots of the same datasets; --thorough takes all of them. The sample is made of runs of neighbours, spread evenly, as
neighbours in a row group of Parquet resemble each other. Of the large AIA files each dataset of the sample lends one year
to csv.zst, another one each.
"""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from .peers import duckdb
from .report import Goal, Missing, agree, answer, fail, report

SAMPLES = {"aia": (3, 1), "mms": (1, 8), "daily": (5, 40)}    # runs, datasets in each
GOALS = {"aia": (3, 4), "mms": (3, 4), "daily": (1.9, 3)}  # times smaller than Parquet, than csv.zst
PARQUET = ((3, 122880), (19, 122880), (19, 1 << 20))       # zstd's level, rows of a row group


def size(bench):
    for kind in SAMPLES:
        entries = bench.store(kind).list()
        held = {entry["id"]: (entry["rows"], os.stat(entry["path"]).st_size) for entry in entries}
        sample = sample_of(bench, kind, sorted(held))
        value = per_row(held, held)
        floor = answer([bench.program("entropy"), bench.tree(kind)[0]])
        agree(f"rows of which the entropy was taken, {kind}", sum(rows for rows, _ in held.values()), floor["rows"])
        wanted = Goal(most=round(1.05 * floor["both"] + 0.02, 4))
        rows = sum(rows for rows, _ in held.values())
        common = {"entropy_floor": floor["both"], "entropy_of_sizes": floor["size"], "rows": rows}
        for peer, goal in ((parquet, GOALS[kind][0]), (csv_zst, GOALS[kind][1])):
            name, peer_value, more = peer(bench, kind, sample, held)
            ratio = peer_value and per_row(held, sample) / peer_value
            report(f"bytes a row, {kind}", value, "bytes", name, peer_value, Goal(ratio=1 / goal), wanted, ratio,
                   **more, **common)


def per_row(held, ids):
    return sum(held[i][1] for i in ids) / sum(held[i][0] for i in ids)


def sample_of(bench, kind, ids):
    runs, length = SAMPLES[kind]
    if bench.thorough or runs * length >= len(ids):
        return ids
    return [ids[run * len(ids) // runs + i] for run in range(runs) for i in range(length)]


def parquet(bench, kind, sample, held):
    """The smallest file that DuckDB writes of the sample, sorted."""
    peer = duckdb(bench)
    if isinstance(peer, Missing):
        return peer, None, {}
    path, tried = bench.scratch / "size.parquet", {}
    for level, group in PARQUET:
        wrote = peer.run("parquet", peer.database(kind), level, group, path, ",".join(sample))
        agree(f"rows of Parquet, {kind}", sum(held[i][0] for i in sample), wrote["rows"])
        tried[f"level {level}, {group} rows a group"] = round(wrote["bytes"] / wrote["rows"], 3)
    path.unlink()
    best = min(tried, key=tried.get)
    return f"Parquet v2 zstd of {peer.name}, {best}", tried[best], {"tried": tried, "peer_rows": wrote["rows"]}


def csv_zst(bench, kind, sample, held):
    """The sample's index files, each dataset's in one stream."""
    program = shutil.which("zstd")
    if not program:
        return Missing("no zstd (Debian: zstd)"), None, {}
    files = bench.files(kind)
    groups = [files[i] for i in sample]
    if kind == "aia" and not bench.thorough:
        groups = [[paths[(2 * i + 1) * len(paths) // (2 * len(groups))]] for i, paths in enumerate(groups)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sizes = list(pool.map(lambda paths: compressed(program, paths), groups))
    rows = sum(count_rows(path) for paths in groups for path in paths)
    return "csv.zst -19", sum(sizes) / rows, {"peer_rows": rows}


def compressed(program, paths):
    """Bytes of the files as one stream."""
    process = subprocess.Popen([program, "-19", "--quiet", "--stdout"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with ThreadPoolExecutor(1) as feeder:
        feeder.submit(feed, process.stdin, paths)
        total = sum(len(part) for part in iter(lambda: process.stdout.read(1 << 16), b""))
    if process.wait() != 0:
        fail("zstd failed")
    return total


def feed(pipe, paths):
    with pipe:
        for path in paths:
            pipe.write(path.read_bytes())


def count_rows(path):
    """Lines that are no header."""
    data = path.read_bytes()
    return data.count(b"\n") - data.count(b"\n#") - data.startswith(b"#")

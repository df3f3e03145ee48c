"""One core: CSV to columns, columns to snapshots and back."""

import json

from .peers import duckdb
from .report import Goal, Missing, agree, answer, output, report

# What is encoded of each kind, and the goals (rows a second) of the kind that they are for.
PATTERNS = {"aia": "aia_0094", "mms": "*", "daily": "*"}
ENCODE = Goal(least=5e6), Goal(least=10e6)
DECODE = {"times": (Goal(least=400e6), Goal(least=1000e6)),
          "sizes": (Goal(least=180e6), Goal(least=400e6)),
          "keys": (Goal(least=45e6), Goal(least=100e6))}
WORDS = {"times": "decode times", "sizes": "decode times and sizes", "keys": "decode times, sizes and key text"}


def scan(bench):
    lines = [json.loads(line) for line in output([bench.program("scan")]).splitlines()]
    for line in lines:
        best = line is max(lines, key=lambda other: other["gb_per_s"])
        report(f"scan, {line['kernel']}", line["gb_per_s"], "GB/s", "counting newlines", line["ceiling_gb_per_s"],
               Goal(least=4.5) if best else None, rows_per_s=round(line["rows_per_s"]))


def codec(bench):
    for kind, pattern in PATTERNS.items():
        tree, made = bench.tree(kind)
        ours = answer([bench.program("encode"), "--rounds", bench.rounds + 2, "--folder", bench.scratch, tree, pattern])
        peer = beside_duckdb(bench, kind, pattern, ours)
        if pattern == "*":
            agree(f"rows encoded, {kind}", ours["rows"], made["rows"])
        goals = (lambda pair: pair) if kind == "aia" else (lambda pair: (None, None))
        report(f"encode {kind}, one core", ours["encode"], "rows/s", *against(peer, "encode"), *goals(ENCODE),
               with_scanning=ours["scan_encode"], rows=ours["rows"])
        for depth, pair in DECODE.items():
            report(f"{WORDS[depth]} {kind}, one core", ours[depth], "rows/s", *against(peer, depth), *goals(pair))


def beside_duckdb(bench, kind, pattern, ours):
    """The same rows as Parquet, on one thread of DuckDB."""
    peer = duckdb(bench)
    if isinstance(peer, Missing):
        return peer
    list_of_ids = [] if pattern == "*" else [pattern]
    theirs = peer.run("codec", peer.database(kind), bench.scratch / "codec.parquet", bench.rounds, *list_of_ids)
    agree(f"rows encoded, {kind}", ours["rows"], theirs["rows"])
    return theirs | {"name": f"{peer.name}, Parquet v2 zstd on one thread"}


def against(peer, what):
    return (peer, None) if isinstance(peer, Missing) else (peer["name"], peer[what])

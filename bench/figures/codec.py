"""One core: CSV to columns, columns to snapshots and back."""

import hashlib
import json
import os
import re
import shutil
import zipfile
import zlib

from .peers import duckdb
from .report import Goal, Missing, agree, answer, median, output, report

# What is encoded of each kind, and the goals (rows a second) of the kind that they are for.
PATTERNS = {"aia": "aia_0094", "mms": "*", "daily": "*"}
ENCODE = Goal(least=5e6), Goal(least=10e6)
DECODE = {"times": (Goal(least=400e6), Goal(least=1000e6)),
          "sizes": (Goal(least=180e6), Goal(least=400e6)),
          "keys": (Goal(least=45e6), Goal(least=100e6))}
# Checksums: of libcrypto against its own measure, CRCs against copying.
DIGEST = Goal(ratio_least=0.9)
CHECKS = {"crc32": Goal(ratio_least=1), "crc32c": Goal(ratio_least=1), "crc64nvme": Goal(least=2)}
CHECKED_BYTES = 64 << 20
PACKED = Goal(ratio=1.3)
PACKED_BYTES = 256 << 20
WORDS = {"times": "decode times", "sizes": "decode times and sizes", "keys": "decode times, sizes and key text"}


# What index files look like, as hdx-scan calls it, and the goals (GB/s) of the best kernel.
FORMS = {"plain": ("scan", Goal(least=4.5)), "header": ("scan below a header", Goal(least=4.5)),
         "double": ('scan, quoted with "', Goal(least=2)), "single": ("scan, quoted with '", Goal(least=2))}


def scan(bench):
    lines = [json.loads(line) for line in output([bench.program("scan")]).splitlines()]
    for line in lines:
        figure, goal = FORMS[line["form"]]
        best = line is max((other for other in lines if other["form"] == line["form"]), key=lambda other: other["gb_per_s"])
        if best or line["form"] == "plain":
            report(f"{figure}, {line['kernel']}", line["gb_per_s"], "GB/s", "counting newlines", line["ceiling_gb_per_s"],
                   goal if best else None, rows_per_s=round(line["rows_per_s"]))


def packed(bench):
    """Index files as one, zipped as archives zip them; times are of the same bytes, so ratios are of times."""
    plain, path = bench.scratch / "packed.csv", bench.scratch / "packed.csv.zip"
    with open(plain, "wb") as out:
        for file in sum(bench.files("aia").values(), []):
            if out.tell() < PACKED_BYTES:
                out.write(file.read_bytes())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, plain.name)
    ours = answer([bench.program("packed"), "--rounds", 25, plain, path])
    shrunk = round(ours["bytes"] / path.stat().st_size, 1)
    report("unpack csv-zip, one core", ours["unpack"], "s", "isal_inflate alone, no checksum", ours["inflate"], PACKED,
           gb_per_s=round(ours["bytes"] / ours["unpack"] / 1e9, 2), times_smaller=shrunk)
    report("csv-zip to columns, one core", ours["unpack_scan"], "s", "isal_inflate alone and scanning alone",
           ours["inflate"] + ours["scan"], PACKED, gb_per_s=round(ours["bytes"] / ours["unpack_scan"] / 1e9, 2))


def checks(bench):
    """Checksums of data files, fed in the engine's blocks of 256 KiB."""
    path, data = bench.scratch / "checked", os.urandom(CHECKED_BYTES)
    path.write_bytes(data)
    lines = [json.loads(line) for line in output([bench.program("checks"), path]).splitlines()]
    path.unlink()
    for line in lines:
        name, digest = line["check"], line["digest"]
        if name in hashlib.algorithms_available:
            agree(name, digest, hashlib.new(name, data).hexdigest())
            peer, goal = openssl_speed(name), DIGEST
        else:
            agree(name, digest, f"{zlib.crc32(data):08x}" if name == "crc32" else digest)
            peer, goal = ("memcpy", line["copy_gb_per_s"]), CHECKS[name]
        report(f"{name} of data files, one core", line["gb_per_s"], "GB/s", *peer, goal)


def openssl_speed(name):
    """GB/s, as the library says of itself."""
    if not shutil.which("openssl"):
        return Missing("openssl is not installed"), None
    said = output(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", 256 << 10, name])
    return "openssl speed", float(re.search(rf"^\+F:\d+:{name}:([0-9.]+)$", said, re.M)[1]) / 1e9


def codec(bench):
    for kind, pattern in PATTERNS.items():
        peer = duckdb(bench)
        ours, theirs = [], []
        for _ in range(bench.rounds):
            if not isinstance(peer, Missing):
                theirs.append(as_parquet(bench, peer, kind, pattern))
            ours.append(as_snapshots(bench, kind, pattern))
        theirs = medians(theirs) if theirs else None
        if theirs:
            agree(f"rows encoded, {kind}", ours[0]["rows"], theirs["rows"])
        report_kind(kind, medians(ours), peer, theirs)


def as_snapshots(bench, kind, pattern):
    """Rows a second; every row is compared before."""
    tree, made = bench.tree(kind)
    ours = answer([bench.program("encode"), "--rounds", 2, "--folder", bench.scratch, tree, pattern])
    if pattern == "*":
        agree(f"rows encoded, {kind}", ours["rows"], made["rows"])
    return ours


def as_parquet(bench, peer, kind, pattern):
    """The same with Parquet, on one thread of DuckDB."""
    return peer.run("codec", peer.database(kind), bench.scratch / "codec.parquet", 2, *([] if pattern == "*" else [pattern]))


def medians(answers):
    return {name: median(one[name] for one in answers) for name in answers[0]}


def report_kind(kind, ours, peer, theirs):
    def against(what):
        return (f"{peer.name}, Parquet v2 zstd on one thread", theirs[what]) if theirs else (peer, None)

    goals = (lambda pair: pair) if kind == "aia" else (lambda pair: (None, None))
    report(f"encode {kind}, one core", ours["encode"], "rows/s", *against("encode"), *goals(ENCODE),
           with_scanning=round(ours["scan_encode"]), rows=ours["rows"])
    for depth, pair in DECODE.items():
        report(f"{WORDS[depth]} {kind}, one core", ours[depth], "rows/s", *against(depth), *goals(pair))

"""What heliodex takes at the most: memory, for everything that could make it grow."""

import json
import os
import shutil
import subprocess
import sys
import time
import types

from .report import agree, fail
from .workbench import BUCKET, ROOT

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import hostile  # noqa: E402
from servers import Nginx  # noqa: E402
from usage import MIB, Watch, memory_max  # noqa: E402

NAME = BUCKET[len("s3://"):-1]
COPIES = 10  # of the bucket; the last one is hostile
MEMORIES = ("16M", "64M", "256M")
DAY_ROWS = 86_400
KEY = "s3://b/instrument/level-2/with/a/long/path/that/repeats/" + "k" * 40

kept = []


def all_kept():
    return all(kept)


def report(ceiling, measured, limit, unit, **more):
    """Prints the line. `limit`: the most that may be."""
    kept.append(measured <= limit)
    line = {"ceiling": ceiling, "limit": limit, "measured": round(measured, 4), "unit": unit, "kept": kept[-1], **more}
    print(json.dumps(line), flush=True)


def child_of(process):
    """The process that hdx-used runs; itself, if that is over already."""
    for _ in range(1000):
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                pids = file.read().split()
        except OSError:
            return process
        if pids:
            return types.SimpleNamespace(pid=int(pids[0]))
        time.sleep(0.001)
    return process


def watched(bench, *arguments, codes=(0,), **options):
    """Runs the program; its standard output and error (bytes), and what it took."""
    used = bench.scratch / "used"
    command = [str(bench.program("used")), str(used), bench.heliodex, *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(bench.scratch)}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment, **options)
    with Watch(child_of(process)) as usage:
        out, err = process.communicate()
    if process.returncode not in codes:
        fail(f"{' '.join(command)}: exit {process.returncode}\n{err.decode(errors='replace')[-2000:]}")
    usage.memory = json.loads(used.read_text())["resident"]  # exactly, where Watch may have looked too late
    return out, err, usage


def memory(bench, ceiling, *arguments, memory="256M", **options):
    """Runs the program with so much memory and reports the peak of what it took; its output."""
    out, err, usage = watched(bench, *arguments, "--memory", memory, "--progress", "none", **options)
    report(ceiling, usage.memory / MIB, memory_max(memory) / MIB, "MiB", memory=memory, threads=usage.threads, files=usage.files)
    return out, err


# ---- ten times the bucket


def hostile_copy(source, target):
    """The same index files, with a bad row after each twenty, and now and then one of 20,000 bytes; counts the bad rows."""
    bad = 0
    for path in sorted(source.rglob("*.csv")):
        lines = path.read_bytes().splitlines(keepends=True)
        for i in range(19, len(lines), 20):
            lines[i] += hostile.BAD[i // 20 % len(hostile.BAD)] + b"\n"
            if i % 1000 == 999:
                lines[i] += b"2020-01-01T00:00:00Z,2020-01-01T00:00:00Z," + hostile.LONG_KEY.encode() + b",1\n"
            bad += 1
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(b"".join(lines))
    return bad


def serve_copies(bench, folder):
    """A server of a bucket with COPIES of each dataset, under names of their own, of which one is hostile; bad rows."""
    tree, _ = bench.tree("full")
    source = tree / NAME
    catalog = json.loads((source / "catalog.json").read_text())
    catalog["catalog"] = [{**entry, "id": f"c{n}_{entry['id']}"} for n in range(COPIES) for entry in catalog["catalog"]]
    (folder / NAME).mkdir(parents=True)
    (folder / NAME / "catalog.json").write_text(json.dumps(catalog, indent=1))
    for path in source.iterdir():
        if path.is_dir():
            (folder / NAME / path.name).symlink_to(path)
    bad = hostile_copy(source, folder / NAME / "hostile")
    rewrite = (f"rewrite ^/{NAME}/(.*)/c{COPIES - 1}_([^/]*)$ /{NAME}/hostile/$1/$2 last;\n"
               f"rewrite ^/{NAME}/(.*)/c[0-9]_([^/]*)$ /{NAME}/$1/$2 last;")
    return Nginx(folder, bench.scratch / "nginx-ten", workers=os.cpu_count(), log=False, server=rewrite), bad


def bucket(bench):
    """P4: index, and every verb that goes over all of it afterwards."""
    folder, store = bench.scratch / "ten", bench.scratch / "store-ten"
    server, bad = serve_copies(bench, folder)
    with server:
        access = ["--endpoint-url", server.url, "--store", store]
        for amount in MEMORIES:
            shutil.rmtree(store, ignore_errors=True)
            lines = bench.scratch / "report.ndjson"
            memory(bench, f"index ten times the bucket, with {bad:,} bad rows", "index", BUCKET, *access, "--report", lines,
                   "--quiet", memory=amount)
            with open(lines, "rb") as file:
                agree("bad rows in the report", sum(b'"kind":"bad row"' in line for line in file), bad)
        memory(bench, "index it again, nothing changed", "index", BUCKET, *access, memory="16M")
        memory(bench, "validate --deep", "validate", BUCKET, *access, "--deep", "-o", "/dev/null", memory="16M", codes=(0, 1))
        ask = [*access, "--offline", "-o", "/dev/null"]
        for what, arguments in (("count the rows by year", ["--count-by", "year"]), ("sum all rows up", ["--summary"])):
            memory(bench, what, "query", BUCKET, *ask, *arguments, memory="256M")
            memory(bench, what + ": too many datasets", "query", BUCKET, *ask, *arguments, memory="64M", codes=(8,))
        memory(bench, "six hours of all datasets, in one order", "query", BUCKET, "*", *ask, "--start", "2015-01-01", "--stop",
               "2015-01-01T06:00", memory="256M")
        memory(bench, "all rows of 90 datasets, in one order", "query", BUCKET, "c?_aia_*", *ask, memory="64M")
        some, years = ["c[0-8]_aia_*"], ["--start", "2019-07-01", "--stop", "2020-06-30"]  # files of 2020 are in no order
        for what, arguments in (("in one order", []), ("backwards", ["--reverse"]), ("the latest versions", ["--latest-version"])):
            memory(bench, f"a year of 81 datasets, {what}", "query", BUCKET, *some, *ask, *years, *arguments, memory="16M")
        memory(bench, "verify all snapshots", "verify", *access, memory="16M")
    shutil.rmtree(folder)
    shutil.rmtree(store)
    bench.drop_tree("full")


# ---- documents


def write_catalog(folder, entries):
    """A bucket made by hand: its catalog, in the folder of its name."""
    (folder / "i").mkdir(parents=True)
    catalog = {"Cloudy": "1.0", "endpoint": f"s3://{folder.name}/", "name": folder.name,
               "status": {"code": 1200, "message": "OK"},
               "catalog": [{"index": f"s3://{folder.name}/i/", "title": "t", "start": "2020-01-01T00:00:00Z",
                            "stop": "2020-12-31T00:00:00Z", "indextype": "csv", "filetype": "cdf", **entry}
                           for entry in entries]}
    (folder / "catalog.json").write_text(json.dumps(catalog))


def made_bucket(bench, name, entries):
    """The folder that such a bucket, "b", lies in."""
    folder = bench.scratch / name
    write_catalog(folder / "b", entries)
    return folder


def serve(bench, folder):
    return Nginx(folder, bench.scratch / f"nginx-{folder.name}", workers=os.cpu_count(), log=False)


def catalog(bench):
    of_catalog(bench, round(100_000 * bench.scale), "256M")
    of_catalog(bench, round(30_000 * bench.scale), "16M")


def of_catalog(bench, count, amount):
    title = "A dataset that is described at some length, as many are. " * 4
    folder = made_bucket(bench, f"catalog-{count}", ({"id": f"set_{i:06}", "title": f"{i} {title}"} for i in range(count)))
    (folder / "b" / "i" / "set_000007_2020.csv").write_text("2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,s3://b/x,1\n")
    size = (folder / "b" / "catalog.json").stat().st_size
    what = f"a catalog of {count:,} datasets ({size / 1e6:.0f} MB)"
    with serve(bench, folder) as server:
        access = ["--endpoint-url", server.url, "--store", bench.scratch / f"store-{folder.name}"]
        memory(bench, f"{what}: index --dry-run", "index", "s3://b/", *access, "--dry-run", memory=amount)
        memory(bench, f"{what}: index, each of whose files is asked for", "index", "s3://b/", *access, "--quiet", memory=amount)
        out, _ = memory(bench, f"{what}: datasets", "datasets", "s3://b/", *access, "--format", "keys", memory=amount)
        agree("datasets listed", len(out.splitlines()), count)
        memory(bench, f"{what}: query", "query", "s3://b/", "set_000007", *access, "-o", "/dev/null", memory=amount)
        memory(bench, f"{what}: validate", "validate", "s3://b/", *access, "-o", "/dev/null", memory=amount)
    shutil.rmtree(folder)


def search(bench):
    """The catalogs of many buckets, in which a word stands once, or in every dataset."""
    buckets, count = 60, round(10_000 * bench.scale)
    folder = bench.scratch / "search"
    title = "magnetic field, as many describe theirs at some length. " * 3
    for b in range(buckets):
        write_catalog(folder / f"b{b:02}", ({"id": f"set_{b}_{i}_", "title": f"{i} {title}"} for i in range(count)))
    registry = {"CloudMe": "0.1", "registry": [{"endpoint": f"s3://b{b:02}/", "name": f"b{b:02}", "region": "r"}
                                               for b in range(buckets)]}
    (folder / "registry.json").write_text(json.dumps(registry))
    what = f"search {buckets} catalogs of {count:,} datasets"
    with serve(bench, folder) as server:
        for amount in MEMORIES:
            access = ["--endpoint-url", server.url, "--registry", f"{server.url}/registry.json", "--store",
                      bench.scratch / f"store-search-{amount}", "--format", "keys"]
            out, _ = memory(bench, f"{what}: one is found", "search", "set_30_7_", *access, memory=amount)
            agree("what is found", out.split(), [b"set_30_7_"])
            memory(bench, f"{what}: all are found", "search", "magnetic", *access, memory=amount, codes=(0, 1))
    shutil.rmtree(folder)


# ---- large files and lines


def write_year(path, days):
    """A year of rows, one a second, and two bad ones at its end; (rows, sum of sizes, line and byte of the first bad one)."""
    stamp = b"@@@@@@@@@@"
    row = "{d}T{h:02}:{m:02}:{s:02}Z,{d}T{h:02}:{m:02}:{s:02}.5Z,{key}/{d}/{i:05}_v01.cdf,{size}\n"
    day = "".join(row.format(d=stamp.decode(), h=i // 3600, m=i // 60 % 60, s=i % 60, key=KEY, i=i, size=1000 + i)
                  for i in range(DAY_ROWS)).encode()
    with open(path, "wb") as file:
        for n in range(days):
            file.write(day.replace(stamp, b"2020-%02d-%02d" % (1 + n // 31, 1 + n % 28)))
        byte = file.tell()
        file.write(b"2020-12-31T00:00:00Z,never,s3://b/x,1\n" + b"x" * (10 << 20) + b"\n")
    return days * DAY_ROWS, days * sum(1000 + i for i in range(DAY_ROWS)), (days * DAY_ROWS + 1, byte)


def file(bench):
    folder = made_bucket(bench, "file", [{"id": "large"}])
    path = folder / "b" / "i" / "large_2020.csv"
    rows, total, first_bad = write_year(path, max(1, round(365 * bench.scale)))
    what = f"an index file of {path.stat().st_size / 1e9:.1f} GB"
    lines, store = bench.scratch / "report.ndjson", bench.scratch / "store-file"
    with serve(bench, folder) as server:
        access = ["--endpoint-url", server.url, "--store", store]
        for amount in ("16M", "256M"):
            shutil.rmtree(store, ignore_errors=True)
            memory(bench, f"{what}: index", "index", "s3://b/", *access, "--report", lines, memory=amount)
            out, _, _ = watched(bench, "query", "s3://b/", "large", *access, "--offline", "--summary", "--format", "ndjson")
            answer = json.loads(out)
            agree("rows and bytes", [answer["rows"], answer["bytes"]], [rows, total])
            found = [json.loads(line) for line in lines.read_text().splitlines()]
            found = [line for line in found if line.get("kind") == "bad row"]
            agree("the first bad row", [len(found), (found[0]["line"], found[0]["byte"])], [2, first_bad])
    shutil.rmtree(folder)


def lines(bench):
    folder = made_bucket(bench, "lines", [{"id": "endless"}])
    size = round(1024 * bench.scale) * MIB
    with open(folder / "b" / "i" / "endless_2020.csv", "wb") as out:
        out.write(b"2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,s3://b/x,1\n")
        for _ in range(size >> 20):
            out.write(b"x" * MIB)
    with serve(bench, folder) as server:
        _, err = memory(bench, f"a line of {size >> 20} MiB: index", "index", "s3://b/", "--endpoint-url", server.url, "--store",
                        bench.scratch / "store-lines", memory="16M")
        agree("the line that is bad", b"endless_2020.csv:2:" in err, True)
    shutil.rmtree(folder)


# ---- lists


def mirror(bench):
    """A list of a million files, each of a few bytes: on a server that has one file for all of them."""
    count = round(1_000_000 * bench.scale)
    folder = bench.scratch / "mirror"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "x").write_bytes(b"12345678")
    listed, dest, plan = folder / "list.csv", bench.scratch / "dest", folder / "plan"
    with open(listed, "w") as out:
        out.write("datakey,filesize\n")
        out.writelines(f"s3://b/data/{i // 1000:04}/{i:07}.cdf,8\n" for i in range(count))
    server = Nginx(folder, bench.scratch / "nginx-mirror", workers=os.cpu_count(), log=False, server="rewrite ^/b/.* /b/x break;")
    with server:
        access = ["--endpoint-url", server.url, "--store", bench.scratch / "store-mirror"]
        what = f"a list of {count:,} files"
        memory(bench, f"{what}: plan", "plan", "--keys-from", listed, "--shards", 4, "-o", plan, *access)
        memory(bench, f"{what}: mirror", "mirror", "--keys-from", listed, "--dest", dest, *access, "--report",
               folder / "report.ndjson")
        memory(bench, f"{what}: mirror again, all there", "mirror", "--keys-from", listed, "--dest", dest, *access)
        memory(bench, f"{what}: verify", "verify", "--mirror", dest, *access)
        memory(bench, f"{what}: merge", "merge", plan, folder / "report.ndjson", *access, codes=(0, 1))
        out, _ = memory(bench, f"{what}: cat", "cat", "--keys-from", listed, *access)
        agree("bytes of cat", len(out), 8 * count)
    shutil.rmtree(dest)
    shutil.rmtree(folder)

"""What heliodex asks of others at the most: requests that failed, processes at once, a server that counts requests."""

import json
import shutil
import subprocess

from .ceilings import made_bucket, memory, report, serve, watched  # before `origin`: it knows where that is
from .report import agree, fail

from origin import Behaviour, Origin  # noqa: E402

FAILURES = 5  # of each file
PROCESSES = 24
RATE = 200  # requests a second
FIRST_SECONDS = 3
YEARS = range(1970, 2020)
CONNECTIONS = 256


def made_datasets(bench, name, datasets):
    """A bucket of datasets of fifty years; its index files are small."""
    entries = ({"id": f"d{i:04}", "start": "1970-01-01T00:00:00Z", "stop": "2019-12-31T00:00:00Z"} for i in range(datasets))
    folder = made_bucket(bench, name, entries)
    for i in range(datasets):
        for year in YEARS:
            row = f"{year}-01-01T00:00:00Z,{year}-01-02T00:00:00Z,s3://b/data/{i}/{year}.cdf,8\n"
            (folder / "b" / "i" / f"d{i:04}_{year}.csv").write_text(row)
    return folder


def retries(bench):
    """Each file fails several times before it comes."""
    datasets = max(1, round(400 * bench.scale))
    folder = made_datasets(bench, "retries", datasets)
    count = datasets * len(YEARS)
    stats = bench.scratch / "stats.json"
    with Origin(folder) as origin:
        for i in range(datasets):
            for year in YEARS:
                origin.script(f"/b/i/d{i:04}_{year}.csv", *[Behaviour(status=500)] * FAILURES)
        access = ["--endpoint-url", origin.url, "--store", bench.scratch / "store-retries"]
        _, err = memory(bench, f"{count * FAILURES:,} retries: index", "index", "s3://b/", *access, "--discover", "probe",
                        "--stats", stats, memory="16M")
    agree("retries", json.loads(stats.read_text())["retries"], count * FAILURES)
    agree("index files", f"{count:,} fetched" in err.decode(), True)
    report(f"{count * FAILURES:,} retries: lines of messages", len(err.splitlines()), 20, "lines")
    shutil.rmtree(folder)


def processes(bench):
    """Many index runs at once on one store: all end well, and the store is sound."""
    datasets = max(1, round(100 * bench.scale))
    folder = made_datasets(bench, "processes", datasets)
    with serve(bench, folder) as server:
        store = ["--store", str(bench.scratch / "store-processes")]
        command = [bench.heliodex, "index", "s3://b/", "--endpoint-url", server.url, *store, "--progress", "none", "--quiet"]
        running = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(PROCESSES)]
        errors = [process.communicate()[1] for process in running]
        failed = [error for process, error in zip(running, errors) if process.returncode != 0]
        report(f"{PROCESSES} index runs at once: failed", len(failed), 0, "processes")
        watched(bench, "verify", *store)
        out, _, _ = watched(bench, "store", "list", *store, "--format", "json")
        agree("rows held", sum(entry["rows"] for entry in json.loads(out)), datasets * len(YEARS))
    shutil.rmtree(folder)


def refused_later(origin):
    """The share of 503 among the answers to requests after the first seconds."""
    requests = origin.requests()
    later = [r.status for r in requests if r.begun > requests[0].begun + FIRST_SECONDS]
    if not later:
        fail("the run was over before there was anything to measure: a larger --scale is needed")
    origin.clear()
    return later.count(503) / len(later)


def throttle(bench):
    datasets = max(20, round(100 * bench.scale))
    folder = made_datasets(bench, "throttle", datasets)
    count = datasets * len(YEARS)
    for retry_after in (None, "1"):
        store, dest = bench.scratch / "store-throttle", bench.scratch / "dest"
        with Origin(folder) as origin:
            for i in range(datasets):
                for year in YEARS:
                    origin.put(f"/b/data/{i}/{year}.cdf", b"12345678")
            origin.throttle(rate=RATE, burst=RATE, retry_after=retry_after)
            access = ["--endpoint-url", origin.url, "--store", store, "--jobs", CONNECTIONS, "--progress", "none"]
            said = f"{RATE} requests a second, {'Retry-After' if retry_after else 'no Retry-After'}"
            _, err, _ = watched(bench, "index", "s3://b/", *access, "--discover", "probe")
            agree("index files", f"{count:,} fetched" in err.decode(), True)
            report(f"{said}: share of 503 of an index", refused_later(origin), 0.05, "share")
            _, err, _ = watched(bench, "mirror", "s3://b/", "*", *access, "--dest", dest)
            agree("files", f"{count:,} fetched" in err.decode(), True)
            report(f"{said}: share of 503 of a mirror", refused_later(origin), 0.05, "share")
        shutil.rmtree(store)
        shutil.rmtree(dest)
    shutil.rmtree(folder)

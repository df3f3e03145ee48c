"""Fetching: indexing a bucket beside curl that only downloads it, refreshing, memory."""

import json
import shutil
import subprocess
import sys

from .report import Goal, agree, median, report, timed

CONNECTIONS = "256"
LATENCY = 0.030


def curl(bench, kind, server, how):
    """Seconds that curl takes to get every index file: saved to files, thrown away, or only asked about (HEAD)."""
    path, folder = bench.scratch / f"{kind}-{how}-{server.port}.curl", bench.scratch / "downloads"
    if not path.exists():
        root, _ = bench.tree(kind)
        urls = (f"{server.url}/{path.relative_to(root)}" for path in sorted(root.rglob("*.csv")))
        outputs = (folder / f"{i}.csv" if how == "saved" else "/dev/null" for i in range(sys.maxsize))
        lines = (f'url = "{url}"\noutput = "{output}"\n' for url, output in zip(urls, outputs))
        path.write_text(("head\n" if how == "head" else "") + "".join(lines))
    folder.mkdir()
    seconds, _ = timed(["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", CONNECTIONS,
                        "--config", path])
    shutil.rmtree(folder)
    return seconds


def index(bench):
    for kind in ("aia", "daily"):
        for latency in (0.0, LATENCY):
            with bench.server(kind, latency) as server:
                index_beside_curl(bench, kind, latency, server)


def index_beside_curl(bench, kind, latency, server):
    ours, peers, thrown_away = [], [], []
    store = bench.scratch / "store"
    for _ in range(bench.rounds):
        shutil.rmtree(store, ignore_errors=True)
        peers.append(curl(bench, kind, server, "saved"))
        ours.append(timed(bench.index(server, store))[0])
        thrown_away.append(curl(bench, kind, server, "null"))
        bench.check_store(kind, store)
    size = sum(path.stat().st_size for path in store.rglob("*.hdx"))
    _, made = bench.tree(kind)
    report(f"index {kind} {int(latency * 1000)} ms", median(ours), "s", "curl --parallel 256, downloading to files",
           median(peers), Goal(ratio=1.0), curl_to_null=round(median(thrown_away), 4), files=made["files"],
           rows=made["rows"], bytes_per_row=round(size / made["rows"], 3))
    shutil.rmtree(store)


def refresh(bench):
    store = bench.scratch / "store"
    for latency in (0.0, LATENCY):
        with bench.server("daily", latency) as server:
            timed(bench.index(server, store))
            ours, peers = [], []
            for _ in range(bench.rounds):
                peers.append(curl(bench, "daily", server, "head"))
                ours.append(timed(bench.index(server, store))[0])
            report(f"refresh daily, nothing changed, {int(latency * 1000)} ms", median(ours), "s", "curl HEAD, 256 at once",
                   median(peers), Goal(ratio=1.2))
            shutil.rmtree(store)


def validate(bench):
    """Checking every row of a bucket beside indexing it."""
    with bench.server("full") as server:
        store = bench.scratch / "store"
        check_validation(bench, server)
        ours, peers = [], []
        for _ in range(bench.rounds):
            shutil.rmtree(store, ignore_errors=True)
            peers.append(timed(bench.index(server, store))[0])
            ours.append(timed(bench.validate(server))[0])
            bench.check_store("full", store)
        _, made = bench.tree("full")
        report("validate --deep, the whole bucket", median(ours), "s", "heliodex index", median(peers), Goal(ratio=1.0),
               files=made["files"], rows=made["rows"])
        shutil.rmtree(store)


def check_validation(bench, server):
    """That all index files and rows are looked at."""
    done = subprocess.run(bench.validate(server, "--progress", "json"), capture_output=True, text=True)
    summary = json.loads(done.stderr.splitlines()[-1]) if done.returncode == 0 else done.stderr
    _, made = bench.tree("full")
    agree("validate", [summary["files"], summary["rows"], summary["errors"]], [made["files"], made["rows"], 0])


def memory(bench):
    with bench.server("full") as server:
        store = bench.scratch / "store"
        seconds, peak = timed(bench.index(server, store))
        bench.check_store("full", store)
        _, made = bench.tree("full")
        report("peak memory of the full index", peak / 2**20, "MiB", "limit", 512, Goal(most=512), seconds=round(seconds, 3),
               rows=made["rows"], files=made["files"])
        shutil.rmtree(store)
    bench.drop_tree("full")

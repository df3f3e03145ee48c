"""Questions: a day, a month of all AIA-like datasets, count and sum, counts of a whole bucket by the calendar, and finding
one dataset among thousands."""

import csv
import io
import shutil

from .peers import PythonSqlite, duckdb, nanoseconds, seconds_of, sqlite
from .report import Goal, Missing, agree, fail, median, output, report, timed

DATASET = "aia_0094"
DAYS = [f"{year}-{month:02}-{day:02}" for year, month, day in
        ((2010, 6, 5), (2011, 3, 9), (2012, 3, 4), (2013, 11, 30), (2014, 7, 1), (2015, 9, 17), (2016, 4, 22), (2017, 1, 15),
         (2018, 8, 8), (2019, 12, 3), (2020, 2, 29), (2021, 5, 25), (2022, 12, 30))]
MONTH = "2020-01-01", "2020-02-01"
PROCESSES = 100
DUCKDB_ROUNDS = 20
SAME = "rows", "size_sum", "key_bytes"


def microseconds(text):
    return round(seconds_of(text) * 1e6)


def alternate(bench, ours, peer, what, same=SAME):
    """Answers of both with the medians over rounds that take turns, checked against each other."""
    first, second = [], []
    for _ in range(bench.rounds):
        if peer:
            second.append(peer())
        first.append(ours())
        if peer:
            agree(what, {name: first[-1][name] for name in same}, {name: second[-1][name] for name in same})
    timings = [name for name in first[0] if name.endswith("us")]
    mine = first[0] | {name: median(one[name] for one in first) for name in timings}
    return mine, median(one["us"] for one in second) if peer else None


def beside(bench, question, rows, kinds=("native", "parquet")):
    """Milliseconds that DuckDB takes in each of its ways; Missing where it cannot be had."""
    peer = duckdb(bench)
    if isinstance(peer, Missing):
        return peer
    took = {}
    for kind in kinds:
        source = peer.database("aia") if kind == "native" else peer.parquet("aia")
        answer = peer.ask(source, DUCKDB_ROUNDS, **question)
        (name,) = question
        if name != "sum":
            agree(f"{name}, {peer.name}", rows, answer[name]["rows"])
        elif answer["facts"][:2] != rows:
            fail(f"{peer.name}: count and sum are {answer['facts'][:2]}, not {rows}")
        took[f"{peer.name} {kind}"] = round(answer[name]["us"] / 1000, 3)
    return took


def extra(took):
    """What a figure says of a peer that is not the one it is measured against."""
    return {"duckdb": took.reason} if isinstance(took, Missing) else {"duckdb_ms": took}


def day(bench):
    store, peer = bench.store("aia"), sqlite(bench)
    ours, theirs = alternate(bench, lambda: store.ask("day", DATASET, *DAYS), lambda: peer.day(DATASET, DAYS), "a day")
    question = [[DATASET, microseconds(day), microseconds(day) + 86400 * 10**6] for day in DAYS]
    report("one day in process", ours["us"], "µs", peer.name, theirs, Goal(most=40, ratio=1.0), Goal(most=15),
           rows=ours["rows"] // len(DAYS), **extra(beside(bench, {"day": question}, ours["rows"])))


def process(bench):
    day = "2017-01-15", "2017-01-16"
    ours = bench.store("aia").query(DATASET, "--start", day[0], "--stop", day[1], "--match", "start", "--format", "tsv")
    program, database = shutil.which("sqlite3"), sqlite(bench)
    theirs = None
    if program and not isinstance(database, PythonSqlite):
        times = [nanoseconds(text) for text in day]
        theirs = [program, "-separator", "\t", str(database.path), "select start, stop, key, size from rows where dataset ="
                  f" (select number from datasets where id = '{DATASET}') and start >= {times[0]} and start < {times[1]}"
                  " order by start, stop, key"]
        agree("a day's keys and sizes", [line.split("\t")[2:] for line in output(ours).splitlines()[1:]],
              [line.split("\t")[2:] for line in output(theirs).splitlines()])
    took = {"ours": [], "theirs": [], "true": []}
    for _ in range(PROCESSES):
        took["true"].append(timed(["/bin/true"])[0])
        if theirs:
            took["theirs"].append(timed(theirs)[0])
        took["ours"].append(timed(ours)[0])
    ms = {name: median(values) * 1000 if values else None for name, values in took.items()}
    name = "sqlite3, the program" if theirs else Missing("no sqlite3 (Debian: sqlite3) or no hdx-sqlite (libsqlite3-dev)")
    report("one day, whole process", ms["ours"], "ms", name, ms["theirs"], Goal(most=2), Goal(most=1.2),
           bin_true_ms=round(ms["true"], 3))


def sqlite_or_missing(bench):
    peer = sqlite(bench)
    return Missing("no hdx-sqlite (Debian: libsqlite3-dev, and build anew)") if isinstance(peer, PythonSqlite) else peer


def month(bench):
    store, peer = bench.store("aia"), sqlite_or_missing(bench)
    ids = store.ids()
    missing = isinstance(peer, Missing)
    ours, theirs = alternate(bench, lambda: store.ask("month", *MONTH, *ids),
                             None if missing else lambda: peer.month(*MONTH, ids), "a month")
    question = {"month": [[microseconds(text) for text in MONTH]]}
    report("one month of nine datasets, in process", ours["us"] / 1000, "ms", peer if missing else peer.name,
           None if missing else theirs / 1000, Goal(most=6), Goal(most=4), rows=ours["rows"], datasets=len(ids),
           **extra(beside(bench, question, ours["rows"])))


def sums(bench):
    store, other = bench.store("aia"), sqlite_or_missing(bench)
    ids = store.ids()
    missing = isinstance(other, Missing)
    ours, theirs = alternate(bench, lambda: store.ask("sum", *ids), None if missing else other.sum, "count and sum",
                             ("rows", "size_sum"))
    took = beside(bench, {"sum": True}, [ours["rows"], ours["size_sum"]])
    if isinstance(took, Missing):
        name, value = took, None
    else:
        name = min(took, key=took.get)
        value = took[name]
    more = {"sqlite": other.reason} if missing else {"sqlite_ms": round(theirs / 1000, 3)}
    for how, key in (("queries open", "us"), ("opening the snapshots", "opening_us")):
        report(f"count and sum of all sizes, {how}", ours[key] / 1000, "ms", name, value, Goal(most=1), Goal(most=0.2),
               rows=ours["rows"], datasets=len(ids), **more, **extra(took))


def counts(bench):
    """Rows of each dataset of a whole bucket by year, beside wc that counts the lines of all its index files: what there is
    to be had without a snapshot."""
    store = bench.store("full")
    files = bench.scratch / "index-files"
    files.write_text("".join(f"{path}\0" for paths in bench.files("full").values() for path in paths))
    ours, theirs = store.query_all("--count-by", "year", "--format", "csv"), ["wc", "-l", f"--files0-from={files}"]
    rows = sum(int(row["rows"]) for row in csv.DictReader(io.StringIO(output(ours))))
    _, made = bench.tree("full")
    agree("rows of all datasets", rows, made["rows"])
    units, lines = {"year": [], "month": [], "day": []}, []
    for _ in range(max(bench.rounds, 5)):
        lines.append(timed(theirs)[0] * 1000)
        for unit, took in units.items():
            took.append(timed(store.query_all("--count-by", unit, "--format", "csv"))[0] * 1000)
    summary = median([timed(store.query_all("--summary", "--format", "csv"))[0] * 1000 for _ in range(5)])
    report("count the rows of all datasets of a bucket by year, whole process", median(units["year"]), "ms",
           "wc -l of all index files", median(lines), Goal(most=1000, ratio=0.5), Goal(most=200), rows=rows, datasets=made["datasets"],
           month_ms=round(median(units["month"]), 1), day_ms=round(median(units["day"]), 1), summary_ms=round(summary, 1))


def find(bench):
    store = bench.store("daily")
    entries = {entry["id"]: entry["rows"] for entry in store.list()}
    ids = sorted(entries)[::max(1, len(entries) // 10)]
    for how, key in (("described", "us"), ("queried", "query_us")):
        answers = [store.ask("open", *ids) for _ in range(bench.rounds)]
        agree("rows of the datasets found", answers[0]["rows"], sum(entries[i] for i in ids))
        report(f"open a store and find one dataset, {how}", median(one[key] for one in answers) / 1000, "ms",
               Missing("nothing comparable"), None, Goal(most=1), Goal(most=0.3), datasets=len(entries))

"""DuckDB and SQLite, where they can be had: each figure says why where not.

DuckDB comes from npm, into the scratch folder, when first needed. SQLite is asked through its C interface by hdx-sqlite,
which is built where Debian's libsqlite3-dev is; else Python's module stands in for a day of one dataset.
"""

import json
import shutil
import sqlite3
import subprocess
import time
from datetime import datetime, timezone

from .report import Missing, answer, fail, median
from .workbench import ROOT

NPM_SECONDS_MAX = 180
DAY_NS = 86400 * 10**9


def seconds_of(text):
    """Since 1970, of an ISO time without a fraction or with one."""
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc).timestamp()


def nanoseconds(text):
    return round(seconds_of(text) * 1000) * 10**6


# -- DuckDB ------------------------------------------------------------------------------------------------------------


class Duckdb:
    def __init__(self, bench, folder):
        self.bench, self.folder, self.databases = bench, folder, {}
        package = json.loads((folder / "node_modules" / "@duckdb" / "node-api" / "package.json").read_text())
        self.name = f"DuckDB {package['version']}"

    def run(self, *command):
        return answer(["node", ROOT / "bench" / "peers" / "duckdb.mjs", *command], cwd=self.folder)

    def database(self, kind):
        """Its native file with the rows of a tree, made once."""
        if kind not in self.databases:
            tree, made = self.bench.tree(kind)
            self.databases[kind] = self.folder / f"{kind}.duckdb"
            loaded = self.run("load", self.databases[kind], tree)
            if loaded["rows"] != made["rows"]:
                fail(f"DuckDB loaded {loaded['rows']} rows of {made['rows']}, {kind}")
        return self.databases[kind]

    def parquet(self, kind):
        """The same as a Parquet file at the default level, made once."""
        path = self.folder / f"{kind}.parquet"
        if not path.exists():
            self.run("parquet", self.database(kind), 3, 122880, path)
        return path

    def ask(self, source, rounds, **questions):
        return self.run("ask", source, json.dumps({"rounds": rounds, **questions}))


def install_duckdb(bench):
    folder = bench.scratch / "duckdb"
    folder.mkdir()
    if not shutil.which("node") or not shutil.which("npm"):
        return Missing("no node or no npm (Debian: npm)")
    try:
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "@duckdb/node-api"], cwd=folder,
                       check=True, capture_output=True, text=True, timeout=NPM_SECONDS_MAX)
        return Duckdb(bench, folder)
    except subprocess.TimeoutExpired:
        return Missing(f"npm did not install @duckdb/node-api within {NPM_SECONDS_MAX} s")
    except (subprocess.CalledProcessError, OSError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        return Missing(f"npm could not install @duckdb/node-api: {lines[0] if lines else 'no reason given'}")


def duckdb(bench):
    """Duckdb or Missing."""
    if "duckdb" not in bench.peers:
        bench.peers["duckdb"] = install_duckdb(bench)
    return bench.peers["duckdb"]


# -- SQLite ------------------------------------------------------------------------------------------------------------


class Sqlite:
    """Through hdx-sqlite: a table in the order of dataset, start, stop, key."""

    name = f"SQLite {sqlite3.sqlite_version}, clustered, prepared"

    def __init__(self, bench):
        self.program, self.path = bench.program("sqlite"), bench.scratch / "peer.sqlite"
        subprocess.run([self.program, "load", self.path, bench.tree("aia")[0]], check=True)

    def day(self, identifier, days):
        return answer([self.program, "day", self.path, identifier, *days])

    def month(self, start, stop, ids):
        return answer([self.program, "month", self.path, start, stop, *ids])

    def sum(self):
        return answer([self.program, "sum", self.path])


class PythonSqlite:
    """A day of one dataset, where hdx-sqlite is not built: what Python adds is counted in."""

    name = f"SQLite {sqlite3.sqlite_version}, clustered, prepared, from Python (no libsqlite3-dev)"

    def __init__(self, bench):
        self.bench, self.loaded = bench, {}

    def connection(self, identifier):
        if identifier not in self.loaded:
            connection = sqlite3.connect(":memory:")
            connection.execute("create table rows (start integer, stop integer, key text, size integer,"
                               " primary key (start, stop, key)) without rowid")
            for path in self.bench.files("aia")[identifier]:
                lines = (line.split(",") for line in path.read_text().splitlines())
                connection.executemany("insert into rows values (?, ?, ?, ?)",
                                       ((nanoseconds(start), nanoseconds(stop), key, int(size))
                                        for start, stop, key, size in lines))
            self.loaded[identifier] = connection
        return self.loaded[identifier]

    def day(self, identifier, days):
        execute = self.connection(identifier).execute
        samples, rows = [], []
        for turn in range(21):
            for day in days:
                start = nanoseconds(day)
                begun = time.perf_counter()
                found = execute("select start, stop, key, size from rows where start >= ? and start < ?"
                                " order by start, stop, key", (start, start + DAY_NS)).fetchall()
                samples.append((time.perf_counter() - begun) * 1e6)
                rows += found if turn == 0 else []
        return {"us": median(samples[len(days):]), "rows": len(rows), "size_sum": sum(row[3] for row in rows),
                "key_bytes": sum(len(row[2]) for row in rows)}


def sqlite(bench):
    """Sqlite, or PythonSqlite, which can only do days."""
    if "sqlite" not in bench.peers:
        bench.peers["sqlite"] = Sqlite(bench) if bench.program("sqlite").exists() else PythonSqlite(bench)
    return bench.peers["sqlite"]

"""What figures measure on: a scratch folder with made buckets, servers for them, and stores indexed from them."""

import json
import os
import shutil
import sys
import tempfile
import types
from pathlib import Path

from .report import answer, fail, output, run, timed

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from servers import Nginx  # noqa: E402

BUCKET = "s3://gov-nasa-hdrl-data1/"
KINDS = {"aia": (9, 0, 0), "mms": (0, 8, 0), "daily": (0, 0, 2000), "full": (9, 8, 2000)}


class Store:
    """Snapshots of a whole tree."""

    def __init__(self, bench, path, endpoint):
        self.bench, self.path, self.endpoint = bench, path, endpoint

    def list(self):
        return self.bench.list(self.path)

    def ids(self):
        return sorted(entry["id"] for entry in self.list())

    def query(self, identifier, *more):
        """The command that answers without the network."""
        return [self.bench.heliodex, "query", BUCKET, identifier, "--endpoint-url", self.endpoint, "--store", str(self.path),
                "--offline", *more]

    def query_all(self, *more):
        """The same for all datasets at once."""
        return [self.bench.heliodex, "query", BUCKET, "--endpoint-url", self.endpoint, "--store", str(self.path), "--offline", *more]

    def ask(self, *question):
        """Answers of the public interface in one process."""
        return answer([self.bench.program("ask"), self.path, self.endpoint, BUCKET, *question])


class Workbench:
    def __init__(self, arguments):
        self.build, self.rounds, self.scale = Path(arguments.build), arguments.rounds, arguments.scale
        self.thorough = arguments.thorough
        self.scratch = Path(tempfile.mkdtemp(prefix="heliodex-bench-", dir=arguments.scratch))
        self.heliodex = str(self.build / "heliodex")
        self.trees, self.stores, self.peers = {}, {}, {}

    def close(self):
        shutil.rmtree(self.scratch)

    def program(self, name):
        return self.build / "bench" / f"hdx-{name}"

    def used(self, command, env=None, memory_mib=None):
        """What a command that must not fail used: seconds, processor (seconds, the system's included), resident (bytes at
        the peak of its largest process), of all its processes. `memory_mib`: it gets no more."""
        out = self.scratch / "used"
        limit = ["-m", str(memory_mib)] if memory_mib else []
        run([self.program("used"), *limit, out, *map(str, command)], env)
        return types.SimpleNamespace(**json.loads(out.read_text()))

    def tree(self, kind):
        """A bucket of one kind of dataset, and what the generator says of it."""
        if kind not in self.trees:
            counts = [str(max(1, round(n * self.scale)) if n else 0) for n in KINDS[kind]]
            folder = self.scratch / kind
            self.trees[kind] = folder, answer([self.program("generate"), "--aia", counts[0], "--mms", counts[1],
                                               "--daily", counts[2], "--out", folder])
        return self.trees[kind]

    def drop_tree(self, kind):
        """Gives the memory of a large tree back that no later figure needs."""
        if kind in self.trees:
            shutil.rmtree(self.trees.pop(kind)[0])

    def files(self, kind):
        """Index files by dataset."""
        datasets = {}
        for path in sorted(self.tree(kind)[0].rglob("*.csv")):
            datasets.setdefault(path.name[:-len("_YYYY.csv")], []).append(path)
        return datasets

    def server(self, kind, latency=0.0):
        folder, _ = self.tree(kind)
        return Nginx(folder, self.scratch / f"nginx-{kind}-{latency}", latency=latency, workers=os.cpu_count(), log=False)

    def index(self, server, store, *more):
        """The command that indexes what a server has."""
        return [self.heliodex, "index", BUCKET, "--endpoint-url", server.url, "--store", store, "--progress", "none",
                "--quiet", *more]

    def validate(self, server, *more):
        """The command that checks all that a server has."""
        return [self.heliodex, "validate", BUCKET, "--deep", "--endpoint-url", server.url, "--store",
                str(self.scratch / "unused"), *(more or ("--progress", "none"))]

    def list(self, store):
        return json.loads(output([self.heliodex, "store", "list", "--store", store, "--format", "json"]))

    def check_store(self, kind, store):
        _, made = self.tree(kind)
        stats = self.list(store)
        rows = sum(entry["rows"] for entry in stats)
        if rows != made["rows"] or len(stats) != made["datasets"]:
            fail(f"{kind}: {rows} rows of {len(stats)} datasets held, {made} made")

    def store(self, kind):
        """A checked store of a tree, made once."""
        if kind not in self.stores:
            path = self.scratch / f"store-{kind}"
            with self.server(kind) as server:
                timed(self.index(server, path))
                self.check_store(kind, path)
                self.stores[kind] = Store(self, path, server.url)
        return self.stores[kind]

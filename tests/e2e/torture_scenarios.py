"""What is tortured: each scenario is a command, and what lies in its home beforehand. They are small, as each runs
thousands of times.

The home is the working directory, so that a command names files relative to it. A scenario has a server of its own.
"""

import gzip
import json

from conftest import TINY, Tiny
from mirror import Archive, content
from origin import Behaviour, Origin
from servers import make_authority

LISTING = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{TINY}</Name><KeyCount>1</KeyCount>
<IsTruncated>false</IsTruncated><Contents><Key>data/0.cdf</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>
<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><Size>1000</Size></Contents></ListBucketResult>"""


class Scenario:
    """A command with the bucket and two datasets: `d`, which has files, and `e`, with a gap between its years."""

    name = ""
    start_up = False  # whether libcurl's own start is a part of it
    environment = {}
    cache = ("catalog.json",)  # ends of names of files that a run may do without
    memory = 1, 8  # exit statuses of a run that lacks memory
    parts = ()  # files that lack what has failed, which exit status 1 says

    def __init__(self, folder):
        self.folder = folder
        (folder / "bucket").mkdir()
        self.tiny = Tiny(folder / "bucket")
        self.publish()
        self.origin = self.server().start()
        self.access = ["--endpoint-url", self.origin.url, "--threads", "1", "--retries", "2"]
        self.bucket = f"s3://{TINY}/"

    def publish(self):
        archive = Archive(self.tiny)
        archive.dataset("d", {f"data/{i}.cdf": content(1000 + i, i) for i in range(3)}
                        | {"data/large.cdf": content(300_000, "large")}, algorithm="sha256")
        self.tiny.add("e", {2019: 5, 2020: None, 2021: 7})

    def server(self):
        return self.tiny.origin

    def close(self):
        self.origin.stop()

    def prepare(self, program):
        """Fills the home."""

    def command(self):
        raise NotImplementedError

    def arguments(self):
        return [*self.command(), *self.access]

    def wanted(self, state):
        """The files that a run with exit status 0 has."""
        return {path: data for path, data in state.items() if not path.endswith(self.cache)}


class Held(Scenario):
    """All rows are held."""

    def prepare(self, program):
        program("index", self.bucket, *self.access).expect(0)


class Start(Scenario):
    """A single request, to a host whose name is to be resolved."""

    name, start_up = "start", True

    def __init__(self, folder):
        super().__init__(folder)
        self.access[1] = self.origin.url.replace("127.0.0.1", "localhost")

    def command(self):
        return ["datasets", self.bucket]


class Index(Scenario):
    name = "index"

    def command(self):
        return ["index", self.bucket]


class Refresh(Held):
    """A year has changed, one has come, one has not."""

    name = "refresh"

    def prepare(self, program):
        super().prepare(program)
        self.tiny.entries.pop()
        self.tiny.add("e", {2019: 5, 2020: 3, 2021: 9})

    def command(self):
        return ["index", self.bucket]


class KeepIndex(Scenario):
    """Index files are kept, too."""

    name = "keep-index"

    def command(self):
        return ["index", self.bucket, "--keep-index", "kept"]


class Packed(Scenario):
    name = "packed"

    def publish(self):
        super().publish()
        for identifier, year in ("e", 2019), ("d", 2020):
            path = self.tiny.path(identifier, year)
            self.tiny.write(path, gzip.compress(self.tiny.read(path), mtime=0))

    def command(self):
        return ["index", self.bucket]


class Query(Held):
    """Its output takes the place of another file."""

    name = "query"

    def prepare(self, program):
        super().prepare(program)
        (program.home / "rows").write_text("other rows")

    def command(self):
        return ["query", self.bucket, "d", "--start", "2019-02", "--where", "checksum!=x", "-o", "rows"]


class QueryMany(Held):
    """Rows of several datasets: as each stands for itself, those of one may be missing where exit status 1 says so."""

    name = "query-many"

    def command(self):
        return ["query", self.bucket, "d", "e", "--format", "ndjson", "--key-exclude", "*large*"]


class Fetch(Scenario):
    """A query that has to fetch what it wants."""

    name = "fetch"

    def command(self):
        return ["query", self.bucket, "*", "--format", "json"]


class Mirror(Held):
    name = "mirror"

    def command(self):
        return ["mirror", self.bucket, "d", "--dest", "dest", "--part-size", "128K"]


class MirrorAgain(Held):
    """A mirror that has a part of the files; the report is asked for."""

    name = "mirror-again"

    def prepare(self, program):
        super().prepare(program)
        program("mirror", self.bucket, "d", "--dest", "dest", "--key", "*/[01].cdf", *self.access).expect(0)

    def command(self):
        return ["mirror", self.bucket, "d", "--dest", "dest", "--refresh"]


class MirrorDelete(Held):
    """Files that are wanted no more are removed."""

    name = "mirror-delete"

    def prepare(self, program):
        super().prepare(program)
        program("mirror", self.bucket, "d", "--dest", "dest", *self.access).expect(0)

    def command(self):
        return ["mirror", self.bucket, "d", "--dest", "dest", "--limit", "1", "--delete-extra"]


class Cat(Held):
    name = "cat"

    def command(self):
        return ["cat", self.bucket, "d"]


class Tar(Held):
    name, parts = "cat-tar", ("files.tar",)

    def command(self):
        return ["cat", self.bucket, "d", "--tar", "-o", "files.tar"]


class Exec(Held):
    name = "cat-exec"

    def command(self):
        return ["cat", self.bucket, "d", "--exec", "cksum", "-P", "1"]


class Verify(Held):
    name = "verify"

    def command(self):
        return ["verify", self.bucket]


class VerifyDeep(Held):
    """What is held is compared with its source."""

    name = "verify-deep"

    def command(self):
        return ["verify", "--deep", self.bucket]


class VerifyMirror(MirrorAgain):
    name = "verify-mirror"

    def command(self):
        return ["verify", "--mirror", "dest"]

    def arguments(self):
        return self.command()


class Plan(Held):
    name = "plan"

    def command(self):
        return ["plan", self.bucket, "d", "--shards", "2", "-o", "plan"]


class Merge(Held):
    """The report of a plan's only shard."""

    name = "merge"

    def prepare(self, program):
        super().prepare(program)
        program("plan", self.bucket, "d", "--shards", "1", "-o", "plan", *self.access).expect(0)
        program("mirror", "--plan", "plan", "--shard", "1", "--dest", "dest", "--report", "report",
                *self.access).expect(0)

    def command(self):
        return ["merge", "plan", "report"]

    def arguments(self):
        return self.command()


class Search(Scenario):
    """The registry and its only bucket."""

    name = "search"

    def publish(self):
        super().publish()
        entry = {"endpoint": f"s3://{TINY}/", "name": "Tiny", "region": "us-east-1"}
        self.tiny.write("/registry.json", json.dumps({"version": "1.0", "registry": [entry]}))

    def command(self):
        return ["search", "the", "--registry", f"{self.origin.url}/registry.json"]


class Listing(Scenario):
    """An S3 bucket that is listed, with a signature."""

    name = "ls"
    environment = {"AWS_ACCESS_KEY_ID": "AKIATORTURE000000001", "AWS_SECRET_ACCESS_KEY": "torture/secret"}

    def publish(self):
        super().publish()
        self.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=LISTING.encode()))
        self.tiny.origin.always(f"/{TINY}", Behaviour(status=200, body=LISTING.encode()))

    def command(self):
        return ["ls", self.bucket, "--sign", "--recursive"]


class Signed(Listing):
    """An index run that gets its credentials from a command."""

    name = "signed"
    environment = {}

    def prepare(self, program):
        answer = {"Version": 1, "AccessKeyId": "AKIATORTURE000000001", "SecretAccessKey": "torture/secret"}
        (program.home / "answer").write_text(json.dumps(answer))
        (program.home / ".aws").mkdir()
        (program.home / ".aws" / "config").write_text("[default]\ncredential_process = cat answer\n")

    def command(self):
        return ["index", self.bucket, "e", "--sign"]


class Tls(Scenario):
    """libcurl does not say that OpenSSL lacks memory: certificates cannot be read, or a connection breaks."""

    name = "tls"
    memory = 1, 4, 5, 6, 8

    def server(self):
        self.authority = make_authority(self.folder)
        return Origin(self.tiny.folder, tls=self.authority.context())

    def command(self):
        return ["datasets", self.bucket, "--ca-file", self.authority.ca]


class Validate(Scenario):
    name = "validate"

    def command(self):
        return ["validate", self.bucket, "--deep"]


SCENARIOS = [Start, Index, Refresh, KeepIndex, Packed, Query, QueryMany, Fetch, Mirror, MirrorAgain, MirrorDelete, Cat,
             Tar, Exec, Verify, VerifyDeep, VerifyMirror, Plan, Merge, Search, Listing, Signed, Tls, Validate]

"""What is tortured: each scenario is a command, and what lies in its home beforehand. They are small, as each runs
thousands of times.

The home is the working directory, so that a command names files relative to it. A scenario has a server of its own.
"""

import gzip
import json
import re
import shutil

from conftest import TINY, Tiny
from mirror import Archive, content
from origin import Behaviour, Origin
from servers import make_authority

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATORTURE000000001", "AWS_SECRET_ACCESS_KEY": "torture/secret"}


def listing(*keys):
    """The answer to a request for a list."""
    objects = "".join(f"<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><Size>1000</Size>"
                      "<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag></Contents>" for key in keys)
    return (f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{TINY}</Name><KeyCount>{len(keys)}</KeyCount><IsTruncated>false</IsTruncated>{objects}"
            "</ListBucketResult>").encode()


class Scenario:
    """A command with the bucket and two datasets: `d`, which has files, and `e`, with a gap between its years."""

    name = ""
    start_up = False  # whether libcurl's own start is a part of it
    environment = {}
    cache = ("catalog.json",)  # ends of names of files that a run may do without
    memory = 1, 8  # exit statuses of a run that lacks memory
    again = (0,)  # those of the same command afterwards
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

    def shown(self, out):
        """What no two runs have the same is left out of the standard output."""
        return out

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
        return ["verify", "--mirror", "dest", "-v"]

    def arguments(self):
        return self.command()


class Plan(Held):
    name = "plan"

    def command(self):
        return ["plan", self.bucket, "d", "--shards", "2", "-o", "plan"]


class Listing(Scenario):
    """An S3 bucket that is listed, with a signature."""

    name = "ls"
    environment = KEYS

    def publish(self):
        super().publish()
        self.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=listing("data/0.cdf")))

    def command(self):
        return ["ls", self.bucket, "--sign", "--recursive"]


class Signed(Listing):
    """An index run that gets its credentials from a command."""

    name = "signed"
    environment = {}

    def prepare(self, program):
        answer = {"Version": 1, "AccessKeyId": KEYS["AWS_ACCESS_KEY_ID"], "SecretAccessKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
        (program.home / "answer").write_text(json.dumps(answer))
        (program.home / ".aws").mkdir()
        (program.home / ".aws" / "config").write_text("[default]\ncredential_process = cat answer\n")

    def command(self):
        return ["index", self.bucket, "e", "--sign"]


class Tls(Scenario):
    """libcurl does not say that OpenSSL lacks memory: certificates cannot be read, or a connection breaks or is silent."""

    name = "tls"
    memory = 1, 4, 5, 6, 8

    def server(self):
        self.authority = make_authority(self.folder)
        return Origin(self.tiny.folder, tls=self.authority.context())

    def command(self):
        return ["datasets", self.bucket, "--ca-file", self.authority.ca, "--stall-time", "1s"]


class Validate(Scenario):
    name = "validate"

    def command(self):
        return ["validate", self.bucket, "--deep"]


class SignedContainer(Signed):
    """The service of a container gives the credentials. libcurl does not always say that it lacks memory to ask it."""

    name = "signed-container"
    memory = 1, 4, 8

    def publish(self):
        super().publish()
        answer = {"AccessKeyId": KEYS["AWS_ACCESS_KEY_ID"], "SecretAccessKey": KEYS["AWS_SECRET_ACCESS_KEY"],
                  "Token": "token", "Expiration": "2099-01-01T00:00:00Z"}
        self.tiny.origin.put("/credentials", json.dumps(answer).encode())

    def prepare(self, program):
        self.environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.origin.url}/credentials"}


class Listed(Scenario):
    """A list tells which index files there are. One has a row that cannot be read, one columns that a file of parameters
    names; all are kept."""

    name = "index-listed"

    def publish(self):
        super().publish()
        self.tiny.add("f", {2020: "# start, stop, datakey, filesize\n2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,x,1,a\n"
                                  "yesterday,2020-01-02T00:00:00Z,y,2,b\n2020-01-02T00:00:00Z,2020-01-02T00:00:00Z,z,3,c\n"})
        self.tiny.describe("f", [("quality", "string", "1", "0 is best")])
        files = ["d_2020.csv", "e_2019.csv", "e_2021.csv", "f_2020.csv"]
        self.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=listing(*(f"i/{file}" for file in files))))

    def command(self):
        return ["index", self.bucket, "--discover", "list", "--keep-index", "kept", "--report", ".report",
                "--failed-out", ".failed"]


class Local(Scenario):
    """The bucket is a folder, whose catalog has its place in the archive."""

    name = "index-local"

    def prepare(self, program):
        self.bucket, self.access = self.tiny.folder.joinpath(TINY).as_uri() + "/", ["--threads", "1"]

    def command(self):
        return ["index", self.bucket]


class Redirected(Start):
    """The catalog is elsewhere. libcurl does not say that it lacks memory for that place's address."""

    name, start_up = "redirected", False
    memory = 1, 4, 8

    def publish(self):
        super().publish()
        self.tiny.origin.put("/elsewhere", self.tiny.read(self.tiny.catalog_path))
        self.tiny.origin.always(self.tiny.catalog_path, Behaviour(status=302, body=b"", headers={"Location": "/elsewhere"}))


class Tree(Scenario):
    name = "datasets-tree"

    def command(self):
        return ["datasets", self.bucket, "--tree", "--path", "I/", "-i", "--format", "table"]


class Search(Scenario):
    name = "search"

    def publish(self):
        super().publish()
        registry = {"registry": [{"name": "Tiny", "endpoint": f"s3://{TINY}/", "region": "us-east-1"}]}
        self.tiny.origin.put("/registry.json", json.dumps(registry).encode())

    def command(self):
        return ["search", "the", "--registry", f"{self.origin.url}/registry.json", "--format", "json"]


def without_times(out):
    return re.sub(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"TIME", out)


class Info(Scenario):
    """Nothing is held: the server is asked for each year, and for the first row."""

    name, shown = "info", staticmethod(without_times)

    def command(self):
        return ["info", self.bucket, "e"]


class InfoHeld(Held):
    name, shown = "info-held", staticmethod(without_times)

    def command(self):
        return ["info", self.bucket, "e", "--json"]


class Count(Held):
    name = "query-count"

    def command(self):
        return ["query", self.bucket, "--count-by", "month", "--format", "table"]


class Latest(Held):
    """Only the latest of versions, from the end."""

    name = "query-latest"

    def publish(self):
        super().publish()
        lines = (f"2020-01-0{1 + i // 2}Z,2020-01-09Z,s3://{TINY}/{i // 2}_v{i}.cdf,1\n" for i in range(8))
        self.tiny.add("v", {2020: "".join(lines)})

    def command(self):
        return ["query", self.bucket, "v", "d", "--latest-version", "--reverse", "--limit", "6", "--format", "table"]


class Presigned(Held):
    name = "query-presigned"
    environment = KEYS

    def shown(self, out):
        return re.sub(rb"X-Amz-(Date|Credential|Signature)=[^&\n]*", b"", out)

    def command(self):
        return ["query", self.bucket, "d", "--format", "urls", "--url-style", "presigned"]


class Manifest(Held):
    name = "query-aria2"

    def command(self):
        return ["query", self.bucket, "d", "--format", "aria2"]


class MirrorList(Held):
    """Of a list: files that are there and were not mirrored, that have been changed, that are not wanted any more."""

    name = "mirror-list"

    def prepare(self, program):
        super().prepare(program)
        program("mirror", self.bucket, "d", "--dest", "dest", *self.access).expect(0)
        data = program.home / "dest" / "data"
        (data / "2.cdf").write_bytes(bytes(1002))
        shutil.rmtree(program.home / "dest" / ".heliodex")
        program("mirror", self.bucket, "d", "--dest", "dest", "--key", "*/0.cdf", *self.access).expect(0)
        rows = program("query", self.bucket, "d", "--key-exclude", "*/0.cdf", "--format", "csv", *self.access).expect(0)
        (program.home / "list").write_bytes(rows.raw)

    def command(self):
        return ["mirror", "--keys-from", "list", "--dest", "dest", "--adopt", "--recheck", "--delete-extra",
                "--report", ".report", "--failed-out", ".failed"]


class Shards(Held):
    """A plan and two tasks that did their shard of it."""

    def prepare(self, program):
        super().prepare(program)
        program("plan", self.bucket, "d", "--shards", "2", "-o", "plan", *self.access).expect(0)


class MirrorShard(Shards):
    name = "mirror-shard"

    def command(self):
        return ["mirror", "--plan", "plan", "--shard", "2", "--dest", "dest"]


class Merge(Shards):
    name = "merge"

    def prepare(self, program):
        super().prepare(program)
        for shard in "1", "2":
            program("mirror", "--plan", "plan", "--shard", shard, "--dest", "dest", "--report", f"report-{shard}",
                    *self.access).expect(0)

    def command(self):
        return ["merge", "plan", "report-1", "report-2"]

    def arguments(self):
        return self.command()


class ValidateDraft(Scenario):
    """A catalog that is not published yet."""

    name = "validate-draft"

    def command(self):
        return ["validate", self.tiny.folder / self.tiny.catalog_path.lstrip("/"), "--deep", "--format", "json"]


class StoreList(Held):
    name = "store-list"

    def command(self):
        return ["store", "list", self.bucket]


class StoreRemove(Held):
    """Where nothing is left it says so."""

    name, again = "store-remove", (0, 3)

    def command(self):
        return ["store", "remove"]


SCENARIOS = [Start, Index, Listed, Local, Refresh, KeepIndex, Packed, Redirected, Query, QueryMany, Count, Latest, Presigned,
             Manifest, Fetch, Mirror, MirrorAgain, MirrorDelete, MirrorList, MirrorShard, Cat, Tar, Exec, Verify, VerifyDeep,
             VerifyMirror, Plan, Merge, Listing, Signed, SignedContainer, Tls, Tree, Search, Info, InfoHeld, Validate,
             ValidateDraft, StoreList, StoreRemove]

"""Programs that download many objects, as commands: heliodex and what users would take instead, where they are installed.

Each gets the same number of connections, the options that make it fast here, and the objects' names in the form that
suits it best. s5cmd and rclone also know how to list a bucket: by that they learn sizes without asking for each.
"""

import itertools
import os
import shutil
import subprocess

from .report import Missing

BUCKET, SAMPLE = "bucket", "sample"  # on the server; the latter has the first objects of the former alone
PARTS = 8 << 20
CURL_PARALLEL_MAX = 300  # what it takes at most
ARIA2_CONNECTIONS_MAX = 16
ENVIRONMENT = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "AWS_REGION": "us-east-1",
               "AWS_EC2_METADATA_DISABLED": "true"}


class Downloader:
    """`objects`: what is to be had, see mirror.Objects; `connections`: at once."""

    name = program = package = ""
    sampled = False  # too slow for all objects
    memory_mib = 4096  # it gets no more

    def __init__(self, bench, objects, server, connections):
        self.bench, self.objects, self.server, self.connections = bench, objects, server, connections
        self.folder = bench.scratch / "lists"
        self.folder.mkdir(exist_ok=True)
        self.environment = {**ENVIRONMENT, "HOME": str(self.folder)}
        self.found = self.find()

    def find(self):
        return shutil.which(self.program)

    def missing(self):
        """Why it cannot be measured; None if it can."""
        return None if self.found else Missing(f"no {self.program} ({self.package})")

    def list(self, name, lines):
        """A file with these lines."""
        path = self.folder / name
        with open(path, "w") as file:
            file.writelines(f"{line}\n" for line in lines)
        return path

    def prepare(self, copy):
        """Writes what it is told to do: objects go to the folder `copy`."""

    def command(self, copy):
        """What gets the objects into an empty folder, which is made if need be."""
        raise NotImplementedError

    def run(self, command):
        """What it used."""
        return self.bench.used(command, self.environment, self.memory_mib)

    def again(self, copy):
        """The command that brings up to date what is complete already; None: it does not know how to."""
        return None

    def arrange(self, copy):
        """After a run: puts the files where they should be."""


class Heliodex(Downloader):
    """A list as `heliodex query` writes it, with sizes."""

    name = program = "heliodex"
    memory_mib = None  # what it takes is a figure; under AddressSanitizer it reserves terabytes

    def find(self):
        try:
            done = subprocess.run([self.bench.heliodex, "mirror", "--help"], capture_output=True)
        except FileNotFoundError:
            return None
        return self.bench.heliodex if done.returncode == 0 else None

    def missing(self):
        return None if self.found else Missing(f"no {self.bench.heliodex} that has the verb mirror")

    def prepare(self, copy):
        lines = (f"2020-01-01T00:00:00Z,2020-01-01T00:00:00Z,s3://{BUCKET}/{key},{self.objects.size}"
                 for key in self.objects.keys())
        self.keys = self.list("files.csv", itertools.chain(["start,stop,datakey,filesize"], lines))

    def command(self, copy):
        return [self.found, "mirror", "--keys-from", self.keys, "--dest", copy, "--endpoint-url", self.server.url,
                "--no-sign-request", "--store", self.folder / "store", "-j", self.connections, "--progress", "none", "--quiet"]

    again = command


class S5cmdRun(Downloader):
    """A command an object: it asks for the size of each first."""

    name, program, package = "s5cmd run", "s5cmd", "not in Debian; on PATH or as $S5CMD"

    def find(self):
        return shutil.which(os.environ.get("S5CMD", "s5cmd"))

    def common(self, *more):
        return [self.found, "--endpoint-url", self.server.url, "--no-sign-request", "--log", "error", "--numworkers",
                self.connections, *more]

    def prepare(self, copy):
        self.commands = self.list("s5cmd", (f"cp s3://{BUCKET}/{key} {copy}/{key}" for key in self.objects.keys()))

    def command(self, copy):
        return self.common("run", self.commands)


class S5cmdCopy(S5cmdRun):
    """The whole bucket, by a list."""

    name = "s5cmd cp"

    def prepare(self, copy):
        pass

    def parts(self):
        return ["--concurrency", max(1, self.connections // self.objects.count), "--part-size", PARTS >> 20]

    def command(self, copy):
        return self.common("cp", *self.parts(), f"s3://{BUCKET}/*", f"{copy}/")

    def again(self, copy):
        return self.common("sync", "--size-only", f"s3://{BUCKET}/*", f"{copy}/")


class Rclone(Downloader):
    """The whole bucket, by a list; times are those of the list, or it would ask for each object's."""

    name, program, package = "rclone copy", "rclone", "Debian: rclone"

    def command(self, copy):
        return [self.found, "copy", f":s3:{BUCKET}", copy, "--config", "/dev/null", "--s3-provider", "Other",
                "--s3-endpoint", self.server.url, "--s3-list-version", 2, "--fast-list", "--use-server-modtime", "--transfers", self.connections,
                "--checkers", self.connections, "--multi-thread-streams", max(1, self.connections // self.objects.count)]

    again = command


class Aria2(Downloader):
    name, program, package = "aria2c", "aria2c", "Debian: aria2"

    def prepare(self, copy):
        self.urls = self.list("aria2", (f"{self.server.url}/{BUCKET}/{key}\n out={key}" for key in self.objects.keys()))

    def command(self, copy):
        streams = max(1, min(ARIA2_CONNECTIONS_MAX, self.connections // self.objects.count))
        allocation = "falloc" if self.objects.size >= PARTS else "none"
        return [self.found, "--no-conf", "--quiet", "--input-file", self.urls, "--dir", copy, "--max-concurrent-downloads",
                self.connections, "--max-connection-per-server", streams, "--split", streams, "--min-split-size",
                f"{PARTS >> 20}M", f"--file-allocation={allocation}", "--no-netrc", "--enable-dht=false"]


class Curl(Downloader):
    name, program, package = "curl --parallel", "curl", "Debian: curl"

    def prepare(self, copy):
        lines = (f'url = "{self.server.url}/{BUCKET}/{key}"\noutput = "{copy}/{key}"' for key in self.objects.keys())
        self.urls = self.list("curl", lines)

    def command(self, copy):
        return [self.found, "--disable", "--silent", "--show-error", "--fail", "--create-dirs", "--parallel", "--parallel-max",
                min(self.connections, CURL_PARALLEL_MAX), "--config", self.urls]


class Aws(Downloader):
    """By a list, of the first objects where there are many: it takes seconds for a thousand."""

    name, program, package, sampled = "aws s3 cp", "aws", "Debian: awscli", True

    def find(self):
        return shutil.which("aws", path="/usr/bin:" + ENVIRONMENT["PATH"])

    def prepare(self, copy):
        configuration = self.list("aws", ["[default]", "s3 =", f" max_concurrent_requests = {self.connections}"])
        self.environment |= {"AWS_CONFIG_FILE": str(configuration), "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}

    def command(self, copy):
        return [self.found, "s3", "cp", f"s3://{SAMPLE}/", copy, "--recursive", "--endpoint-url", self.server.url,
                "--no-sign-request", "--only-show-errors"]


class Ranges(Downloader):
    """The ceiling: connections that ask for a range after another and write it. Files are named by number."""

    name = program = "hdx-ranges"
    memory_mib = None

    def find(self):
        return str(self.bench.program("ranges"))

    def prepare(self, copy):
        self.files = self.list("ranges", (f"{self.objects.size} /{BUCKET}/{key}" for key in self.objects.keys()))

    def command(self, copy):
        copy.mkdir()
        return [self.found, "-c", self.connections, "-r", PARTS, "-o", copy, self.server.port, self.files]

    def arrange(self, copy):
        for number, key in enumerate(self.objects.keys()):
            (copy / key).parent.mkdir(parents=True, exist_ok=True)
            os.rename(copy / str(number), copy / key)


class RangesDropped(Ranges):
    """The same, and the bytes are thrown away."""

    name = "hdx-ranges, nothing written"

    def command(self, copy):
        return [self.found, "-c", self.connections, "-r", PARTS, self.server.port, self.files]

    def arrange(self, copy):
        pass


PEERS = (S5cmdRun, S5cmdCopy, Rclone, Aria2, Curl, Aws)

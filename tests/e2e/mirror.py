"""What tests of mirrors share: an archive with data files, and what a destination holds.

    archive = Archive(tiny)
    archive.dataset("d", {"2020/a.cdf": b"…", …})     # one row for each file, a minute apart, published
    tree(dest)                                        # {path below dest: bytes}, without dest/.heliodex
"""

import csv
import hashlib
import io
import json
import os
import random

from conftest import TINY

STATE = ".heliodex"


def content(size, seed):
    """Bytes that differ from file to file and from place to place."""
    return random.Random(f"{seed}-{size}").randbytes(size)


def tree(dest):
    """What is below a destination: regular files with their bytes, everything else with what it is."""
    found = {}
    root = os.fsencode(dest)
    for folder, folders, files in os.walk(root):
        if folder == root and os.fsencode(STATE) in folders:
            folders.remove(os.fsencode(STATE))
        for name in files:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root).decode("utf-8", "surrogateescape")
            if os.path.islink(path):
                found[relative] = ("link", os.readlink(path))
            else:
                with open(path, "rb") as file:
                    found[relative] = file.read()
        for name in folders:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root).decode("utf-8", "surrogateescape")] = ("link", os.readlink(path))
    return found


def partial(dest):
    """The names of the files that are not complete."""
    folder = dest / STATE / "partial"
    return sorted(os.listdir(folder)) if folder.exists() else []


def report(path):
    """The lines of a report about files, by location."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {line["location"]: line for line in lines}


def quoted(field):
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([field])
    return out.getvalue()


class Archive:
    """Datasets of a tiny bucket whose rows have files."""

    def __init__(self, tiny):
        self.tiny = tiny
        self.files = {}  # key: bytes, of all datasets

    def dataset(self, identifier, files, *, sizes=None, algorithm=None, year=2020, **entry):
        """One row for each of `files` ({key: bytes}), a minute apart, in their order. `sizes`: what the index says in
        place of the truth (None: nothing). `algorithm`: adds checksum columns, by this of hashlib's names."""
        sizes = sizes or {}
        header = "start,stop,datakey,filesize" + (",checksum,checksum_algorithm" if algorithm else "")
        lines = [header]
        for i, (key, data) in enumerate(files.items()):
            hour, minute = divmod(i, 60)
            day, hour = divmod(hour, 24)
            time = f"{year}-{1 + day // 28:02}-{1 + day % 28:02}T{hour:02}:{minute:02}:00Z"
            size = sizes.get(key, len(data))
            fields = [time, time, f"s3://{TINY}/{key}", "" if size is None else size]
            if algorithm:
                fields += [hashlib.new(algorithm, data).hexdigest(), algorithm.upper()]
            lines.append(",".join(quoted(field) for field in fields))
        self.tiny.add(identifier, {year: "\n".join(lines) + "\n"}, **entry)
        for key, data in files.items():
            self.tiny.origin.put(f"/{TINY}/{key}", data)
        self.files.update(files)

    def asked(self, key):
        return self.tiny.origin.of(f"/{TINY}/{key}")

    def data_requests(self):
        """How many requests for data files there were."""
        paths = {f"/{TINY}/{key}" for key in self.files}
        return sum(request.path in paths for request in self.tiny.origin.requests())


class Mirror:
    """The verb, pointed at a tiny bucket and a destination."""

    def __init__(self, client, dest):
        self.client, self.dest = client, dest

    def __call__(self, *arguments, dest=None, bucket=None, **options):
        """`bucket`: [] for none."""
        bucket = [self.client.bucket] if bucket is None else bucket
        return self.client.program("mirror", *bucket, *arguments, *self.client.access, "--dest", dest or self.dest,
                                   **options)

    def verify(self, *arguments):
        return self.client.program("verify", "--mirror", self.dest, *arguments)

    def summary(self, done):
        """The summary of a run with --progress json."""
        return next(line for line in map(json.loads, done.err.splitlines()) if line.get("event") == "summary")


class Cat:
    """The verb cat, pointed at a tiny bucket."""

    def __init__(self, client):
        self.client = client

    def __call__(self, *arguments, **options):
        return self.client.program("cat", self.client.bucket, *arguments, *self.client.access, **options)

    def start(self, *arguments, **options):
        return self.client.program.start("cat", self.client.bucket, *arguments, *self.client.access, **options)

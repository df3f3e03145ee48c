"""Buckets at the gateway that hold a catalog and index files, and the program pointed at them.

    shelf = Shelf(gateway, "shelf-a", tmp_path)        # a private bucket of the first user
    shelf.add("full", {2018: 20, 2019: 20})            # rows as in conftest's Tiny; None: no index file
    shelf.publish()                                    # puts what was added since
    user = User(heliodex, gateway, shelf, keys(*gateway.user("reader")))
    gateway.clear()
    user.index().expect(0)
    user.check()                                       # what is held answers as the reference does
    asked(gateway)                                     # [("full_2018.csv", 206, "reader"), …]
"""

import json
import signal
import time
import urllib.parse
from pathlib import Path

from conftest import TIMEOUT, TINY, rows
from reference import Bucket, ask, merged_csv

NOBODY = "anonymous"
REFUSED = "-"  # who the gateway says it was where it did not take a signature
LIST = "list"
CATALOG = "catalog.json"


def keys(access, secret, token=None):
    """Credentials as variables of the environment."""
    named = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
    return {name: value for name, value in named.items() if value}


def owner(gateway):
    return keys(gateway.access_key, gateway.secret_key)


def asked(gateway, count=0):
    """What was asked since clear(): the last part of the path (or LIST), the status and who, in order of the ends.
    Objects that were put before may be logged late, and are left out; so is the other name by which a file that is not
    there is asked for (test_packed.py)."""
    def what(target):
        path, _, query = target.partition("?")
        return LIST if "list-type=2" in query else urllib.parse.unquote(path.rsplit("/", 1)[-1])

    return [(what(each.target), each.status, each.user) for each in gateway.requests(count)
            if each.method == "GET" and not each.target.endswith(".csv.gz")]


def names(asked, *statuses):
    """Which index files were asked for, sorted, with one of the statuses if any are given."""
    return sorted(what for what, status, _ in asked if what.endswith(".csv") and (not statuses or status in statuses))


class Shelf:
    """A bucket, whose content stands in a folder too, for the reference."""

    def __init__(self, gateway, name, folder, acl="private"):
        self.gateway, self.name, self.folder, self.acl = gateway, name, Path(folder), acl
        self.url = f"s3://{name}/"
        self.entries, self.unput = [], {}
        gateway.bucket(name, acl=acl)

    def add(self, identifier, years):
        self.entries.append({"id": identifier, "index": f"{self.url}i/", "title": f"The {identifier}",
                             "start": f"{min(years)}-01-01T00:00:00Z", "stop": f"{max(years)}-12-31T00:00:00Z"})
        for year, content in years.items():
            if content is not None:
                self.write(f"i/{identifier}_{year}.csv", rows(identifier, year, content).replace(TINY, self.name))
        return self

    def write(self, key, content):
        """Into the folder at once, and into the bucket with publish()."""
        content = content.encode() if isinstance(content, str) else content
        file = self.folder / self.name / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        self.unput[key] = content

    def remove(self, key):
        (self.folder / self.name / key).unlink()
        self.gateway.client().delete_object(Bucket=self.name, Key=key)

    def publish(self):
        self.write(CATALOG, json.dumps({"Cloudy": "1.0", "endpoint": self.url, "name": "Shelf",
                                        "status": {"code": 1200, "message": "OK"}, "catalog": self.entries}))
        self.gateway.put(self.name, self.unput, acl=self.acl)
        self.unput = {}
        return self

    def read(self, key):
        return (self.folder / self.name / key).read_bytes()

    def allow(self, *actions, **who):
        self.gateway.allow(self.name, *actions, **who)

    def answer(self):
        """All rows, as `heliodex query '*' --format csv` prints them."""
        bucket = Bucket(self.folder, self.name)
        datasets = [bucket.dataset(identifier) for identifier in bucket.ids]
        return merged_csv(datasets, ask(datasets))


class User:
    """The program of someone with credentials, or without, pointed at a shelf."""

    def __init__(self, program, gateway, shelf, credentials={}, url=None):
        self.program, self.gateway, self.shelf = program, gateway, shelf
        self.credentials = {"AWS_EC2_METADATA_DISABLED": "true", **credentials}
        self.access = ["--endpoint-url", url or gateway.url]

    def __call__(self, verb, *arguments, env={}, **options):
        return self.program(verb, *arguments, *self.access, env={**self.credentials, **env}, **options)

    def index(self, *arguments, **options):
        return self("index", self.shelf.url, *arguments, **options)

    def query(self, identifier, *arguments, **options):
        return self("query", self.shelf.url, identifier, "--format", "csv", *arguments, **options)

    def ls(self, prefix="", *arguments, **options):
        return self("ls", f"{self.shelf.url}{prefix}", *arguments, **options)

    def check(self):
        """Asserts that what is held answers as the reference does; makes no request."""
        assert self.query("*", "--offline").expect(0).out == self.shelf.answer()

    def index_interrupted(self, count, change, *arguments):
        """Indexes; once `count` requests have ended, the program stands still while change() happens."""
        arguments = ["index", self.shelf.url, *self.access, *arguments]
        self.gateway.clear()
        process = self.program.start(*arguments, env=self.credentials)
        try:
            end = time.monotonic() + TIMEOUT
            while len(self.gateway.requests()) < count and process.poll() is None and time.monotonic() < end:
                time.sleep(0.005)
            process.send_signal(signal.SIGSTOP)
            assert process.poll() is None, "it ended before the change"
            change()
            process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=TIMEOUT)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        return self.program.finished(arguments, process.returncode, out, err)

"""A bucket as Amazon's S3 would serve it: a function of requests for Amazon (aws.py) or Answering (answering.py).

    stage = Stage(private=True)
    stage.add("one", [2018, 2019])               # a dataset; the catalog is made of all
    stage.users["AKIA1"] = ("secret", None)      # access key: secret and session token
    stage.script = lambda request: None          # or an answer that stands in place of the good one
    with Amazon(folder, stage) as amazon: ...
    stage.complaints                             # of all signed requests that came; see signature.py

Every signed request is judged; one with a complaint is refused, and so is an anonymous one of a private bucket.
"""

import datetime
import email.utils
import hashlib
import json
import re
import urllib.parse

import pytest

from aws import Amazon, error
from conftest import TINY, rows
from signature import access_key, verify

ROWS = 5
CATALOG = "catalog.json"
DENIED = 403, {}, error("AccessDenied", "Access Denied", RequestId="4442587FB7D0A2F9")


class Stage:
    def __init__(self, bucket=TINY, region="us-east-1", private=False):
        self.bucket, self.region, self.private = bucket, region, private
        self.users = {}
        self.objects = {}
        self.entries = []
        self.complaints = []
        self.off = datetime.timedelta(0)  # of the server's clock
        self.page = 1000  # keys that a list has at most
        self.listable = True
        self.script = None

    def add(self, identifier, years, index=None, count=ROWS, **entry):
        """A dataset with index files of these years; `index` is where they lie."""
        index = index or f"s3://{self.bucket}/i/"
        self.entries.append({"id": identifier, "index": index, "title": identifier,
                             "start": f"{min(years)}-01-01T00:00:00Z",
                             "stop": f"{max(years)}-12-31T00:00:00Z", **entry})
        bucket, folder = index.removeprefix("s3://").split("/", 1)
        for year in years:
            if bucket == self.bucket:
                self.objects[f"{folder}{identifier}_{year}.csv"] = rows(identifier, year, count).encode()
        self.objects[CATALOG] = json.dumps({
            "Cloudy": "1.0", "endpoint": f"s3://{self.bucket}/", "name": "S", "status": {"code": 1200, "message": "OK"},
            "catalog": self.entries}).encode()

    def csv(self, identifier):
        """What a query of the whole dataset prints."""
        name = re.compile(rf"(^|/){identifier}_\d{{4}}\.csv$")
        files = [text for key, text in sorted(self.objects.items()) if name.search(key)]
        lines = sorted(b"".join(files).decode().splitlines(keepends=True))
        return "start,stop,datakey,filesize\n" + "".join(lines)

    # ---- answers

    def __call__(self, request):
        told = self.script and self.script(request)
        if told is None:
            told = self.good(request)
        if told is None:
            return None
        status, headers, body = told
        now = datetime.datetime.now(datetime.timezone.utc) + self.off
        return status, {"Date": email.utils.format_datetime(now, usegmt=True), **headers}, body

    def good(self, request):
        """The answer without a script."""
        bucket, key = self.place(request)
        if bucket != self.bucket:
            return 404, {}, error("NoSuchBucket", "The specified bucket does not exist")
        refusal = self.judge(request)
        if refusal:
            return refusal
        if not key:
            return self.listed(request) if self.listable else DENIED
        if key not in self.objects:
            return 404, {}, error("NoSuchKey", "The specified key does not exist.")
        return ranged(request, self.objects[key])

    def place(self, request):
        """The bucket and the key that a request names, by its host or by its path."""
        first, _, rest = request.host.partition(".")
        path = request.path[1:]
        if rest.startswith(("s3.", "localhost")) and first != "s3":
            return first, path
        bucket, _, key = path.partition("/")
        return bucket, key

    def judge(self, request):
        """The refusal of a request that may not be; None if it may."""
        if "authorization" not in request.headers:
            return DENIED if self.private else None
        key = access_key(request.headers)
        if key not in self.users:
            return 403, {}, error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist.")
        secret, token = self.users[key]
        now = datetime.datetime.now(datetime.timezone.utc) + self.off
        wrong = verify(request.method, request.target, request.headers, secret, self.region,
                       key=key, token=token, now=now)
        self.complaints += wrong
        if not wrong:
            return None
        skewed = any("x-amz-date is off" in each for each in wrong)
        return 403, {}, error("RequestTimeTooSkewed" if skewed else "SignatureDoesNotMatch", "; ".join(wrong)[:200])

    def listed(self, request):
        """A page of ListObjectsV2."""
        asked = dict(urllib.parse.parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
        prefix, after = asked.get("prefix", ""), asked.get("start-after", "")
        if "continuation-token" in asked:
            after = bytes.fromhex(asked["continuation-token"]).decode()
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        if asked.get("delimiter"):
            keys = [key for key in keys if asked["delimiter"] not in key[len(prefix):]]
        size = min(self.page, int(asked.get("max-keys", "1000")))
        keys, more = keys[:size], len(keys) > size
        inner = "".join(f"<Contents><Key>{urllib.parse.quote(key)}</Key><ETag>{etag(self.objects[key])}</ETag>"
                        "<LastModified>2020-01-01T00:00:00.000Z</LastModified>"
                        f"<Size>{len(self.objects[key])}</Size></Contents>" for key in keys)
        token = f"<NextContinuationToken>{keys[-1].encode().hex()}</NextContinuationToken>" if more else ""
        return 200, {}, ("<ListBucketResult><EncodingType>url</EncodingType>"
                         f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{inner}</ListBucketResult>").encode()


def etag(content):
    return f'"{hashlib.md5(content).hexdigest()}"'


def ranged(request, content):
    """The object, or the range of it that was asked for."""
    tag = {"ETag": etag(content)}
    if request.headers.get("if-none-match") == tag["ETag"]:
        return 304, tag, b""
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
    if asked and not content:
        return 416, tag, error("InvalidRange", "The requested range is not satisfiable")
    if not asked:
        return 200, tag, content
    first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
    return 206, {**tag, "Content-Range": f"bytes {first}-{last}/{len(content)}"}, content[first:last + 1]


def signed(requests):
    """Those with a signature."""
    return [request for request in requests if "authorization" in request.headers]


class User:
    """The program for whom a stage is Amazon."""

    def __init__(self, program, server, stage):
        self.program, self.server, self.stage = program, server, stage
        self.bucket = f"s3://{stage.bucket}/"
        self.environment = {"AWS_EC2_METADATA_DISABLED": "true"}
        if hasattr(server, "environment"):
            self.environment |= {"AWS_CA_BUNDLE": server.ca, **server.environment()}

    def __call__(self, *arguments, env={}, **options):
        env = {name: value for name, value in {**self.environment, **env}.items() if value is not None}
        return self.program(*arguments, env=env, **options)

    def index(self, *arguments, **options):
        return self("index", self.bucket, *arguments, **options)

    def check(self, *identifiers, arguments=(), **options):
        """Asserts that the store holds the rows of these datasets."""
        for identifier in identifiers:
            done = self("query", self.bucket, identifier, "--offline", "--format", "csv", *arguments, **options)
            assert done.expect(0).out == self.stage.csv(identifier)

    @staticmethod
    def told(folder):
        """Options that have all files written that a run can tell of itself."""
        return ["--report", folder / "report", "--stats", folder / "stats", "--failed-out", folder / "failed",
                "--keep-index", folder / "kept"]

    def everything(self, folder, done):
        """All that a run has left behind: what it said, the files of a folder and those of the store."""
        files = [file for each in (folder, self.program.store) for file in each.rglob("*") if file.is_file()]
        return done.raw + done.err.encode() + b"".join(file.read_bytes() for file in files)

    def keys(self, key="AKIAUSER000000000001", secret="user/secret+key1", token=None):
        """Gives the user keys that the stage takes, as variables of the environment."""
        self.stage.users[key] = (secret, token)
        variables = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
        self.environment |= {name: value for name, value in variables.items() if value}

    def write(self, name, text):
        """A file below the home folder, such as .aws/config."""
        file = self.program.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


# ---- fixtures: from stage import amazon, user


@pytest.fixture(scope="module")
def amazon(tmp_path_factory):
    with Amazon(tmp_path_factory.mktemp("amazon"), None) as it:
        yield it


@pytest.fixture
def user(heliodex, amazon):
    """A user of a public bucket at Amazon with one dataset of two years."""
    stage = Stage()
    stage.add("one", [2018, 2019])
    amazon.answer = stage
    amazon.clear()
    amazon.proxy.connects.clear()
    return User(heliodex, amazon, stage)

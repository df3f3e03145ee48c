"""What all end-to-end tests share: the program, a store of its own, a generated bucket, small buckets made by hand.

The program and the generator come from the build folder that HDX_BUILD names (default: build/dev).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gateway import Gateway, missing  # noqa: E402
from origin import Origin  # noqa: E402
from reference import Bucket  # noqa: E402
from servers import make_authority  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HDX_BUILD", ROOT / "build" / "dev")).resolve()
FAULTS = BUILD / "tests" / "e2e" / "hdx-faults.so"
SANITIZER_EXIT = 99
TIMEOUT = 60

TINY = "tiny-bucket"
SAMPLE = "gov-nasa-hdrl-data1"


def plain_build():
    """A build folder without sanitizers, or None: HDX_BUILD itself, or what HDX_VALGRIND_BUILD names."""
    named = [BUILD, *[Path(each) for each in [os.environ.get("HDX_VALGRIND_BUILD")] if each]]
    for each in named:
        cache = each / "CMakeCache.txt"
        if cache.is_file() and "\nHDX_SANITIZE:STRING=\n" in cache.read_text():
            return each
    return None


class Done:
    """A run of the program that has ended."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.raw, self.err = arguments, code, out, err

    @property
    def out(self):
        return self.raw.decode("utf-8", "surrogateescape")

    @property
    def lines(self):
        return self.out.splitlines()

    def expect(self, code=0, *told):
        """Asserts the exit code and that standard error tells each of the texts; returns itself."""
        assert self.code == code, f"{self}\nexpected exit {code}"
        for text in told:
            assert text.lower() in self.err.lower(), f"{self}\nexpected on standard error: {text}"
        return self

    def __repr__(self):
        return (f"$ {' '.join(map(str, self.arguments))}\nexit {self.code}\n--- standard error\n{self.err[-6000:]}"
                f"--- standard output\n{self.out[-2000:]}")


class Program:
    """The program with a store, run in an environment that holds nothing else of the caller's."""

    def __init__(self, home, build=BUILD):
        self.path = build / "heliodex"
        self.home = home
        self.store = home / "store"
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8",
            "TZ": "America/St_Johns",  # no answer depends on where one lives
            "HELIODEX_STORE": str(self.store),
            "ASAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:detect_leaks=1",
            "UBSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:halt_on_error=1:print_stacktrace=1",
            "TSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:halt_on_error=1",
        }

    def start(self, *arguments, env={}, **options):
        """Starts it and returns the Popen, standard output and error as pipes of bytes."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([self.path, *map(str, arguments)], env={**self.environment, **env}, cwd=self.home, **options)

    def __call__(self, *arguments, env={}, timeout=TIMEOUT, **options):
        process = self.start(*arguments, env=env, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{Done(arguments, 'none: it hangs', out or b'', (err or b'').decode(errors='replace'))}")
        return self.finished(arguments, process.returncode, out, err)

    @staticmethod
    def finished(arguments, code, out, err):
        done = Done(["heliodex", *arguments], code, out or b"", (err or b"").decode("utf-8", "replace"))
        assert code != SANITIZER_EXIT and code > -3 and code != 70, f"{done}"
        return done


@pytest.fixture(scope="session")
def build():
    if not (BUILD / "heliodex").is_file():
        pytest.fail(f"no program at {BUILD}/heliodex: build it, or name the build folder in HDX_BUILD")
    return BUILD


@pytest.fixture
def heliodex(build, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Program(home)


@pytest.fixture(scope="session")
def sample(build, tmp_path_factory):
    """The folder of a generated bucket with every kind of dataset, odd ones too: registry.json and <bucket>/."""
    folder = tmp_path_factory.mktemp("sample") / "root"
    done = subprocess.run([BUILD / "bench" / "hdx-generate", "--scale", "small", "--odd", "--out", folder],
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def reference(sample):
    """The reference's view of the sample."""
    return Bucket(sample, SAMPLE)


@pytest.fixture
def failing(heliodex):
    """Runs a command with a call that fails: `fault` as HDX_FAULTS has it (faults/faults.c). It has to happen."""
    told = heliodex.home / "told"

    def run(fault, *arguments, env={}, **options):
        if not FAULTS.exists():
            pytest.skip(f"{FAULTS} was not built")
        told.unlink(missing_ok=True)
        done = heliodex(*arguments, **options, env={
                        **env, "LD_PRELOAD": str(FAULTS), "HDX_FAULTS": fault, "HDX_FAULTS_TOLD": str(told),
                        "ASAN_OPTIONS": heliodex.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"})
        assert told.exists(), f"no call failed: {done}"
        return done

    return run


class Tiny:
    """A bucket made by hand in a folder, served by a scripted origin as path-style S3."""

    def __init__(self, folder):
        self.folder = folder
        self.origin = Origin(folder)
        self.entries = []
        self.extra = {}  # top-level members of catalog.json to set or (None) leave out

    def path(self, identifier, year):
        return f"/{TINY}/i/{identifier}_{year}.csv"

    catalog_path = f"/{TINY}/catalog.json"

    def add(self, identifier, years, **entry):
        """A dataset: {year: content}; content as text, or as a number of rows to make. None: no file."""
        entry = {"id": identifier, "index": f"s3://{TINY}/i/", "title": f"The {identifier}",
                 "start": f"{min(years)}-01-01T00:00:00Z", "stop": f"{max(years)}-12-31T00:00:00Z", **entry}
        self.entries.append({name: value for name, value in entry.items() if value is not None})
        for year, content in years.items():
            if content is not None:
                self.write(self.path(identifier, year), rows(identifier, year, content))
        self.publish()

    def describe(self, identifier, parameters, ending="info"):
        """Publishes what the extra columns are: (name, type, units, description) of each; None: not stated."""
        members = ("name", "type", "units", "desc")
        entries = [{member: value for member, value in zip(members, each) if value is not None} for each in parameters]
        self.write(f"/{TINY}/i/{identifier}.{ending}", json.dumps({"parameters": entries}, indent=1))

    def publish(self):
        catalog = {"Cloudy": "1.0", "endpoint": f"s3://{TINY}/", "name": "Tiny", "status": {"code": 1200, "message": "OK"},
                   "catalog": self.entries, **self.extra}
        catalog = {name: value for name, value in catalog.items() if value is not None}
        self.write(self.catalog_path, json.dumps(catalog, indent=1))

    def write(self, path, content):
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, path):
        return (self.folder / path.lstrip("/")).read_bytes()

    def reference(self):
        return Bucket(self.folder, TINY)

    def asked(self, *, status=None):
        """Paths that were asked for, once each, in order; the catalog and lists of the bucket are left out."""
        return list(dict.fromkeys(r.path for r in self.origin.requests()
                                  if r.path not in (self.catalog_path, f"/{TINY}/") and status in (None, r.status)))


def rows(identifier, year, content):
    """The text of an index file: a number of rows spread over the year, or the content as it is."""
    if not isinstance(content, int):
        return content
    lines = []
    for i in range(content):
        second = i * (365 * 86400 // content)
        day, clock = divmod(second, 86400)
        month, day = 1 + day // 28 % 12, 1 + day % 28
        time = f"{year}-{month:02}-{day:02}T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}Z"
        lines.append(f"{time},{time},s3://{TINY}/data/{identifier}/{year}/{i:06}.cdf,{1000 + i * 7919 % 9000}\n")
    return "".join(lines)


@pytest.fixture
def tiny(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    it = Tiny(folder)
    with it.origin:
        yield it


class Client:
    """The program pointed at a tiny bucket."""

    def __init__(self, program, tiny):
        self.program, self.tiny = program, tiny
        self.bucket = f"s3://{TINY}/"
        self.access = ["--endpoint-url", tiny.origin.url]

    def index(self, *arguments, **options):
        return self.program("index", self.bucket, *self.access, *arguments, **options)

    def query(self, identifier, *arguments, **options):
        return self.program("query", self.bucket, identifier, *self.access, "--format", "csv", *arguments, **options)

    def check(self, *identifiers):
        """Asserts that what is held answers as the reference does, without a request."""
        reference = self.tiny.reference()
        for identifier in identifiers or reference.ids:
            dataset = reference.dataset(identifier)
            done = self.query(identifier, "--offline").expect(0)
            assert done.out == dataset.csv(dataset.answer()), identifier


@pytest.fixture
def client(heliodex, tiny):
    return Client(heliodex, tiny)


@pytest.fixture
def archive(tiny):
    """Datasets of the tiny bucket whose rows have files."""
    from mirror import Archive  # which stands on this file

    return Archive(tiny)


@pytest.fixture
def mirror(client, tmp_path):
    """The verb mirror, to a folder of its own."""
    from mirror import Mirror

    return Mirror(client, tmp_path / "dest")


@pytest.fixture
def cat(client):
    """The verb cat."""
    from mirror import Cat

    return Cat(client)


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", folder], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


QUOTA_BYTES = 4 << 20


@pytest.fixture
def quota(tmp_path):
    """A folder that may hold QUOTA_BYTES, on a disk that has more: a subvolume of btrfs with a limit, as quotas of other
    file systems are no part of every kernel. quota.lift() takes the limit away."""
    image, folder = tmp_path / "btrfs.img", tmp_path / "limited"
    limited = folder / "home"
    steps = [["truncate", "-s", "200M", image], ["mkfs.btrfs", "-q", image], ["mount", "-o", "loop", image, folder],
             ["btrfs", "quota", "enable", folder], ["btrfs", "subvolume", "create", limited],
             ["btrfs", "qgroup", "limit", str(QUOTA_BYTES), limited]]
    folder.mkdir()
    for step in steps:
        done = shutil.which(step[0]) and subprocess.run(step, capture_output=True, text=True)
        if not done or done.returncode:
            subprocess.run(["umount", "-q", folder])
            pytest.skip(f"no quota here: {step[0]}: {done.stderr.strip() if done else 'not installed'}")
    yield Quota(limited)
    subprocess.run(["umount", folder], check=True)


class Quota:
    def __init__(self, folder):
        self.folder = folder

    def lift(self):
        subprocess.run(["btrfs", "qgroup", "limit", "none", self.folder], check=True)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A real S3 server, with TLS beside."""
    if missing():
        pytest.skip(missing())
    work = tmp_path_factory.mktemp("gateway")
    with Gateway(work, tls=make_authority(work)) as it:
        yield it

"""Lists of a real S3 server: what ls prints, and how index learns from them which files exist and have changed."""

import csv
import io
import json

import pytest

from conftest import Program
from gateway import AWKWARD_KEYS, missing
from s3_bucket import CATALOG, LIST, NOBODY, Shelf, User, asked, names, owner

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

DATASETS, YEARS = 300, range(2010, 2020)
GAP = 2014  # of every dataset
FILES = DATASETS * (len(YEARS) - 1)
CATALOG_ASKED = (CATALOG, 304, "first")


@pytest.fixture(scope="module")
def large(gateway, tmp_path_factory):
    """A private bucket of 3,500 objects, most of them index files."""
    shelf = Shelf(gateway, "large-bucket", tmp_path_factory.mktemp("large"))
    for i in range(DATASETS):
        shelf.add(f"d{i:03}", {year: 2 if year != GAP else None for year in YEARS})
    for i in range(3500 - FILES - 1):
        shelf.write(f"data/{i % 5}/{i:04}.cdf", b"x" * i)
    return shelf.publish()


@pytest.fixture
def user(heliodex, gateway, large):
    gateway.clear()
    return User(heliodex, gateway, large, owner(gateway))


def listed(gateway, shelf, **options):
    """What boto3 lists: {key: object}, in order."""
    pages = gateway.client().get_paginator("list_objects_v2").paginate(Bucket=shelf.name, **options)
    return {each["Key"]: each for page in pages for each in page.get("Contents", [])}


# ---- ls


def test_pages(user, gateway, large):
    there = listed(gateway, large)
    gateway.clear()
    lines = csv.DictReader(io.StringIO(user.ls("", "-r", "--sign").expect(0).out))
    requests = gateway.requests()
    expected = [(key, str(each["Size"]), each["LastModified"].strftime("%Y-%m-%dT%H:%M:%S"), each["ETag"].strip('"'))
                for key, each in there.items()]
    assert [(r["key"], r["size"], r["modified"][:19], r["etag"]) for r in lines] == expected
    assert len(expected) == 3500 and [r.status for r in requests] == [200] * 4
    assert len({r.target for r in requests}) == 4 and all("max-keys=1000" in r.target for r in requests)


@pytest.mark.parametrize("limit,pages,size", [(7, 1, 7), (1000, 1, 1000), (1001, 2, 1000)])
def test_limit(user, gateway, large, limit, pages, size):
    got = user.ls("", "-r", "--sign", "--limit", limit, "--format", "keys").expect(0).lines
    requests = gateway.requests()
    assert len(requests) == pages and f"max-keys={size}&" in requests[0].target
    assert got == list(listed(gateway, large))[:limit]


def test_start_after(user, gateway, large):
    there = list(listed(gateway, large))
    for after in (there[1500], there[1500] + "-", "data/3/", there[-1], "zzz"):
        done = user.ls("", "-r", "--sign", "--start-after", after, "--format", "keys").expect(0)
        assert done.lines == [key for key in there if key > after], after
    assert user.ls("", "--start-after", "da", "--format", "keys").expect(0).lines == ["data/", "i/"]


def test_folders(user, large):
    assert user.ls("", "--format", "keys").expect(0).lines == [CATALOG, "data/", "i/"]
    assert user.ls("data/", "--format", "keys").expect(0).lines == [f"data/{i}/" for i in range(5)]
    assert user.ls("da", "--format", "keys").expect(0).lines == ["data/"]
    rows = [json.loads(line) for line in user.ls("", "--json").expect(0).lines]
    assert rows[1] == {"key": "data/", "size": None, "modified": None, "etag": None}
    ten = [f"data/0/{i:04}.cdf" for i in range(0, 50, 5)]
    assert user.ls("data/0/", "--limit", "10", "--format", "keys").expect(0).lines == ten
    whole = user.program("ls", f"s3://{large.name}", *user.access, "--format", "keys", env=user.credentials)
    assert whole.expect(0).lines == [CATALOG, "data/", "i/"]


def test_nothing_there(user):
    done = user.ls("none/").expect(0, "warning", f"{user.shelf.url}none/")
    assert done.lines == ["key,size,modified,etag"]
    assert user.ls("none/", "--json").expect(0).out == ""
    user.ls("none/", "--error-on-empty").expect(9, f"{user.shelf.url}none/")


def test_what_cannot_be_listed(user, gateway):
    user("ls", "s3://no-such-bucket/").expect(3, "NoSuchBucket")
    user("ls", f"{gateway.url}/large-bucket/").expect(2, "only buckets of S3")
    user("ls", f"file://{user.shelf.folder}/").expect(2, "only buckets of S3")
    user("ls").expect(2)
    user.ls("", "--offline").expect(3)


def test_awkward_keys(heliodex, gateway, tmp_path):
    shelf = Shelf(gateway, "awkward-list", tmp_path)
    for key in AWKWARD_KEYS:
        gateway.client().put_object(Bucket=shelf.name, Key=key, Body=key.encode())
    there = listed(gateway, shelf)
    assert sorted(there) == sorted(AWKWARD_KEYS)
    user = User(heliodex, gateway, shelf, owner(gateway))
    rows = json.loads(user.ls("", "-r", "--format", "json").expect(0).out)
    assert [(row["key"], row["size"], row["etag"]) for row in rows] == [
        (key, each["Size"], each["ETag"].strip('"')) for key, each in there.items()]
    assert user.ls("", "-r", "--format", "keys", "-0").expect(0).raw == b"".join(key.encode() + b"\0" for key in there)
    for prefix in [key for key in AWKWARD_KEYS if key.isprintable()]:
        below = [key for key in there if key.startswith(prefix)]
        rows = json.loads(user.ls(prefix, "-r", "--sign", "--format", "json").expect(0).out)
        assert [row["key"] for row in rows] == below, prefix


# ---- index by lists


def test_lists_in_place_of_requests(user, gateway, large, tmp_path):
    """One walk through the life of a bucket; a second store learns the same by asking for each file."""
    (tmp_path / "asker").mkdir()
    asker = User(Program(tmp_path / "asker"), gateway, large, user.credentials)

    def run(*told):
        """Indexes, compares, and returns what was asked besides the catalog."""
        gateway.clear()
        user.index("--sign").expect(0, *told)
        requests = asked(gateway)
        user.check()
        return [each for each in requests if each[0] != CATALOG]

    lists = [(LIST, 200, "first")] * 3
    first = run(f"{FILES:,} fetched", f"{DATASETS} gaps")
    assert [each for each in first if each[0] == LIST] == lists
    assert len(names(first, 206)) == FILES and len(first) == FILES + len(lists)
    assert run(f"{FILES:,} unchanged", f"{DATASETS} gaps") == lists

    large.write("i/d100_2015.csv", "2015-05-05Z,2015-05-06Z,changed,1\n")
    large.publish()
    assert sorted(run("1 fetched")) == sorted([*lists, ("d100_2015.csv", 206, "first")])

    large.remove("i/d200_2016.csv")
    assert sorted(run("1 vanished")) == sorted([*lists, *[("d200_2016.csv", 404, "first")] * 2])
    assert run("0 vanished") == lists  # a gap by now

    large.write(f"i/d299_{GAP}.csv", "2014-05-05Z,2014-05-06Z,found,1\n")
    large.publish()
    assert sorted(run("1 fetched")) == sorted([*lists, (f"d299_{GAP}.csv", 206, "first")])

    asker.index("--sign", "--discover", "probe").expect(0)
    answers = [each.query("*", "--offline").expect(0).out for each in (user, asker)]
    assert answers[0] == answers[1] == large.answer()


def test_keep_vanished_by_lists(heliodex, gateway, tmp_path):
    shelf = Shelf(gateway, "vanishing", tmp_path).add("a", dict.fromkeys(range(2000, 2020), 1)).publish()
    user = User(heliodex, gateway, shelf, owner(gateway))
    user.index().expect(0)
    before = user.query("a", "--offline").expect(0).out
    shelf.remove("i/a_2010.csv")
    user.index("--keep-vanished").expect(0, "2010")
    assert user.query("a", "--offline").expect(0).out == before
    user.index().expect(0, "1 vanished")
    user.check()


def test_list_only_where_it_saves_requests(user, gateway):
    """For a few files there is no list, unless it is insisted on."""
    few = ["--sign", "--start", "2012", "--stop", "2013"]
    user("index", user.shelf.url, "d00[0-4]", *few).expect(0)
    assert sorted(asked(gateway)) == [(CATALOG, 206, "first"), *((f"d00{i}_2012.csv", 206, "first") for i in range(5))]
    gateway.clear()
    user("index", user.shelf.url, "d00[0-4]", *few, "--discover", "list").expect(0, "5 unchanged")
    assert asked(gateway)[0] == CATALOG_ASKED and {what for what, _, _ in asked(gateway)[1:]} == {LIST}
    assert len(asked(gateway)) == 2, "it lists what lies behind the last wanted file"


def test_list_begins_with_the_first_wanted_dataset(user, gateway):
    user("index", user.shelf.url, "d2[89]*", "--sign").expect(0)
    lists = [each for each in gateway.requests() if "list-type=2" in each.target]
    assert len(lists) == 1 and "start-after=i%2Fd280" in lists[0].target
    done = user.query("d28[0-9]", "--offline").expect(0)
    assert len(done.lines) == 1 + 10 * 2 * (len(YEARS) - 1)


def test_dry_run_lists_nothing_it_keeps(user, gateway):
    user.index("--dry-run", "--sign").expect(0)
    assert names(asked(gateway), 200, 206) == [] and not list(user.program.store.rglob("*.hdx"))


def test_keep_index_fetches_what_is_not_kept(heliodex, gateway, tmp_path):
    """A list says that nothing has changed, but the files themselves are wanted."""
    shelf = Shelf(gateway, "kept-bucket", tmp_path).add("a", dict.fromkeys(range(2000, 2020), 1)).publish()
    user = User(heliodex, gateway, shelf, owner(gateway))
    user.index().expect(0)
    gateway.clear()
    user.index("--keep-index", tmp_path / "kept").expect(0)
    assert len(names(asked(gateway), 206)) == 20
    for year in range(2000, 2020):
        assert (tmp_path / "kept" / "a" / f"a_{year}.csv").read_bytes() == shelf.read(f"i/a_{year}.csv")
    gateway.clear()
    user.index("--keep-index", tmp_path / "kept").expect(0)
    assert names(asked(gateway)) == []


def test_anonymous_lists(heliodex, gateway, tmp_path):
    """A list may be what finds out that a bucket is public, or that it is not."""
    shelf = Shelf(gateway, "public-list", tmp_path, acl="public-read").add("a", {2019: 1}).publish()
    user = User(heliodex, gateway, shelf, owner(gateway))
    gateway.clear()
    assert user.ls("", "-r", "--format", "keys").expect(0).lines == [CATALOG, "i/a_2019.csv"]
    assert asked(gateway) == [(LIST, 200, NOBODY)]
    gateway.acl(shelf.name, "private")
    gateway.clear()
    assert user.ls("", "-r", "--format", "keys").expect(0).lines == [CATALOG, "i/a_2019.csv"]
    assert asked(gateway) == [(LIST, 403, NOBODY), (LIST, 200, "first")]

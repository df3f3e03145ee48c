"""Finding datasets: search over all buckets, what datasets lists, and the registry, wherever it is."""

import csv
import io
import json
import threading

import pytest

from conftest import plain_build
from gateway import missing
from origin import Behaviour, Origin
from s3_bucket import owner
from usage import peak_of

BUCKETS = ["bucket-a", "bucket-b", "bucket-c", "bucket-d", "bucket-e"]


def entry(identifier, bucket, title, **more):
    return {"id": identifier, "index": f"s3://{bucket}/i/", "title": title, "start": "2015-01-01T00:00Z",
            "stop": "2020-01-01T00:00Z", **more}


CATALOGS = {
    "bucket-a": [entry("aia_0094", "bucket-a", "Extreme ultraviolet images", tags=["Sun", "EUV"]),
                 entry("aia_0131", "bucket-a", "Images of the sun, the SUN", tags=["sun-disk", "caf\u00e9"])],
    "bucket-b": [entry("MMS1_FEEPS", "bucket-b", "Electrons in bursts", tags=[])],
    "bucket-c": [entry("sun-model", "bucket-c", "A model")],
    "bucket-d": [entry("wind_mfi", "bucket-d/sunny", "Magnetic field; 100% of the time")],
    "bucket-e": [entry("sunsunsun_1", "bucket-e", "Three in its id")],
}


class Sky:
    """Five buckets and their registry at one origin."""

    def __init__(self, program, folder):
        self.program, self.folder, self.origin = program, folder, Origin(folder)
        self.registry = [{"endpoint": f"s3://{name}/", "name": f"The {name}", "region": "us-east-1"} for name in BUCKETS]
        for name, entries in CATALOGS.items():
            self.write(f"/{name}/catalog.json", json.dumps(
                {"version": "1.0", "endpoint": f"s3://{name}/", "status": {"code": 1200}, "catalog": entries}))
        self.publish()

    def write(self, path, text):
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def publish(self):
        self.write("/registry.json", json.dumps({"version": "1.0", "registry": self.registry}))

    def arguments(self, words):
        return ["search", "--registry", f"{self.origin.url}/registry.json", "--endpoint-url", self.origin.url,
                "--retries", "0", *words]

    def search(self, *words):
        return self.program(*self.arguments(words))

    def catalogs_asked(self):
        return [(r.path.split("/")[1], r.status) for r in self.origin.requests() if r.path.endswith("/catalog.json")]


@pytest.fixture
def sky(heliodex, tmp_path):
    folder = tmp_path / "sky"
    folder.mkdir()
    it = Sky(heliodex, folder)
    with it.origin:
        yield it


def found(done):
    return [(row["bucket"], row["id"], int(row["score"] or -1)) for row in csv.DictReader(io.StringIO(done.out))]


def ranked(*words):
    """The client's rule, by Python's own str.count."""
    hits = []
    for bucket, entries in CATALOGS.items():
        for each in entries:
            texts = [each["id"], each["index"], each["title"], *each.get("tags", [])]
            score = sum(text.lower().count(word.lower()) for text in texts for word in words)
            if score:
                hits.append((f"s3://{bucket}/", each["id"], score))
    return sorted(hits, key=lambda hit: -hit[2])  # stable: registry and catalog decide between equals


# ---- search


@pytest.mark.parametrize("words", [["sun"], ["SUN", "image"], ["the sun"], ["100%"], ["bucket-c"], ["caf\u00e9"], ["sunsun"],
                                   ["electron", "model", "i"]])
def test_words_are_ranked_by_how_often_they_occur(sky, words):
    expected = ranked(*words)
    assert expected
    assert found(sky.search(*words).expect(0)) == expected


@pytest.mark.parametrize("options,ids", [
    (["--id", "AIA"], ["aia_0094", "aia_0131"]),
    (["--title", "IMAGES"], ["aia_0094", "aia_0131"]),
    (["--id", "aia", "--title", "ultra"], ["aia_0094"]),
    (["sun", "--id", "_0"], ["aia_0131", "aia_0094"]),
    (["--id", "aia", "electrons"], []),
])
def test_parts_must_all_hold(sky, options, ids):
    assert [hit[1] for hit in found(sky.search(*options).expect(0))] == ids


def test_all_catalogs_are_asked_for_at_once(sky):
    """None is answered before all have been asked for."""
    asked = threading.Event()
    for name in BUCKETS:
        sky.origin.script(f"/{name}/catalog.json", Behaviour(until=asked))
    process = sky.program.start(*sky.arguments(["sun"]))
    together = sky.origin.wait_for(lambda: sky.origin.requests_now == len(BUCKETS))
    asked.set()
    out, err = process.communicate(timeout=60)
    assert together, err
    assert found(sky.program.finished(["search"], process.returncode, out, err).expect(0)) == ranked("sun")


def test_progress_is_told(sky):
    """Of a search that takes longer than a second."""
    sky.origin.script("/bucket-c/catalog.json", Behaviour(delay=1.5))
    done = sky.search("sun", "--progress", "json").expect(0)
    events = [event for event in map(json.loads, done.err.splitlines()) if event["event"] == "progress"]
    assert events and all(event["files_total"] == len(BUCKETS) for event in events)
    assert events[0]["files_done"] == len(BUCKETS) - 1


def test_what_is_held_is_not_asked_for(sky):
    first = sky.search("sun").expect(0)
    assert sorted(sky.catalogs_asked()) == [(name, 206) for name in BUCKETS]
    sky.origin.clear()
    assert sky.search("sun").expect(0).out == first.out
    assert sky.origin.requests() == []
    assert sky.search("sun", "--refresh").expect(0).out == first.out
    assert sorted(sky.catalogs_asked()) == [(name, 304) for name in BUCKETS]


def test_refresh_takes_over_what_is_new(sky):
    sky.search("sun").expect(0)
    catalog = json.loads((sky.folder / "bucket-c/catalog.json").read_text())
    catalog["catalog"].append(entry("new", "bucket-c", "sun " * 9))
    sky.write("/bucket-c/catalog.json", json.dumps(catalog))
    assert found(sky.search("sun", "--refresh").expect(0))[0] == ("s3://bucket-c/", "new", 9)
    assert found(sky.search("sun", "--offline").expect(0))[0] == ("s3://bucket-c/", "new", 9)


def test_offline_names_what_is_not_held(sky):
    sky.program("datasets", "s3://bucket-a/", "--endpoint-url", sky.origin.url).expect(0)
    sky.program("registry", "--registry", f"{sky.origin.url}/registry.json").expect(0)
    sky.origin.clear()
    done = sky.search("sun", "--offline").expect(1, "s3://bucket-b/ (The bucket-b)", "not held", "4 of 5 buckets")
    assert [hit[0] for hit in found(done)] == ["s3://bucket-a/"] * 2
    assert sky.origin.requests() == []


def test_23_failed_buckets_are_named_and_the_others_answered(sky):
    sky.origin.always("/bucket-a/catalog.json", Behaviour(status=403))
    sky.write("/bucket-b/catalog.json", '{"status": {"code": 1400, "message": "moving house"}, "catalog": []}')
    sky.write("/bucket-c/catalog.json", '{"status": 1200, "catalog": [\n  nonsense')
    sky.write("/bucket-d/catalog.json", json.dumps({"status": 1200, "catalog": [], "comment": "x" * 70000}))
    sky.registry.append({"endpoint": "https://nowhere.invalid/c/", "name": "Away", "region": "none"})
    sky.publish()
    done = sky.search("sun", "--max-catalog", "64K").expect(1)
    assert found(done) == [hit for hit in ranked("sun") if hit[0] == "s3://bucket-e/"]
    lines = [line for line in done.err.splitlines() if "://" in line]
    expected = [("bucket-a", "403"), ("bucket-b", "moving house"), ("bucket-c", "line 2 column 3"),
                ("bucket-d", "limit of 65536"), ("nowhere.invalid", "resolve host")]
    assert len(lines) == len(expected), done
    for line, (bucket, why) in zip(lines, expected):
        assert bucket in line and why in line, done
    assert "the catalogs of 5 of 6 buckets could not be read" in done.err


@pytest.mark.parametrize("status,code", [(403, 4), (404, 3), (500, 5)])
def test_all_failed_is_the_gravest(sky, status, code):
    for name in BUCKETS:
        sky.origin.always(f"/{name}/catalog.json", Behaviour(status=404))
    sky.origin.always("/bucket-c/catalog.json", Behaviour(status=status))
    done = sky.search("sun").expect(code, "5 of 5 buckets")
    assert found(done) == []


def test_a_failed_refresh_keeps_what_is_held(sky):
    first = sky.search("sun").expect(0)
    sky.write("/bucket-a/catalog.json", "{")
    sky.search("sun", "--refresh").expect(1, "s3://bucket-a/")
    assert sky.search("sun", "--offline").expect(0).out == first.out


def test_nothing_is_found(sky):
    assert found(sky.search("nonesuch").expect(0, "no dataset of the registry's 5 buckets matches")) == []
    sky.search("nonesuch", "--error-on-empty").expect(9)
    sky.search().expect(2, "needs a WORD")
    sky.search("").expect(2, "empty")


def test_limit_and_formats(sky):
    assert found(sky.search("sun", "--limit", "2").expect(0)) == ranked("sun")[:2]
    best = json.loads(sky.search("sun", "--json", "--limit", "1").expect(0).out)
    assert best == {"bucket": "s3://bucket-a/", "id": "aia_0131", "title": "Images of the sun, the SUN",
                    "start": "2015-01-01T00:00Z", "stop": "2020-01-01T00:00Z", "score": 3, "name": "The bucket-a",
                    "index": "s3://bucket-a/i/", "tags": ["sun-disk", "caf\u00e9"]}
    assert sky.search("electrons", "--format", "keys").expect(0).out == "MMS1_FEEPS\n"


def test_41_a_registry_of_the_network_leads_to_no_file(sky, tmp_path):
    sky.registry = [{"endpoint": f"file://{sky.folder}/bucket-a/", "name": "Mine", "region": "none"}, sky.registry[1]]
    sky.publish()
    done = sky.search("i").expect(1, "Mine", "file://")
    assert {hit[0] for hit in found(done)} == {"s3://bucket-b/"}
    access = ["--registry", sky.origin.url + "/registry.json", "--endpoint-url", sky.origin.url]
    sky.program("registry", "endpoint", "Mine", *access).expect(4, "may not name a file:// address")
    sky.program("index", "--all", "--dry-run", *access, "--keep-index", tmp_path / "kept").expect(1, "may not name a file:// address")
    sky.program("index", "--all", *access, "--keep-index", tmp_path / "kept")
    held = sky.program("store", "list", "--format", "csv").out
    assert "file:" not in held and not list((tmp_path / "kept").rglob("*0094*"))
    done = sky.program("search", "sun", "--registry", sky.folder / "registry.json", "--endpoint-url", sky.origin.url).expect(0)
    assert [hit[1] for hit in found(done)] == ["aia_0131", "aia_0094"]


def test_p4_large_catalogs_take_bounded_memory(sky):
    """Together they are more than may be held at once: what finds no room is asked for again, alone."""
    for name in BUCKETS:
        catalog = json.loads((sky.folder / name / "catalog.json").read_text())
        sky.write(f"/{name}/catalog.json", json.dumps({**catalog, "comment": "x" * (6 << 20)}))
        sky.origin.script(f"/{name}/catalog.json", Behaviour(stall=5 << 20))  # all have come so far before one is whole
    done = sky.search("sun", "--memory", "16M", "--max-catalog", "8M", "--stall-time", "1s", "--retries", "1").expect(0)
    assert found(done) == ranked("sun")
    assert sum(r.status == 206 and r.headers["range"].startswith("bytes=0-") for r in sky.origin.requests()) > 1 + len(BUCKETS)


def test_33_p4_catalogs_that_find_no_room_take_none(heliodex, sky):
    """Few of a hundred catalogs fill the memory; what had come of each other one is given back."""
    plain = plain_build()
    if not plain:
        pytest.skip("HDX_BUILD and HDX_VALGRIND_BUILD name no build without sanitizers")
    heliodex.path = plain / "heliodex"
    names = [f"crowd-{i:03}" for i in range(100)]
    sky.registry = [{"endpoint": f"s3://{name}/", "name": name, "region": "us-east-1"} for name in names]
    sky.publish()
    body = b'{"version": "1.0", "status": {"code": 1200}, "catalog": [], "x": "' + b"x" * (5 << 20) + b'"}'
    for name in names:
        sky.origin.put(f"/{name}/catalog.json", body)
        sky.origin.script(f"/{name}/catalog.json", Behaviour(stall=len(body) - 1, ignore_range=True))
    arguments = sky.arguments(["sun", "--memory", "16M", "--max-catalog", "8M", "--stall-time", "1s", "--retries", "1"])
    with open(heliodex.home / "err", "wb") as err:
        process = heliodex.start(*arguments, stdout=err, stderr=err)
        peak = peak_of(process)
    assert process.returncode == 0 and 8 << 20 < peak < 72 << 20, peak


# ---- datasets


@pytest.fixture
def listed(client):
    client.tiny.add("aia_0094", {2020: 1}, modification="2021-05-01T00:00:00Z", collections=["sun"])
    client.tiny.add("aia_0131", {2018: 1}, modification="2021-04-30T23:59:59Z", index=f"s3://{'tiny-bucket'}/SDO/aia/")
    client.tiny.add("mms-fgm", {2015: 1, 2023: 1}, modification="2023-05-04:00:00:00Z")  # a colon for the T, as published
    client.tiny.add("ACE", {2001: 1}, modification="now and then")
    client.tiny.add("_odd", {2002: 1}, index="https://elsewhere.example/a+b/")

    def run(*arguments):
        return client.program("datasets", client.bucket, *client.access, *arguments)

    return run


def ids(done):
    return [row["id"] for row in csv.DictReader(io.StringIO(done.out))]


def test_changed_since(listed):
    assert ids(listed("--since", "2021-05").expect(0, "leaves out 2 datasets")) == ["aia_0094", "mms-fgm"]
    assert ids(listed("--since", "2021-05-01T00:00:01Z").expect(0)) == ["mms-fgm"]
    assert ids(listed("--since", "2024").expect(0, "no dataset of")) == []
    listed("--since", "2024", "--error-on-empty").expect(9)
    listed("--since", "whenever").expect(2)


@pytest.mark.parametrize("options,expected", [
    (["--path", "/SDO/"], ["aia_0131"]),
    (["--path", "/sdo/"], []),
    (["--path", "/sdo/", "--ignore-case"], ["aia_0131"]),
    (["--path", "a+b"], ["_odd"]),
    (["--path-regex", r"a\+b/$"], ["_odd"]),
    (["--path-regex", "^s3://.*/i/$"], ["aia_0094", "mms-fgm", "ACE"]),
    (["--path-regex", "SDO|ELSEWHERE"], ["aia_0131"]),
    (["--path-regex", "SDO|ELSEWHERE", "-i"], ["aia_0131", "_odd"]),
    (["--path-regex", "SDO|ELSEWHERE", "-i", "--path", "HTTPS"], ["_odd"]),
    (["--path", "/i/", "aia_*", "--collection", "s?n", "--since", "2021"], ["aia_0094"]),
])
def test_by_path(listed, options, expected):
    assert ids(listed(*options).expect(0)) == expected


def test_a_regular_expression_that_is_none(listed):
    listed("--path-regex", "a(b").expect(2, "--path-regex", "'a(b'", "regular expression")


def test_tree(listed):
    trees = [json.loads(line) for line in listed("--tree", "--json").expect(0).lines]
    assert [(tree["word"], tree["datasets"], tree["start"][:4], tree["stop"][:4], tree["ids"]) for tree in trees] == [
        ("aia", 2, "2018", "2020", ["aia_0094", "aia_0131"]), ("mms", 1, "2015", "2023", ["mms-fgm"]),
        ("ACE", 1, "2001", "2001", ["ACE"]), ("_odd", 1, "2002", "2002", ["_odd"])]
    assert listed("--tree", "--format", "keys", "--limit", "2", "*[a-z]*").expect(0).lines == ["aia", "mms"]


def test_json_says_more(listed):
    first = json.loads(listed("aia_0094", "--json").expect(0).out)
    assert (first["index"], first["indextype"], first["modification"], first["collections"], first["tags"]) == (
        "s3://tiny-bucket/i/", "csv", "2021-05-01T00:00:00Z", ["sun"], None)


# ---- the registry


@pytest.fixture
def registry(heliodex, tmp_path):
    file = tmp_path / "home" / "my registry.json"
    file.write_text(json.dumps({"CloudCatalog": "0.4", "registry": [
        {"endpoint": "s3://one/", "name": "One", "region": "us-east-1", "maintainer": "unknown keys do no harm"},
        {"endpoint": "s3://two/", "name": "Two", "region": "us-west-2"},
        {"endpoint": "gs://two-b/", "name": "Two", "region": "eu-west-1", "provider": "gcs"},
        {"endpoint": "s3://three/", "name": "Three", "region": "us-east-1"},
        {"endpoint": "s3://three-b/", "name": "Three", "region": "us-east-1"},
        {"endpoint": "s3://one", "name": "Again", "region": "us-east-1"},
        {"endpoint": "s3://lacking/", "name": "Lacking"}]}))
    return file


@pytest.mark.parametrize("how", ["relative", "path", "url", "variable"])
def test_registry_of_a_file(heliodex, registry, how):
    env, where = {}, []
    if how == "variable":
        env = {"ROOT_CATALOG_REGISTRY_URL": str(registry)}
    else:
        where = ["--registry", {"relative": registry.name, "path": registry, "url": registry.as_uri()}[how]]
    done = heliodex("registry", *where, "--format", "keys", env=env).expect(0, "an earlier one", "no \"region\"")
    assert done.lines == ["s3://one/", "s3://two/", "gs://two-b/", "s3://three/", "s3://three-b/"]


@pytest.mark.parametrize("endpoint, region, told", [
    ("ftp://x/", "us-east-1", "expected a URL that begins with"), ("just-a-name", "us-east-1", "expected a URL"),
    ("s3:///", "us-east-1", "expected a bucket"), ("s3://Bad!bucket/", "us-east-1", "cannot be part of a bucket name"),
    ("s3://a-bucket/../b/", "us-east-1", "without components"), ("http://[::/", "us-east-1", "an IPv6 address"),
    ("http://127.0.0.1:1/?a=b", "us-east-1", "without a query"), ("s3://a-bucket/", "us east", "expected a region"),
])
def test_23_what_is_wrong_in_a_registry_is_no_misuse(sky, endpoint, region, told):
    """Exit 7, as of all documents that are damaged, and other buckets go on."""
    access = ["--registry", f"{sky.origin.url}/registry.json", "--endpoint-url", sky.origin.url]
    sky.registry.append({"endpoint": endpoint, "name": "The odd one", "region": region})
    sky.publish()
    for verb, *more in (["datasets"], ["index"], ["query", "x"]):
        sky.program(verb, "The odd one", *more, *access).expect(7, "the registry's entry The odd one: ", told)
    assert found(sky.search("sun").expect(1, "the registry's entry The odd one: ", "1 of 6 buckets")) == ranked("sun")
    done = sky.program("index", "--all", "sun-model", "--dry-run", *access).expect(1, "the registry's entry The odd one: ")
    assert "1 of 6 buckets" in done.err
    sky.program("datasets", "The bucket-a", *access, "--region", "us east").expect(2, "expected a region")


def test_41_p10_entries_with_a_password_are_skipped(sky):
    for at, secret in enumerate(["http://user:hunter2@127.0.0.1:1/", "https://hunter2@h/", "s3://hunter2@bucket/"]):
        sky.registry += [{"endpoint": secret, "name": f"Odd {at}", "region": "us-east-1"}] * 2
    sky.publish()
    access = ["--registry", f"{sky.origin.url}/registry.json", "--endpoint-url", sky.origin.url]
    for command, code in (["registry"], 0), (["datasets", "Odd 0"], 3), (["search", "sun"], 0), (["index", "--all", "x"], 3):
        done = sky.program(*command, *access, "-vv").expect(code, "the entry is skipped: its endpoint has a user or password")
        assert "hunter2" not in done.err + done.out


def test_23_registry_that_is_no_file(heliodex, tmp_path):
    heliodex("registry", "--registry", "none.json").expect(3, "none.json")


@pytest.mark.parametrize("arguments,code,out,told", [
    (["One"], 0, "s3://one/\n", ""),
    (["one"], 0, "s3://one/\n", ""),
    (["Two"], 2, "", "2 entries of that name, in different regions: us-west-2, eu-west-1; a region prefix would tell"),
    (["Two", "--first"], 0, "s3://two/\n", ""),
    (["Two", "--region-prefix", "eu-"], 0, "gs://two-b/\n", ""),
    (["Three"], 2, "", "all in one region: us-east-1, us-east-1; a region prefix would not tell them apart"),
    (["Three", "--region-prefix", "us"], 2, "", "would not tell them apart"),
    (["Two", "--region-prefix", "ap"], 3, "", "in other regions only: us-west-2, eu-west-1"),
    (["Tow"], 3, "", "did you mean Two"),
])
def test_endpoint(heliodex, registry, arguments, code, out, told):
    done = heliodex("registry", "endpoint", *arguments, "--registry", registry).expect(code, told)
    assert done.out == out


@pytest.mark.skipif(bool(missing()), reason=str(missing()))
@pytest.mark.parametrize("acl", ["public-read", "private"])
def test_registry_in_a_bucket(heliodex, gateway, acl):
    name = f"registry-{acl}"
    content = {"registry": [{"endpoint": "s3://there/", "name": "There", "region": "us-east-1"}]}
    gateway.bucket(name, {"deep/down +.json": json.dumps(content).encode()}, acl=acl)
    arguments = ["registry", "--registry", f"s3://{name}/deep/down +.json", "--endpoint-url", gateway.url, "--format", "keys"]
    if acl == "private":
        heliodex(*arguments).expect(4)
    done = heliodex(*arguments, env=owner(gateway) if acl == "private" else {}).expect(0)
    assert done.lines == ["s3://there/"]
    assert heliodex(*arguments, "--offline").expect(0).lines == ["s3://there/"]


def test_collections_are_compared_without_their_escapes(client, tiny):
    names = {"a": ["Größe", "plain"], "b": ['say "hi"'], "c": ["a\\b"], "d": "single"}
    for identifier, collections in names.items():
        tiny.add(identifier, {2019: 1}, collections=collections)
    assert "\\u00f6" in tiny.read(tiny.catalog_path).decode()  # as Python's json writes it
    for glob, found in {"Größe": "a", "Gr??e": "a", 'say "hi"': "b", "a?b": "c", "single": "d"}.items():
        done = client.program("datasets", client.bucket, "--collection", glob, "--format", "keys", *client.access).expect(0)
        assert done.lines == [found], glob

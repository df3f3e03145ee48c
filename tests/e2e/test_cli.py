"""The command line: exit codes, formats, documents (registry, catalog), help, pipes."""

import csv
import io
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import TINY
from origin import Behaviour

VERBS = ["registry", "registry endpoint", "datasets", "info", "index", "query", "verify", "store list", "store remove",
         "version", "completion", "help"]


@pytest.fixture
def one(tiny, client):
    """Three datasets, one with an awkward key and an empty size; indexed."""
    tiny.add("plain", {2018: 30, 2019: 30})
    tiny.add("awkward", {2019: '2019-01-02Z,2019-01-03Z,"s3://b/a, ""b""\tc\\d é.cdf",\n'
                               "2019-01-04T00:00:00.5Z,2019-01-05Z,s3://b/e,7\n"})
    tiny.add("ac_h2_cris", {2019: 5}, title="ACE CRIS daily")
    client.index().expect(0)
    tiny.origin.clear()
    return client


# ---- usage


@pytest.mark.parametrize("arguments", [
    [], ["frobnicate"], ["query"], ["query", "s3://b/"], ["index", "--nonsense"], ["query", "s3://b/", "x", "--jobs"],
    ["index", "s3://b/", "--jobs", "0"], ["index", "s3://b/", "--jobs", "many"], ["index", "s3://b/", "--part-size", "1X"],
    ["index", "s3://b/", "--memory", "1"], ["query", "s3://b/", "x", "--match", "touch"],
    ["query", "s3://b/", "x", "--format", "xml"], ["index", "ftp://b/x/"], ["index", "s3://"],
    ["index", "s3://b/", "--endpoint-url", "nonsense"], ["index", "s3://b/", "--map", "x"],
    ["info", "s3://b/", "x", "y"], ["completion", "tcsh"], ["store", "frob"], ["help", "query", "now"],
    ["ls", "s3://b/", "--start-after", "s3://b/x"], ["validate", "--rules", "s3://b/"], ["validate", "--deep"],
    ["mirror", "--keys-from", "list", "--plan", "plan", "--dest", "d"], ["verify", "s3://b/", "--mirror", "d"],
    ["query", "s3://b/", "x", "--where", "filesize"], ["mirror", "--keys-from", "list", "--dest", "d", "--shard", "9/4"],
])
def test_usage_errors(heliodex, arguments):
    done = heliodex(*arguments)
    assert done.code == 2, done
    assert done.err and done.out == "", done


def test_near_names_of_options_and_verbs(heliodex):
    heliodex("qurey").expect(2, "query")
    heliodex("index", "s3://b/", "--job", "3").expect(2, "--jobs")


@pytest.mark.parametrize("value", ["yesterday", "2020-13-01", "2020-02-30", "2020-01-01T25", "2020-01-01T00:00:00+01:00", "1500",
                                   "2020-01-01 ", ""])
def test_malformed_times(heliodex, value):
    heliodex("query", "s3://b/", "x", "--start", value).expect(2, "--start")


@pytest.mark.parametrize("value", ["2019-01-03", "2019-01-03T00", "2019-01-03T00:00:00Z", "2019-003", "2019-003T00:00:00.000Z"])
def test_truncated_times(one, value):
    got = one.query("plain", "--start", value, "--offline").expect(0).out
    assert got == one.query("plain", "--start", "2019-01-03T00:00:00.000000000Z", "--offline").expect(0).out


def test_unknown_dataset(one):
    one.query("ac_h2_criss").expect(3, "ac_h2_cris")
    one.query("nothing_like_it").expect(3, "nothing_like_it")
    one.index("nothing_like_it").expect(3, "nothing_like_it")
    one.program("info", one.bucket, "ac_h2_criss", *one.access).expect(3, "ac_h2_cris")


def test_any_letter_case(one):
    assert one.query("AC_H2_CRIS").expect(0).out == one.query("ac_h2_cris").expect(0).out


def test_globs(one):
    one.index("nothing*").expect(0, "warning", "no dataset matches")
    one.index("nothing*", "--error-on-empty").expect(9)
    one.index("a*", "--store", one.program.home / "other").expect(0)
    assert sorted(path.stem for path in (one.program.home / "other").rglob("*.hdx")) == ["ac_h2_cris", "awkward"]


def test_empty_range(one):
    done = one.query("plain", "--start", "2019-01-01", "--stop", "2019-01-01")
    assert done.code in (0, 2)
    one.query("plain", "--start", "2011-01-01", "--stop", "2011-01-02").expect(0)
    one.query("plain", "--start", "2011-01-01", "--stop", "2011-01-02", "--error-on-empty").expect(9)


def test_options_by_environment_and_place(one):
    env = {"HELIODEX_ENDPOINT_URL": one.tiny.origin.url, "HELIODEX_FORMAT": "ndjson"}
    done = one.program("--offline", "query", one.bucket, "plain", "--limit=2", env=env).expect(0)
    assert len(done.lines) == 2 and json.loads(done.lines[0])
    done = one.program("query", one.bucket, "plain", "--offline", "--format", "keys", env=env).expect(0)
    assert done.lines[0].startswith("s3://")
    one.program("query", one.bucket, "plain", "--offline", env={**env, "HELIODEX_JOBS": "x"}).expect(2, "HELIODEX_JOBS")
    env = {"AWS_ENDPOINT_URL": one.tiny.origin.url}
    one.program("query", one.bucket, "plain", "--offline", env=env).expect(0)


# ---- formats


def test_csv_is_what_the_reference_writes(one):
    one.check()
    one.tiny.origin.clear()


def test_p9_formats_agree(one):
    def query(*arguments):
        return one.query("awkward", "--offline", *arguments).expect(0)

    table = list(csv.DictReader(io.StringIO(query().out)))
    assert [row["datakey"] for row in table] == ['s3://b/a, "b"\tc\\d é.cdf', "s3://b/e"]
    assert [row["filesize"] for row in table] == ["", "7"]
    assert [row["start"] for row in table] == ["2019-01-02T00:00:00.000Z", "2019-01-04T00:00:00.500Z"]
    ndjson = [json.loads(line) for line in query("--format", "ndjson").lines]
    assert [row["filesize"] for row in ndjson] == [None, 7]
    assert [(row["start"], row["stop"], row["datakey"]) for row in ndjson] == \
        [(row["start"], row["stop"], row["datakey"]) for row in table]
    assert query("--json").out == query("--format", "ndjson").out
    assert json.loads(query("--format", "json").out) == ndjson
    tsv = [line.split("\t") for line in query("--format", "tsv").out.rstrip("\n").split("\n")]
    assert tsv[0] == ["start", "stop", "datakey", "filesize"]
    assert tsv[1][2] == 's3://b/a, "b"\\tc\\\\d é.cdf'
    assert query("--format", "keys").out == "".join(row["datakey"] + "\n" for row in table)
    assert query("--format", "keys", "-0").out == "".join(row["datakey"] + "\0" for row in table)
    assert "s3://b/e" in query("--format", "table").out


def test_empty_answers_are_well_formed(one):
    nothing = ["--start", "2011", "--stop", "2012", "--offline"]
    assert one.query("plain", *nothing).out == "start,stop,datakey,filesize\n"
    assert json.loads(one.query("plain", *nothing, "--format", "json").out) == []
    assert one.query("plain", *nothing, "--format", "ndjson").out == ""


def test_default_format_is_csv_in_a_pipe(one):
    assert one.program("query", one.bucket, "plain", *one.access, "--offline").out == one.query("plain", "--offline").out


def test_p1_output_file_is_atomic(one, tmp_path):
    target = tmp_path / "rows.csv"
    target.write_text("old")
    one.query("plain", "-o", target, "--start", "2300").expect(2)
    one.query("none", "-o", target).expect(3)
    assert target.read_text() == "old"
    done = one.query("plain", "-o", target, "--offline").expect(0)
    assert done.out == "" and target.read_text() == one.query("plain", "--offline").out
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("rows")] == ["rows.csv"]
    assert one.query("plain", "-o", "-", "--offline").out == target.read_text()
    one.query("plain", "-o", tmp_path / "no" / "where").expect(6)


def test_output_to_an_open_descriptor_appends(one, tmp_path):
    (tmp_path / "all.csv").write_text("old\n")
    with open(tmp_path / "all.csv", "a") as appended:
        one.query("plain", "--limit", "1", "--format", "keys", "-o", "/dev/stdout", stdout=appended).expect(0)
    assert (tmp_path / "all.csv").read_text().startswith("old\ns3://")


def test_limit(one):
    whole = one.query("plain", "--offline").lines
    assert one.query("plain", "--offline", "--limit", "3").lines == whole[:4]


# ---- pipes


def test_35_closed_pipe_is_quiet(one):
    one.tiny.add("much", {2019: 60000})
    one.index("much").expect(0)
    process = one.program.start("query", one.bucket, "much", *one.access, "--offline")
    assert process.stdout.readline() == b"start,stop,datakey,filesize\n"
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) in (0, 141, -13)
    assert err == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_28_full_standard_output(one):
    with open("/dev/full", "wb") as full:
        one.query("plain", "--offline", stdout=full).expect(6, "space")
        one.program("version", stdout=full).expect(6)


def test_28_closed_standard_output(one):
    done = one.query("plain", "--offline", stdout=None, preexec_fn=lambda: os.close(1))
    assert done.code in (0, 6)
    assert os.path.isdir(one.program.store)


# ---- registry and catalog


REGISTRY = {"CloudCatalog": "1.0", "modificationDate": "2024-01-01T00:00Z", "registry": [
    {"endpoint": f"s3://{TINY}/", "name": "The Tiny Archive", "region": "us-east-1"},
    {"endpoint": "s3://twin-east/", "name": "Twin", "region": "us-east-1"},
    {"endpoint": "s3://twin-west/", "name": "Twin", "region": "us-west-2", "provider": "aws"}]}


@pytest.fixture
def registry(one):
    one.tiny.origin.put("/registry.json", json.dumps(REGISTRY).encode())
    one.registry = ["--registry", f"{one.tiny.origin.url}/registry.json"]
    return one


def test_registry(registry):
    done = registry.program("registry", *registry.registry, "--format", "csv").expect(0)
    assert [row["endpoint"] for row in csv.DictReader(io.StringIO(done.out))] == [e["endpoint"] for e in REGISTRY["registry"]]
    env = {"ROOT_CATALOG_REGISTRY_URL": f"{registry.tiny.origin.url}/registry.json"}
    assert registry.program("registry", "--format", "csv", env=env).expect(0).out == done.out
    registry.program("registry", env={"ROOT_CATALOG_REGISTRY_URL": "http://127.0.0.1:1/x"}, *registry.registry)


def test_registry_endpoint(registry):
    def ask(*arguments):
        return registry.program("registry", "endpoint", *arguments, *registry.registry)

    assert "s3://twin-west/" in ask("Twin", "--region-prefix", "us-west").expect(0).out
    assert "s3://twin-east/" in ask("Twin", "--first").expect(0).out
    ask("Twin").expect(2, "region")
    ask("Nobody").expect(3, "Nobody")


def test_bucket_by_registry_name(registry):
    done = registry.program("query", "The Tiny Archive", "plain", *registry.registry, *registry.access, "--format", "csv").expect(0)
    assert done.out == registry.query("plain").out
    registry.program("query", "Twin Peaks Archive", "plain", *registry.registry).expect(3)
    registry.program("datasets", "Twin", *registry.registry, "--retries", "0").expect(2)
    bare = registry.program("query", TINY, "plain", *registry.access, "--format", "csv").expect(0)
    assert bare.out == done.out


@pytest.mark.parametrize("text, told", [
    ("", []), ("{", ["line 1"]), ('{"registry": [\n {"name": "a"\n "region": "b"}]}', ["line 3"]), ("[]", []),
    ('{"registry": 5}', ["registry"]), ("<html>", []), ('{"registry": [' + "[" * 5000, [])])
def test_23_malformed_registry(one, text, told):
    one.tiny.origin.put("/registry.json", text.encode())
    one.program("registry", "--registry", f"{one.tiny.origin.url}/registry.json").expect(7, "registry.json", *told)


def test_23_registry_entries_that_are_none(registry):
    odd = {"registry": [{"name": "x"}, 7, *REGISTRY["registry"], REGISTRY["registry"][0]]}
    registry.tiny.origin.put("/registry.json", json.dumps(odd).encode())
    done = registry.program("registry", *registry.registry, "--format", "csv").expect(0, "warning")
    assert len(done.lines) == 4


@pytest.mark.parametrize("text, told", [
    ("", []), ('{\n"catalog": [\n{"id": "a" "index": "b"}]}', ["line 3"]), ("{}", []), ('{"catalog": 1, "status": "1200/OK"}', []),
    ('{"catalog": []}', ["status"]), ("<!DOCTYPE html><p>", [])])
def test_24_malformed_catalog(one, text, told):
    one.tiny.write(one.tiny.catalog_path, text)
    one.program("index", one.bucket, *one.access, "--store", one.program.home / "fresh").expect(7, "catalog.json", *told)


@pytest.mark.parametrize("status", [{"code": 1400, "message": "back on Monday"}, "1400/back on Monday"])
def test_24_catalog_that_is_unavailable(tiny, client, status):
    tiny.extra["status"] = status
    tiny.add("a", {2019: 3})
    client.index().expect(5, "back on Monday")


@pytest.mark.parametrize("status", ["1200/OK", {"code": "1200", "message": "OK"}])
def test_24_legacy_catalog(tiny, client, status):
    tiny.extra["status"] = status
    tiny.add("old", {2018: 3, 2019: 3}, index=None, start=None, stop=None, loc=f"s3://{TINY}/i/", startdate="2018-01-01T00:00:00Z",
             enddate="2019-12-31T00:00:00Z", ndxformat="CSV")
    client.index().expect(0)
    assert len(client.query("old", "--offline").expect(0).lines) == 7


def test_24_catalog_entries_that_are_none(tiny, client):
    tiny.entries = [{"id": "lacks"}, 5, {"id": "../evil", "index": "s3://b/", "title": "t", "start": "2019", "stop": "2019"}]
    tiny.add("good", {2019: 3})
    client.index().expect(0, "lacks", "evil")
    client.query("good", "--offline").expect(0)
    assert not list(client.program.home.rglob("*evil*"))


def test_catalog_with_a_byte_order_mark(tiny, client):
    tiny.add("a", {2019: 3})
    tiny.write(tiny.catalog_path, b"\xef\xbb\xbf" + tiny.read(tiny.catalog_path))
    client.index().expect(0)


def test_24_catalog_that_is_too_large(tiny, client):
    tiny.add("a", {2019: 3}, description="x" * 20000)
    client.index("--max-catalog", "10K").expect(8, "catalog.json", "limit")
    client.index("--max-catalog", "100K").expect(0)


def test_other_catalog_name(tiny, client):
    tiny.add("a", {2019: 3})
    tiny.write(f"/{TINY}/other.json", tiny.read(tiny.catalog_path))
    tiny.origin.remove(tiny.catalog_path)
    client.index().expect(3, "catalog.json")
    client.index("--catalog-name", "other.json").expect(0)


def test_datasets(one):
    done = one.program("datasets", one.bucket, *one.access, "--format", "csv").expect(0)
    assert [row["id"] for row in csv.DictReader(io.StringIO(done.out))] == ["plain", "awkward", "ac_h2_cris"]
    done = one.program("datasets", one.bucket, "a*", *one.access, "--format", "keys").expect(0)
    assert done.lines == ["awkward", "ac_h2_cris"]


def test_info(one):
    done = one.program("info", one.bucket, "plain", *one.access).expect(0)
    for text in ("The plain", f"s3://{TINY}/i/", "2018", "2019", "30", "held as of,", "2018 to 2019: 2 present"):
        assert text in done.out, done


# ---- bad rows


def test_25_bad_rows_are_told_and_others_kept(tiny, client):
    tiny.add("bad", {2019: "# start, stop, datakey, filesize\n2019-01-01Z,2019-01-02Z,good,1\nwhat,is,this,4\n"
                           "2019-01-03Z,2019-01-04Z,,5\n2019-01-05Z,2019-01-06Z,also good,6\n"})
    client.index().expect(0, "bad_2019.csv:3:1: ", "bad_2019.csv:4:25: ")
    client.check()
    client.index("--max-bad-rows", "1", "--store", client.program.home / "strict").expect(7, "bad_2019.csv")
    client.index("--max-bad-rows", "2", "--store", client.program.home / "lenient").expect(0)


# ---- messages


def test_quiet_and_verbose(one):
    assert one.index("-q").expect(0).err == ""
    assert one.index().expect(0).err.strip()
    assert "plain 2018" in one.index("-v").expect(0).err
    assert one.query("plain", "--offline").err == ""


def test_38_control_characters_do_not_reach_the_terminal(tiny, client):
    tiny.add("x", {2019: "2019-01-01Z,2019-01-02Z,k,1\n\x1b[31mred\x07\n"}, title="\x1b]0;owned\x07 title")
    done = client.index("-v")
    shown = client.program("datasets", client.bucket, *client.access, "--format", "table")
    for text in (done.err, shown.out):
        assert "\x1b" not in text and "\x07" not in text


def test_progress_as_json(one):
    done = one.index("--progress", "json").expect(0)
    assert done.err and all(isinstance(json.loads(line), dict) for line in done.err.splitlines())


def summary(done):
    """The event that ends a run with --progress json."""
    event, = (event for event in map(json.loads, done.err.splitlines()) if event["event"] == "summary")
    return event


def test_summaries_for_machines(one):
    machine = ["--progress", "json"]
    told = summary(one.index(*machine, "--dry-run").expect(0))
    assert (told["datasets"], told["files"]) == (3, 4) and one.tiny.asked() == []
    told = summary(one.index(*machine).expect(0))
    assert (told["files_unchanged"], told["rows"], told["files_failed"]) == (4, 67, 0)
    done = one.program("validate", one.bucket, "--deep", *machine, *one.access, "--format", "ndjson").expect(1)
    told, found = summary(done), [json.loads(line)["severity"] for line in done.lines]
    assert (told["datasets"], told["files"], told["rows"]) == (3, 4, 67)
    assert (told["errors"], told["warnings"]) == (found.count("error"), found.count("warning")) and told["errors"] > 0


def test_the_header_of_a_table_is_bold_where_colors_are_asked_for(one):
    table = ["datasets", one.bucket, *one.access, "--format", "table"]
    plain = one.program(*table).expect(0).lines
    bold = one.program(*table, "--color", "always").expect(0).lines
    assert "\x1b" not in "".join(plain) and bold[1:] == plain[1:]
    assert bold[0].replace("\x1b[1m", "").replace("\x1b[0m", "") == plain[0] and bold[0].startswith("\x1b[1mid")
    assert one.program(*table, "--color", "always", env={"NO_COLOR": "1"}).lines == bold


def test_rows_may_go_to_standard_error(one):
    done = one.query("ac_h2_cris", "-o", "/dev/stderr").expect(0)
    assert done.out == "" and done.err == one.query("ac_h2_cris").expect(0).out


def test_an_archive_that_lists_nothing(tiny, client, tmp_path):
    tiny.publish()
    client.program("datasets", client.bucket, *client.access).expect(0, "lists no dataset")
    client.program("datasets", client.bucket, *client.access, "--error-on-empty").expect(9, "lists no dataset")
    (tmp_path / "registry.json").write_text('{"registry": []}')
    url = (tmp_path / "registry.json").as_uri()
    client.program("registry", "--registry", url, "--error-on-empty").expect(9, "names no bucket")


def test_a_range_without_a_year_is_warned_of(one):
    one.index("--start", "2019", "--stop", "2019").expect(0, "the same instant")
    assert one.tiny.asked() == []


@pytest.mark.parametrize("verb", [["mirror", "d", "--dest", "dest"], ["cat", "d"]], ids=lambda verb: verb[0])
def test_28_a_report_that_is_not_written_is_told(archive, client, verb):
    archive.dataset("d", {"a": b"1", "b": b"22"})
    client.index().expect(0)
    done = client.program(verb[0], client.bucket, *verb[1:], *client.access, "--report", "/dev/full")
    done.expect(6, "/dev/full: not written: No space left on device")


def test_40_a_reader_of_findings_that_goes_ends_the_run(tiny, client):
    for i in range(300):
        tiny.add(f"set_{i}", {2019: 1})
    process = client.program.start("validate", client.bucket, "--severity", "note", *client.access, "--format", "csv")
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait(60) == 141 and "heliodex:" not in err


def test_40_standard_output_that_does_not_block(one):
    """As a caller may have set it that waits for several programs at once: bytes are waited with, none is lost."""
    one.tiny.add("long", {year: 4000 for year in range(2000, 2010)})
    one.index().expect(0)
    expected = one.query("long").expect(0).raw
    end, begin = os.pipe()
    os.set_blocking(begin, False)
    process = one.program.start("query", one.bucket, "long", *one.access, "--format", "csv", stdout=begin)
    os.close(begin)
    with open(end, "rb") as out:
        assert out.read() == expected and len(expected) > 2_000_000
    assert process.wait(60) == 0, process.stderr.read()


def test_stats(one, tmp_path):
    one.index("--stats", tmp_path / "stats").expect(0)
    stats = json.loads((tmp_path / "stats").read_text())
    requests = one.tiny.origin.requests()
    assert stats["requests"] == len(requests)
    assert stats["connections"] == one.tiny.origin.connections
    host, = stats["hosts"]
    assert host["requests"] == len(requests) and host["host"] == one.tiny.origin.url


def test_summary_tells_numbers(one):
    one.tiny.origin.script(one.tiny.path("plain", 2018), Behaviour(status=500), Behaviour(status=500))
    done = one.index("--store", one.program.home / "fresh").expect(0)
    for word in ("datasets", "files", "rows", "bytes", "requests", "2 retried"):
        assert word in done.err.lower(), done
    assert re.search(r"\b67\b", done.err), done  # rows: 60 + 2 + 5


# ---- help


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb(heliodex, verb):
    done = heliodex("help", *verb.split()).expect(0)
    assert done.err == "" and verb.split()[0] in done.out
    assert heliodex(*verb.split(), "--help").expect(0).out == done.out
    assert all(len(line) <= 100 for line in done.lines if not line.startswith("  heliodex"))
    if verb == "index":
        assert "--part-size" in done.out and "--match" not in done.out


def test_help_without_a_verb(heliodex):
    done = heliodex("help").expect(0)
    assert all(verb.split()[0] in done.out for verb in VERBS)
    assert heliodex("--help").expect(0).out == done.out
    heliodex("help", "nothing").expect(2)


def test_version(heliodex):
    done = heliodex("version").expect(0)
    for word in ("heliodex", "curl", "zstd", "simdjson"):
        assert word in done.out.lower()
    assert re.search(r"\d+\.\d+\.\d+", heliodex("--version").expect(0).out)
    assert "scalar" in heliodex("version", env={"HELIODEX_KERNEL": "scalar"}).expect(0).out


def test_man_page(heliodex, tmp_path):
    page = heliodex("help", "--man").expect(0).out
    assert page.startswith((".\\\"", ".TH")) and ".SH NAME" in page.replace('"', "") and "part\\-size" in page.replace("\\-\\-", "--")
    if shutil.which("groff"):
        (tmp_path / "page").write_text(page)
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-K", "utf8", tmp_path / "page"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(heliodex, tmp_path, shell):
    script = heliodex("completion", shell).expect(0).out
    assert "heliodex" in script and "part-size" in script
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_bash_completes_words(heliodex, tmp_path):
    (tmp_path / "script").write_text(heliodex("completion", "bash").expect(0).out)

    def complete(*words):
        asked = " ".join(f"'{word}'" for word in words)
        code = (f"source {tmp_path}/script; f=$(complete -p heliodex | sed 's/.*-F \\([^ ]*\\).*/\\1/'); COMP_WORDS=({asked}); "
                f"COMP_CWORD={len(words) - 1}; COMP_LINE='{' '.join(words)}'; COMP_POINT=${{#COMP_LINE}}; "
                f"$f heliodex '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True)
        return [line.strip() for line in done.stdout.split("\n")]

    assert "query" in complete("heliodex", "qu")
    assert "--part-size" in complete("heliodex", "index", "--part")
    assert "contained" in complete("heliodex", "query", "--match", "co")
    assert "query" in complete("heliodex", "") and "--part-size" not in complete("heliodex", "")

"""Lists that are wrong, endless or large: a list is a hint, which costs neither rows nor memory nor an end.

A stage (stage.py) is the endpoint; its lists are answered by a function of the test.
"""

import random
import time
from urllib.parse import parse_qsl, quote

import pytest

from answering import Answering
from conftest import Program, plain_build
from stage import Stage, User, etag
from usage import peak_of

YEARS = list(range(1990, 2020))
GAPS = [1995, 2005]
FILES = len(YEARS) - len(GAPS)
PAGES_MAX = 110  # that may be asked for where all are empty


def is_list(request):
    return "list-type=2" in request.target


def parameters(request):
    return dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))


def page(keys, token=None, more=None, tags={}, folders=()):
    """A page of a list; there is more if there is a token."""
    more = bool(token) if more is None else more
    inner = "".join(f"<Contents><Key>{quote(key)}</Key><ETag>{tags.get(key, '')}</ETag><Size>1</Size></Contents>"
                    for key in keys)
    inner += "".join(f"<CommonPrefixes><Prefix>{quote(key)}</Prefix></CommonPrefixes>" for key in folders)
    token = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return ("<ListBucketResult><EncodingType>url</EncodingType>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{inner}</ListBucketResult>").encode()


def make_user(program, server, stage):
    it = User(program, server, stage)
    it.environment["AWS_ENDPOINT_URL"] = server.url
    return it


@pytest.fixture
def user(heliodex):
    """A user of a bucket with one dataset, which has two gaps; user.lists(function) answers lists."""
    stage = Stage()
    stage.add("m", YEARS)
    for year in GAPS:
        del stage.objects[f"i/m_{year}.csv"]
    with Answering(stage) as server:
        it = make_user(heliodex, server, stage)

        def lists(answer):
            stage.script = lambda request: (200, {}, answer(request)) if is_list(request) else None

        it.lists = lists
        yield it


def keys(stage, identifier="m"):
    return sorted(key for key in stage.objects if key.startswith(f"i/{identifier}_"))


def listed(user):
    return [request for request in user.server.requests() if is_list(request)]


def files(user, *statuses):
    """The index files that were asked for, sorted."""
    return sorted(r.path.rsplit("/", 1)[1] for r in user.server.requests()
                  if r.path.endswith(".csv") and (not statuses or r.status in statuses))


# ---- wrong lists


class Scripts:
    """Each makes an answer to a list's request: of the stage and the number of the page, from 0."""

    @staticmethod
    def other_folder(stage, number):
        return page([key.replace("i/", "elsewhere/") for key in keys(stage)])

    @staticmethod
    def another_folder_behind(stage, number):
        return page(keys(stage), folders=["j/"])

    @staticmethod
    def backwards(stage, number):
        return page(keys(stage)[::-1])

    @staticmethod
    def same_again(stage, number):
        return page(keys(stage)[:5], token="same")

    @staticmethod
    def to_and_fro(stage, number):
        return page(keys(stage)[:5], token=f"t{number % 2}")

    @staticmethod
    def empty_pages(stage, number):
        return page([], token=f"t{number}")

    @staticmethod
    def no_token(stage, number):
        return page(keys(stage)[:5], more=True)

    @staticmethod
    def large(stage, number):
        return page(keys(stage)).replace(b"<EncodingType>", b" " * (5 << 20) + b"<EncodingType>")

    @staticmethod
    def breaks(stage, number):
        whole = page(keys(stage))
        return whole[:len(whole) // 2]

    @staticmethod
    def breaks_on_its_second_page(stage, number):
        return page(keys(stage)[:9], token="t") if number == 0 else page(keys(stage)[9:])[:-200]

    @staticmethod
    def nothing(stage, number):
        return b""

    @staticmethod
    def html(stage, number):
        return b"<!DOCTYPE html><html><body>It works!</body></html>"

    @staticmethod
    def error_with_status_200(stage, number):
        return b"<Error><Code>InternalError</Code><Message>later</Message></Error>"


SCRIPTS = {  # what is told where lists are insisted on
    "other_folder": "expected keys that begin with 'i/', found 'elsewhere/m_1990.csv'",
    "another_folder_behind": "expected keys that begin with 'i/', found 'j/'",
    "backwards": "order", "same_again": "order", "to_and_fro": "order",
    "empty_pages": "go on", "no_token": "Token", "large": "limit of 4194304", "breaks": "line",
    "breaks_on_its_second_page": "line",
    "nothing": "line", "html": "line", "error_with_status_200": "ListBucketResult",
}


def use(user, name):
    number = iter(range(10**6))
    user.lists(lambda request: getattr(Scripts, name)(user.stage, next(number)))


@pytest.mark.parametrize("name", SCRIPTS)
def test_wrong_list_leads_back_to_asking(user, name):
    """And is given up soon."""
    use(user, name)
    user.index("-v").expect(0, f"{FILES} fetched", f"{len(GAPS)} gaps", "one by one")
    assert len(listed(user)) <= (PAGES_MAX if name == "empty_pages" else 3)
    assert len(files(user, 206)) == FILES and len(files(user, 404)) == len(GAPS)
    user.check("m")


@pytest.mark.parametrize("name", SCRIPTS)
def test_wrong_list_that_is_insisted_on(user, name):
    """Fails, says why and where, and takes nothing for a gap; what was held before stays."""
    use(user, name)
    done = user.index("--discover", "list")
    assert done.code in (7, 8) and SCRIPTS[name] in done.err and "s3://tiny-bucket/i/" in done.err, done
    assert "0 gaps" in done.err and len(listed(user)) <= PAGES_MAX and files(user) == []
    user.index("--discover", "probe").expect(0)
    assert user.index("--discover", "list").code in (7, 8)
    user.check("m")


@pytest.mark.parametrize("behind,why", [("i/", "order"), ("j/", "expected keys that begin with 'i/'")])
def test_absences_of_a_list_that_contradicts_itself(user, behind, why):
    """Where files were taken for gaps before, that is told, with what to do: they are there if one asks."""
    user.stage.add("b", YEARS)

    def answer(request):
        if "continuation-token" not in request.target:
            return page(keys(user.stage, "m"), token="t")
        time.sleep(0.5)  # the first page is made use of meanwhile
        return page([key.replace("i/", behind) for key in keys(user.stage, "b")])

    user.lists(answer)
    told = ["warning", why, f"{len(YEARS)} index files", "--discover probe", "s3://tiny-bucket/i/"]
    done = user.index().expect(1, *told)
    assert files(user, 206) == [key[2:] for key in keys(user.stage, "m")], done
    user.check("m")
    user.index("--discover", "probe").expect(0, f"{len(YEARS)} fetched")
    user.check("b", "m")


def test_rows_that_a_wrong_list_lacks(user):
    """What is held is asked for before its rows are dropped, whatever a list says."""
    user.index("--discover", "probe").expect(0)
    for how in ("auto", "list"):
        user.lists(lambda request: page([]))
        user.server.clear()
        user.index("--discover", how).expect(0, f"{FILES} unchanged", f"{len(GAPS)} gaps", "0 vanished")
        assert len(files(user)) == FILES
        user.check("m")


def test_objects_without_end(user):
    """Strangers between the files that are wanted: lists that cost more than they save are given up."""
    count = iter(range(10**6))
    user.lists(lambda request: page([f"i/m_1990.csv.{next(count):06}" for _ in range(1000)], token="t"))
    user.index("-v").expect(0, "far too long", f"{len(GAPS)} gaps")
    assert len(listed(user)) <= 10
    user.check("m")


@pytest.mark.parametrize("kind", ["files", "folders"])
def test_p2_objects_without_end_where_lists_are_insisted_on(user, kind):
    """No folder of index files has a million objects: the dataset fails, and takes nothing for a gap."""
    count, a_page = iter(range(10**9)), 20_000

    def answer(request):
        assert len(listed(user)) <= 60
        names = [f"i/m_1990.csv.{next(count):09}/" for _ in range(a_page)]
        if kind == "folders":
            return page([], token="t", folders=names)
        return page([name.rstrip("/") for name in names], token="t")

    user.lists(answer)
    done = user.index("--discover", "list")
    done.expect(8, "s3://tiny-bucket/i/: ", f"far too long for the {len(YEARS)} index files")
    assert "0 gaps" in done.err and len(listed(user)) == 51 and files(user) == []


def test_pages_without_end_that_have_a_key_each(user):
    """A page costs a request, whatever it has."""
    count = iter(range(10**6))
    user.lists(lambda request: page([f"i/m_1990.csv.{next(count):06}"], token="t"))
    user.index("-v").expect(0, "far too long", f"{len(GAPS)} gaps")
    assert len(listed(user)) <= 100
    user.check("m")


def test_names_that_are_longer_than_any_of_ours(user):
    """They are of no use, and no reason to distrust the list."""
    strange = ["i/" + "n" * 300 + "_1990.csv", "i/" + "z" * 1000]
    user.lists(lambda request: page(sorted(keys(user.stage) + strange)))
    user.index().expect(0, f"{FILES} fetched", f"{len(GAPS)} gaps")
    assert len(listed(user)) == 1 and files(user, 404) == []
    user.check("m")


# ---- ls


def ls(user, *arguments):
    return user("ls", f"{user.bucket}i/", "--format", "keys", *arguments)


@pytest.mark.parametrize("name", ["other_folder", "another_folder_behind"])
def test_38_ls_of_keys_that_begin_otherwise(user, name):
    """Nothing of a page is told that has what was not asked for."""
    use(user, name)
    assert ls(user).expect(7, "s3://tiny-bucket/i/", SCRIPTS[name]).lines == [] and len(listed(user)) == 1


@pytest.mark.parametrize("name", ["same_again", "to_and_fro"])
def test_ls_of_pages_that_come_again(user, name):
    use(user, name)
    assert ls(user).expect(7, "does not go on").lines == keys(user.stage)[:5] and len(listed(user)) == 2


@pytest.mark.parametrize("name,count", [("empty_pages", 0), ("no_token", 0), ("large", 0), ("html", 0), ("nothing", 0),
                                        ("breaks_on_its_second_page", 9)])
def test_ls_of_wrong_pages(user, name, count):
    """What is told is what whole pages had."""
    use(user, name)
    done = ls(user)
    assert done.code in (7, 8) and SCRIPTS[name] in done.err, done
    assert done.lines == keys(user.stage)[:len(done.lines)] and len(done.lines) <= count
    assert len(listed(user)) <= PAGES_MAX


def test_ls_of_a_page_that_is_too_long(user):
    """Of a thousand objects a page has at the most, and none is told of one that has more."""
    user.lists(lambda request: page([f"i/{number:04}" for number in range(1001)]))
    assert ls(user).expect(7, "more than 1000 objects").lines == []
    user.lists(lambda request: page([f"i/{number:04}" for number in range(1000)]))
    assert len(ls(user).expect(0).lines) == 1000


def test_ls_of_a_bucket_that_is_a_folder_here(user, tmp_path):
    (tmp_path / "copy").mkdir()
    done = ls(user, "--map", f"{user.bucket}={(tmp_path / 'copy').as_uri()}/").expect(2, "is mapped to", "cannot be listed")
    assert done.out == "" and listed(user) == []


def test_ls_over_some_empty_pages(user):
    """S3 has them where much was deleted."""
    count = iter(range(1000))

    def answer(request):
        number = next(count)
        return page(keys(user.stage)) if number == 60 else page([], token=f"t{number}")

    user.lists(answer)
    assert ls(user).expect(0).lines == keys(user.stage) and len(listed(user)) == 61


# ---- names that begin alike


IDS = ["a", "a-b", "a_b", "A", "9", "a_2000"]
STRANGERS = ["a_1999.csv.bak", "a_b_c_2001.csv", "a_20011.csv", "a.csv", "_2001.csv", "b_2001.csv", "a_2001.txt", "Z",
             "a"]


def alike(seed):
    """A stage with a random half of the index files of all IDS, whose lists have three keys a page."""
    stage, chance = Stage(), random.Random(seed)
    for identifier in IDS:
        stage.add(identifier, range(2000, 2012))
    for key in sorted(key for key in stage.objects if key.startswith("i/")):
        if chance.random() < 0.5:
            del stage.objects[key]
    stage.objects |= {f"i/{name}": b"x" for name in STRANGERS}
    stage.page = 3
    return stage


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("jobs", ["1", "64"])
def test_ids_that_begin_alike(heliodex, tmp_path, seed, jobs):
    """Exactly what exists is fetched, exactly what is missing is a gap: both as if each file was asked for."""
    stage = alike(seed)
    wanted = {f"{identifier}_{year}.csv" for identifier in IDS for year in range(2000, 2012)}
    there = sorted(name for name in wanted if f"i/{name}" in stage.objects)
    missing = sorted(wanted - set(there))
    answers = []
    with Answering(stage) as server:
        for how in ("list", "auto", "probe"):
            home = tmp_path / how
            home.mkdir()
            server.clear()
            user = make_user(Program(home), server, stage)
            done = user.index("--discover", how, "--jobs", jobs)
            done.expect(0, f"{len(there)} fetched", f"{len(missing)} gaps")
            assert files(user, 206) == there and files(user, 404) == (missing if how == "probe" else [])
            assert bool(listed(user)) == (how != "probe")
            answers.append(user("query", user.bucket, "*", "--offline", "--format", "csv").expect(0).out)
    assert answers[0] == answers[1] == answers[2] and answers[0].count("\n") == 1 + 5 * len(there)


def test_files_without_a_year(heliodex, tmp_path):
    """They are in lists like the others, and come last among the names of their dataset: behind those of q_a for q."""
    stage = Stage()
    stage.page = 3
    for identifier in ("m", "m-n", "m_n", "q_a"):
        stage.add(identifier, range(2000, 2010))
    for identifier, there in (("model", True), ("m_static", True), ("n", False), ("q", True)):
        stage.add(identifier, [2000], start="static", stop="static")
        del stage.objects[f"i/{identifier}_2000.csv"]
        if there:
            stage.objects[f"i/{identifier}_static.csv"] = f"static,static,s3://b/{identifier},1\n".encode()
    stage.objects["i/m_static.txt"] = stage.objects["i/m_n_static.csv"] = b"x"  # of no dataset without time
    with Answering(stage) as server:
        answers = []
        for how in ("list", "auto", "probe"):
            (tmp_path / how).mkdir()
            server.clear()
            user = make_user(Program(tmp_path / how), server, stage)
            user.index("--discover", how).expect(0, "43 fetched", "1 gaps")
            assert bool(listed(user)) == (how != "probe")
            answers.append(user("query", user.bucket, "*", "--offline", "--format", "csv").expect(0).out)
            user.index("--discover", how).expect(0, "43 unchanged", "1 gaps")
    assert answers[0] == answers[1] == answers[2] and answers[0].count(",static,static,") == 3


# ---- queries


@pytest.mark.parametrize("lacking", [1, 29])
def test_query_that_lacks_years_lists_nothing(user, lacking):
    user.index("--discover", "probe", "--start", YEARS[0], "--stop", YEARS[-lacking]).expect(0)
    user.server.clear()
    done = user("query", user.bucket, "m", "--format", "csv").expect(0)
    assert listed(user) == [] and len(files(user)) == lacking and done.out == user.stage.csv("m")


# ---- memory


FOLDERS, NAMES = 250, 7000
PEAK_BYTES_MAX = 96 << 20


def names_of(folder, own):
    """A page of a folder's names: of the years far away of its own dataset, or of strangers."""
    middle, first = ("_", 9999 - NAMES + 1) if own else ("e" * 60, 10000)
    names = [f"{folder}/{folder}{middle}{first + i}.csv" for i in range(NAMES)]
    return page(names, tags={name: etag(name.encode()) for name in names})


@pytest.mark.parametrize("own", [True, False], ids=["own", "strangers"])
def test_p4_memory(tmp_path, own):
    """Of hundreds of folders with thousands of names, no more is kept than the session may take."""
    build = plain_build()
    if not build:
        pytest.skip("HDX_BUILD and HDX_VALGRIND_BUILD name no build without sanitizers")
    stage = Stage()
    for i in range(FOLDERS):
        stage.add(f"d{i:03}", range(2000, 2020), index=f"s3://{stage.bucket}/d{i:03}/")
    stage.objects = {"catalog.json": stage.objects["catalog.json"]}
    template = names_of("d000", own)

    def script(request):
        if is_list(request):
            return 200, {}, template.replace(b"d000", parameters(request)["prefix"].rstrip("/").encode())

    stage.script = script
    (tmp_path / "home").mkdir()
    with Answering(stage) as server:
        program = Program(tmp_path / "home", build)
        arguments = ["index", f"s3://{stage.bucket}/", "--memory", "32M", "--discover", "auto", "--no-sign-request",
                     "--endpoint-url", server.url]
        with open(tmp_path / "err", "wb") as err:
            process = program.start(*arguments, stdout=err, stderr=err)
            peak = peak_of(process)
        asked = [request for request in server.requests() if is_list(request)]
    text = (tmp_path / "err").read_text()
    assert process.returncode == 0 and f"{FOLDERS * 20:,} gaps" in text, text
    assert len(asked) == FOLDERS and 8 << 20 < peak < PEAK_BYTES_MAX, peak

"""CatalogRegistry: what it answers, when it asks its server, and what comes of servers and documents that fail."""

import itertools
import json
import logging

import heliodex
import pytest
from origin import Behaviour, Origin
from published import asked, entry, publish, publish_registry

from heliodex import CatalogRegistry, HeliodexError
from heliodex.errors import IntegrityError

ENTRIES = [entry("GSFC HelioCloud", "us-east-1"), entry("APL HelioCloud", "us-west-1"),
           entry("Twin", "us-east-1", "s3://twin-east/"), entry("Twin", "us-west-2", "s3://twin-west/"),
           entry("Same", "eu-west-1", "s3://same-one/"), entry("Same", "eu-west-1", "s3://same-two/", provider="gcs")]


@pytest.fixture
def origin():
    with Origin() as it:
        yield it


@pytest.fixture
def url(origin):
    return publish_registry(origin, ENTRIES)


def test_it_answers_from_the_document(url, origin):
    registry = CatalogRegistry(url)
    document = json.loads(origin.objects["/registry.json"][0])
    assert registry.catalog_url == url
    assert registry.get_catalog() == document
    assert registry.get_registry() == document["registry"]
    assert registry.get_registry() is registry.catalog["registry"]
    pairs = []
    for each in document["registry"]:
        pairs.append((each["name"], each["region"]))
    assert registry.get_entries_name_region() == pairs
    assert registry.get_entries() == pairs


def endpoint_by_hand(entries, name, prefix, first):
    found = []
    for each in entries:
        if each["name"] == name and each["region"][:len(prefix)] == prefix:
            found.append(each)
    if not found:
        return KeyError
    return found[0]["endpoint"] if first or len(found) == 1 else ValueError


NAMES = ["GSFC HelioCloud", "APL HelioCloud", "Twin", "Same", "Nobody", ""]
PREFIXES = ["", "us", "us-west", "us-west-2", "eu-west-1", "us-east-12", "US"]


def test_endpoints(url):
    registry = CatalogRegistry(url)
    for name, prefix, first in itertools.product(NAMES, PREFIXES, (False, True)):
        expected = endpoint_by_hand(ENTRIES, name, prefix, first)
        if isinstance(expected, str):
            assert registry.get_endpoint(name, prefix, first) == expected
        else:
            with pytest.raises(expected):
                registry.get_endpoint(name, region_prefix=prefix, force_first=first)


def test_an_ambiguous_name_says_what_settles_it(url):
    registry = CatalogRegistry(url)
    with pytest.raises(ValueError, match="us-east-1, us-west-2.*region_prefix, or take the first with force_first"):
        registry.get_endpoint("Twin")
    with pytest.raises(ValueError, match="all in eu-west-1, so that no region_prefix.*force_first"):
        registry.get_endpoint("Same")
    with pytest.raises(KeyError, match="it is in us-east-1, us-west-2"):
        registry.get_endpoint("Twin", "ap-")


def test_a_name_in_another_letter_case(url):
    assert CatalogRegistry(url).get_endpoint("gsfc heliocloud") == "s3://gsfc-heliocloud/"
    with pytest.raises(KeyError):
        CatalogRegistry(url, strict=True).get_endpoint("gsfc heliocloud")


def test_a_script_may_replace_the_document(url):
    registry = CatalogRegistry(url)
    registry.catalog = {"registry": [entry("Mine", "eu-north-1", "s3://mine/")], "more": 1}
    assert registry.get_catalog()["more"] == 1
    assert registry.get_registry() == registry.catalog["registry"]
    assert registry.get_entries_name_region() == registry.get_entries() == [("Mine", "eu-north-1")]
    assert registry.get_endpoint("Mine", "eu", True) == "s3://mine/"
    with pytest.raises(KeyError):
        registry.get_endpoint("APL HelioCloud")
    registry.catalog = {}
    with pytest.raises(KeyError):
        registry.get_registry()


# ---- where it is


def test_it_may_be_a_file(tmp_path, monkeypatch):
    path = tmp_path / "my registry.json"
    path.write_text(json.dumps({"registry": [entry("A file")]}))
    monkeypatch.chdir(tmp_path)
    for place in (path, str(path), path.as_uri(), path.name):
        assert CatalogRegistry(place).get_entries() == [("A file", "us-east-1")], place


def test_the_environment_names_it(url, monkeypatch):
    monkeypatch.setenv("ROOT_CATALOG_REGISTRY_URL", url)
    registry = CatalogRegistry()
    assert registry.catalog_url == url
    assert len(registry.get_registry()) == len(ENTRIES)


def test_an_argument_goes_before_the_environment(url, origin, monkeypatch):
    monkeypatch.setenv("ROOT_CATALOG_REGISTRY_URL", publish(origin, "/other.json", {"registry": []}))
    assert len(CatalogRegistry(url).get_registry()) == len(ENTRIES)


# ---- when its server is asked


def test_every_time_it_is_asked_for_what_is_new(url, origin):
    CatalogRegistry(url)
    origin.clear()
    CatalogRegistry(url)
    assert asked(origin) == [("/registry.json", 304)]
    publish_registry(origin, [entry("New")])
    assert CatalogRegistry(url).get_entries() == [("New", "us-east-1")]


@pytest.mark.parametrize("settings, environment", [({"refresh": False}, {}), ({"offline": True}, {}),
                                                   ({}, {"HELIODEX_OFFLINE": "1"}), ({}, {"HELIODEX_REFRESH": "0"})])
def test_unless_it_is_not_to_be(url, origin, monkeypatch, settings, environment):
    CatalogRegistry(url)
    publish_registry(origin, [entry("New")])
    origin.clear()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert len(CatalogRegistry(url, **settings).get_registry()) == len(ENTRIES)
    assert asked(origin) == []


def test_offline_and_not_held(url, origin):
    with pytest.raises(ConnectionError, match="offline"):
        CatalogRegistry(url, offline=True)
    assert asked(origin) == []


def test_a_copy_stands_in_for_a_server_that_is_away(url, origin, caplog):
    assert CatalogRegistry(url).is_fresh
    origin.stop()
    caplog.clear()
    registry = CatalogRegistry(url, retries=0)
    assert not registry.is_fresh
    assert len(registry.get_entries()) == len(ENTRIES)
    assert [record.levelname for record in caplog.records if "as it was" in record.message] == ["WARNING"]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_copy_does_not_stand_in_for_what_is_gone(url, origin, status):
    CatalogRegistry(url)
    origin.always("/registry.json", Behaviour(status=status))
    with pytest.raises(ConnectionError):
        CatalogRegistry(url)


@pytest.mark.parametrize("behaviour", [Behaviour(status=404), Behaviour(status=403), Behaviour(status=500),
                                       Behaviour(status=503), Behaviour(cut=-1), Behaviour(cut=20)])
def test_failures_are_connection_errors(url, origin, behaviour):
    origin.always("/registry.json", behaviour)
    with pytest.raises(ConnectionError) as caught:
        CatalogRegistry(url, retries=0)
    assert isinstance(caught.value, HeliodexError)
    assert url in str(caught.value)


def test_nobody_is_there(url, origin):
    origin.stop()
    with pytest.raises(ConnectionError):
        CatalogRegistry(url, retries=0)


def test_it_tries_again_a_little(url, origin):
    origin.script("/registry.json", Behaviour(status=503), Behaviour(cut=-1))
    assert len(CatalogRegistry(url).get_registry()) == len(ENTRIES)


# ---- what is no registry


@pytest.mark.parametrize("document", [{}, {"Registry": []}, [], {"registry": {}}, {"registry": None}, {"catalog": []}])
@pytest.mark.parametrize("strict", [False, True])
def test_a_document_without_a_registry(origin, document, strict):
    with pytest.raises(KeyError) as caught:
        CatalogRegistry(publish(origin, "/registry.json", document), strict=strict)
    assert isinstance(caught.value, HeliodexError)
    assert "registry" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"<html>404</html>", b'{"registry": [}', b"\xff\xfe\x00"])
def test_what_is_no_json(origin, content):
    with pytest.raises(ValueError) as caught:
        CatalogRegistry(publish(origin, "/registry.json", content))
    assert isinstance(caught.value, IntegrityError)


@pytest.mark.parametrize("content", [
    b'{"registry": [], "n": ' + b"9" * 5000 + b"}",
    b'{"registry": [], "n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_23_hostile_json_is_an_error_of_ours(origin, content):
    try:
        registry = CatalogRegistry(publish(origin, "/registry.json", content))
    except IntegrityError:
        return
    assert registry.get_registry() == []


def test_a_byte_order_mark(origin):
    content = b"\xef\xbb\xbf" + json.dumps({"registry": ENTRIES}).encode()
    assert CatalogRegistry(publish(origin, "/registry.json", content)).get_registry() == ENTRIES


INCOMPLETE = [{"endpoint": "s3://a/", "name": "A"}, {"endpoint": "s3://b/", "region": "us-east-1"},
              {"name": "C", "region": "us-east-1"}, {}]


@pytest.mark.parametrize("wrong", [*INCOMPLETE, None, "text", 5, [], {"endpoint": None, "name": "A", "region": "r"},
                                   {"endpoint": "s3://a/", "name": {}, "region": "r"}])
def test_incomplete_entries_are_left_out_and_told(origin, wrong, caplog):
    good = entry("Good")
    registry = CatalogRegistry(publish_registry(origin, [wrong, good, wrong]))
    assert registry.get_catalog()["registry"] == [wrong, good, wrong]
    assert registry.get_registry() == [good]
    assert registry.get_entries() == [("Good", "us-east-1")]
    assert registry.get_endpoint("Good") == good["endpoint"]
    assert any("skipped" in record.message for record in caplog.records if record.levelno == logging.WARNING)


@pytest.mark.parametrize("wrong, lacks", [*zip(INCOMPLETE, ["region", "name", "endpoint", "endpoint, name, region"]),
                                          (None, "endpoint, name, region")])
def test_incomplete_entries_are_an_error_to_strict_scripts(origin, wrong, lacks):
    url = publish_registry(origin, [entry("Good"), wrong])
    with pytest.raises(KeyError, match=f"an entry lacks {lacks}: "):
        CatalogRegistry(url, strict=True)


def test_an_unknown_setting(url):
    with pytest.raises(TypeError, match="regoin_name"):
        CatalogRegistry(url, regoin_name="us-east-1")


def test_scripts_can_name_its_errors(origin):
    with pytest.raises(heliodex.UnavailableRegistry, match="404"):
        CatalogRegistry(f"{origin.url}/none.json")
    with pytest.raises(heliodex.InvalidRegistry, match="registry"):
        CatalogRegistry(publish_registry(origin, "no list"))


def test_41_a_registry_of_the_network_names_no_file(origin, tmp_path):
    entries = [entry("Mine", "none", "FILE:///etc/"), entry("Good", "us-east-1", "s3://good/")]
    registry = CatalogRegistry(publish_registry(origin, entries))
    with pytest.raises(heliodex.DeniedError, match="may not name a file"):
        registry.get_endpoint("Mine")
    assert registry.get_endpoint("Good") == "s3://good/"
    local = tmp_path / "registry.json"
    local.write_bytes(origin.objects["/registry.json"][0])
    assert CatalogRegistry(local).get_endpoint("Mine") == "FILE:///etc/"

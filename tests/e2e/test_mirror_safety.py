"""Mirrors of hostile keys: nothing is written outside of the destination, and every key has a file."""

import os
import urllib.parse

import pytest

from conftest import TINY
from mirror import STATE, Mirror, content, tree

UNPLEASANT = [
    "../up.cdf", "a/../../b.cdf", "/absolute.cdf", "//two.cdf", "a//b.cdf", "./here.cdf", "a/./b.cdf", "..", "a/..",
    ".heliodex/journal", ".heliodex/lock", ".HELIODEX/x", "folder/", "new\nline.cdf", "tab\t.cdf", "\x01\x7f.cdf",
    "per%41cent.cdf", "100%", "%2E%2E/x.cdf", "with space.cdf", "quo\"te's.cdf", "plus+and&.cdf", "q?x=1#f.cdf",
    "umläut-太陽.cdf", "n" * 255, "m" * 256, "l" * 800, "x/" * 100 + "deep.cdf", "~root", "-rf", "$(touch x)", "a\\b.cdf",
    "both", "both/below.cdf", "both/below.cdf/further.cdf", "UPPER.cdf", "upper.cdf", "trail%=", "cut%+",
]


@pytest.fixture
def mirror(client, tmp_path):
    return Mirror(client, tmp_path / "outer" / "dest")


def unescaped(path):
    """The key of a path, as the program's documentation says: without %+/ and %=, then decoded."""
    path = path.replace("%+/", "")
    path = "/".join(part.removesuffix("%=") for part in path.split("/"))
    return urllib.parse.unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def test_38_p8_every_key_has_a_file_below_the_destination(archive, mirror, tmp_path):
    """Of a list, as an index file has no rows with newlines; those are in test_38_keys_of_an_index."""
    files = {key: content(100 + i, key) for i, key in enumerate(UNPLEASANT)}
    for key, data in files.items():
        archive.tiny.origin.put(f"/{TINY}/{key}", data)
    listed = tmp_path / "list"
    listed.write_bytes(b"".join(os.fsencode(f"s3://{TINY}/{key}") + b"\0" for key in files))
    mirror("--keys-from", listed, "--null", bucket=[]).expect(0, f"{len(files)} fetched")
    found = tree(mirror.dest)
    assert {unescaped(path): data for path, data in found.items()} == files
    for path in found:
        for part in path.split("/"):
            assert part not in ("", ".", "..") and len(os.fsencode(part)) <= 255
        assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in path)
    assert sorted(os.listdir(tmp_path / "outer")) == ["dest"]
    mirror("--keys-from", listed, "-0", bucket=[]).expect(0, f"{len(files)} unchanged")
    mirror.verify().expect(0)


def test_38_keys_of_an_index(archive, mirror):
    files = {key: content(100 + i, key) for i, key in enumerate(UNPLEASANT) if "\n" not in key}
    archive.dataset("d", files)
    mirror("d").expect(0, f"{len(files)} fetched")
    assert {unescaped(path): data for path, data in tree(mirror.dest).items()} == files


def test_38_p8_links_in_the_destination_are_not_followed(archive, mirror, tmp_path):
    files = {"a/x.cdf": content(10, 1), "b/y.cdf": content(10, 2), "z.cdf": content(10, 3), "w.cdf": content(10, 4),
             "a/deep/down/v.cdf": content(10, 5)}
    archive.dataset("d", files)
    outside = tmp_path / "outside"
    (outside / "deep" / "down").mkdir(parents=True)
    (outside / "secret").write_text("mine")
    mirror.dest.mkdir(parents=True)
    (mirror.dest / "a").symlink_to(outside)
    (mirror.dest / "b").symlink_to("../../outside")
    (mirror.dest / "z.cdf").symlink_to(outside / "secret")
    mirror("d").expect(1, "a/x.cdf", "b/y.cdf", "a/deep/down/v.cdf", "link")
    assert tree(outside) == {"secret": b"mine"}
    assert tree(mirror.dest)["z.cdf"] == files["z.cdf"]  # the link was replaced


def test_38_a_state_folder_that_is_a_link_is_refused(archive, mirror, tmp_path):
    archive.dataset("d", {"a.cdf": b"x"})
    outside = tmp_path / "outside"
    outside.mkdir()
    mirror.dest.mkdir(parents=True)
    (mirror.dest / STATE).symlink_to(outside)
    mirror("d").expect(6, STATE)
    assert os.listdir(outside) == [] and archive.data_requests() == 0


def test_38_a_folder_where_a_file_should_be_fails_that_file_alone(archive, mirror):
    files = {"a.cdf": content(10, 1), "b.cdf": content(10, 2)}
    archive.dataset("d", files)
    (mirror.dest / "a.cdf" / "below").mkdir(parents=True)
    mirror("d").expect(1, "a.cdf", "folder")
    assert tree(mirror.dest) == {"b.cdf": files["b.cdf"]}


def test_38_flat_names_that_are_taken_are_refused(archive, mirror):
    archive.dataset("d", {"a/x.cdf": content(10, 1), "b/x.cdf": content(20, 2)})
    mirror("d", "--flat").expect(1, "b/x.cdf", "another file")
    assert tree(mirror.dest) == {"x.cdf": content(10, 1)}
    mirror("d", "--flat").expect(1, "b/x.cdf", "1 unchanged")


def test_38_a_journal_from_elsewhere_cannot_lead_out(archive, mirror, tmp_path):
    """What the journal says is checked like a key: it may have come with the folder."""
    archive.dataset("d", {"a.cdf": content(10, 1)})
    mirror("d").expect(0)
    victim = tmp_path / "outer" / "victim"
    victim.write_text("mine")
    journal = mirror.dest / STATE / "journal"
    text = journal.read_bytes()
    assert b"\ta.cdf\t" in text
    journal.write_bytes(text.replace(b"\ta.cdf\t", b"\t../victim\t"))
    mirror("d", "--delete-extra")
    mirror.verify()
    assert victim.read_text() == "mine"


def test_p10_no_secret_reaches_journal_report_or_messages(archive, mirror, tmp_path):
    archive.dataset("d", {"a.cdf": content(10, 1), "gone.cdf": b""})
    archive.tiny.origin.remove(f"/{TINY}/gone.cdf")
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_SESSION_TOKEN": "token-secret"}
    done = mirror("d", "--sign", "-vv", "--report", tmp_path / "r", "--failed-out", tmp_path / "f", env=keys).expect(1)
    told = done.err + (tmp_path / "r").read_text() + (tmp_path / "f").read_text()
    told += (mirror.dest / STATE / "journal").read_text()
    assert "secret" not in told and "Signature" not in told

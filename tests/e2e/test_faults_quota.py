"""A quota of a real file system: what is written ends with "Disk quota exceeded" although the disk has room, the exit
status is 6, what was there stays, and the same command goes on once there is no limit. (Each call by itself: EDQUOT in
test_faults_disk.py, test_mirror_disk.py.)
"""

import json

from conftest import QUOTA_BYTES
from mirror import content, partial, report, tree

MB = 1 << 20
TOLD = "quota exceeded"


def test_29_p3_a_mirror_goes_on_where_the_quota_ended_it(archive, mirror, quota, tmp_path):
    files = {f"data/{i:02}.cdf": content(300_000, i) for i in range(30)}
    archive.dataset("d", files)
    mirror.dest = quota.folder / "dest"
    mirror("d", "-j", "4", "--report", tmp_path / "r").expect(6, TOLD)
    found, lines = tree(mirror.dest), report(tmp_path / "r")
    assert found.items() <= files.items() and sum(map(len, found.values())) <= QUOTA_BYTES
    assert len(lines) == len(files) and any(line["exit"] == 6 for line in lines.values())
    mirror("d").expect(6, TOLD)  # it is no better meanwhile
    assert tree(mirror.dest).items() <= files.items()
    quota.lift()
    kept = len(tree(mirror.dest))
    mirror("d").expect(0, f"{len(files) - kept} fetched")
    assert tree(mirror.dest) == files and partial(mirror.dest) == []
    mirror.verify().expect(0)


def test_29_a_large_file_that_the_quota_has_no_room_for(archive, mirror, quota):
    files = {"data/large.cdf": content(2 * QUOTA_BYTES, 1)}
    archive.dataset("d", files)
    mirror.dest = quota.folder / "dest"
    mirror("d", "--part-size", "1M").expect(6, TOLD, "data/large.cdf")
    assert tree(mirror.dest) == {}
    quota.lift()
    mirror("d", "--part-size", "1M").expect(0)
    assert tree(mirror.dest) == files


def test_29_p5_a_store_keeps_what_it_has(tiny, client, quota):
    store = quota.folder / "store"
    for name in ("a", "b"):
        tiny.add(name, {2015: 50})
    client.index("--store", store).expect(0)
    old = {name: client.query(name, "--offline", "--store", store).expect(0).out for name in ("a", "b")}
    for name in ("a", "b"):  # more bytes than there are, whatever packs them
        names = content(QUOTA_BYTES, name).hex()
        tiny.write(tiny.path(name, 2015), "".join(
            f"2015-03-01,2015-03-02,s3://b/{names[i:i + 1000]},1\n" for i in range(0, len(names), 1000)))
    client.index("--store", store).expect(6, TOLD)
    for name in ("a", "b"):
        assert client.query(name, "--offline", "--store", store).expect(0).out == old[name]
    assert [path for path in store.rglob("*") if path.suffix == ".tmp"] == []
    quota.lift()
    client.index("--store", store).expect(0)
    reference = tiny.reference()
    for name in ("a", "b"):
        dataset = reference.dataset(name)
        assert client.query(name, "--offline", "--store", store).expect(0).out == dataset.csv(dataset.answer())
    client.program("verify", "--store", store).expect(0)


def test_29_outputs_and_reports(tiny, archive, cat, client, quota):
    """They appear whole or not at all; what was there stays; a report that is not written is told."""
    archive.dataset("d", {f"data/{i}.cdf": content(MB, i) for i in range(8)})
    tiny.add("much", {2019: 100_000})
    tiny.add("odd", {2019: "x\n" * 60_000})
    client.index("much").expect(0)
    (quota.folder / "rows").write_text("old")
    cat("d", "-o", quota.folder / "bytes").expect(6, TOLD)
    client.query("much", "-o", quota.folder / "rows").expect(6, TOLD)
    client.index("odd", "--report", quota.folder / "report").expect(7, TOLD, "report")  # 7: its rows
    assert (quota.folder / "rows").read_text() == "old"
    assert {path.name for path in quota.folder.iterdir()} <= {"rows", "report"}
    quota.lift()
    done = client.query("much", "-o", quota.folder / "rows").expect(0)
    assert (quota.folder / "rows").read_text().count("\n") == 100_001, done
    client.index("odd", "--report", quota.folder / "report")
    assert sum("bad row" in line for line in map(str, map(json.loads, open(quota.folder / "report")))) == 60_000

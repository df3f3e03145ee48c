"""kill -9 at random moments of a mirror: no name ever means bytes that are not the file's, and reruns end with the tree
of an undisturbed run.

HELIODEX_TEST_KILLS says how often, HELIODEX_TEST_SEED with which seed.
"""

import os
import random
import subprocess
import threading

from mirror import Mirror, content, partial, tree

KILLS = int(os.environ.get("HELIODEX_TEST_KILLS", "200"))
SEED = int(os.environ.get("HELIODEX_TEST_SEED", "20261126"))
MB = 1 << 20


def test_34_p1_p3_kill_at_random_moments(archive, client, tmp_path):
    chance = random.Random(SEED)
    files = {f"data/{i % 7}/{i:03}.cdf": content(chance.randrange(0, 30_000), i) for i in range(120)}
    files |= {f"data/large{i}.cdf": content(chance.randrange(2 * MB, 5 * MB), i) for i in range(4)}
    archive.dataset("d", files)
    client.index().expect(0)
    killed, ended = 0, 0
    mirror = Mirror(client, tmp_path / "dest-0")
    while killed < KILLS:
        process = client.program.start("mirror", client.bucket, "d", *client.access, "--dest", mirror.dest, "--part-size",
                                       "256K", "--fsync", chance.choice(["batch", "none"]), stderr=subprocess.PIPE)
        timer = threading.Timer(chance.uniform(0, 1) ** 2 * 0.9, process.kill)
        timer.start()
        told = process.communicate(timeout=60)[1].decode()
        timer.cancel()
        found = tree(mirror.dest) if mirror.dest.exists() else {}
        assert found.items() <= files.items(), f"seed {SEED}, after {killed} kills: a name with other bytes"
        if process.returncode == -9:
            killed += 1
            continue
        assert process.returncode == 0, told
        assert found == files and partial(mirror.dest) == []
        mirror.verify().expect(0, f"{len(files)} files")
        ended += 1
        mirror = Mirror(client, tmp_path / f"dest-{ended}")
    mirror("d", "--part-size", "256K").expect(0)
    assert tree(mirror.dest) == files and partial(mirror.dest) == []
    mirror.verify().expect(0)

"""S3 answers for a name with several of its servers: connections are spread over them all."""

import shutil
import subprocess
import threading

import pytest

from answering import Answering
from conftest import TINY
from stage import Stage, User

NAME = "many.test"
ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
YEARS = range(1990, 2020)


def confined():
    """Why a program cannot be given a hosts file of its own; None if it can."""
    if not shutil.which("unshare"):
        return "there is no unshare"
    done = subprocess.run(["unshare", "-rm", "mount", "--bind", "/etc/hosts", "/etc/hosts"],
                          capture_output=True, text=True)
    return f"unshare -rm mount: {done.stderr.strip()}" if done.returncode else None


pytestmark = pytest.mark.skipif(bool(confined()), reason=f"needs namespaces: {confined()}")


@pytest.fixture
def crowd():
    """A server at all addresses of this machine, which answers index files when six of them are asked for at once."""
    stage = Stage()
    stage.add("one", YEARS)
    gate = threading.Barrier(6)

    def script(request):
        if request.path.endswith(".csv"):
            try:
                gate.wait(2)
            except threading.BrokenBarrierError:
                pass

    stage.script = script
    with Answering(stage, address="0.0.0.0") as server:
        server.stage = stage
        yield server


@pytest.mark.parametrize("signed", [False, True])
def test_p6_connections_are_spread(heliodex, crowd, tmp_path, signed):
    user = User(heliodex, crowd, crowd.stage)
    user.keys()
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{each} {NAME}\n" for each in ADDRESSES))
    options = ["--endpoint-url", f"http://{NAME}:{crowd.port}", "--discover", "probe", "--jobs", "12"]
    options += ["--sign"] * signed
    command = ["unshare", "-rm", "sh", "-c", f'mount --bind {tmp_path}/hosts /etc/hosts && exec "$@"', "sh",
               heliodex.path, "index", f"s3://{TINY}/", *options]
    done = subprocess.run(command, capture_output=True, env={**heliodex.environment, **user.environment}, timeout=60)
    heliodex.finished(command, done.returncode, done.stdout, done.stderr).expect(0)
    assert {request.headers["host"] for request in crowd.requests()} == {f"{NAME}:{crowd.port}"}
    counts = {each: sum(request.at == each for request in crowd.requests()) for each in ADDRESSES}
    assert sum(counts.values()) == len(crowd.requests()) and min(counts.values()) >= 4, counts
    assert crowd.stage.complaints == []
    user.check("one", arguments=options[:2])

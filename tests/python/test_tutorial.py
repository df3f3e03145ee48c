"""What the tutorial shows works as it is written: the code of its README, and the notebook-like script."""

import re
import shutil
from pathlib import Path

import pytest

from conftest import PACKAGE, SAMPLE
from mirror import tree
from reference import Bucket, time_ns
from servers import Nginx

README = (PACKAGE / "README.md").read_text()
HOUR = time_ns("2022-12-31T23"), time_ns("2023")


@pytest.fixture(scope="module")
def archive(sample, tmp_path_factory):
    """The sample with the data files of the last hours of 2022, served by nginx: (variables, reference)."""
    folder = tmp_path_factory.mktemp("archive")
    root = folder / "root"
    shutil.copytree(sample, root)
    reference = Bucket(root, SAMPLE)
    for id in ("aia_0094", "MMS1_FEEPS_BRST_L2_ELECTRON"):
        for row in reference.dataset(id).answer(time_ns("2022-12-31T22"), HOUR[1]):
            path = root / row.key.removeprefix("s3://")
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                file.truncate(row.size)
    with Nginx(root, folder / "nginx") as server:
        yield {"AWS_ENDPOINT_URL_S3": server.url, "ROOT_CATALOG_REGISTRY_URL": f"{server.url}/registry.json"}, reference


def test_the_code_of_the_readme(python, archive, home):
    variables, reference = archive
    script = home / "readme.py"
    script.write_text("\n".join(re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)))
    done = python(script, env=variables).expect(0)
    assert done.err == ""
    aia = reference.dataset("aia_0094").answer(*HOUR, match="start")
    for row in aia:
        assert f"{row.key} {row.size}" in done.out
    files = {row.key.split("/", 3)[3] for id in ("aia_0094", "MMS1_FEEPS_BRST_L2_ELECTRON")
             for row in reference.dataset(id).answer(*HOUR)}
    assert set(tree(home / "data")) == files and (home / "gov-nasa-hdrl-data1_cache" / "catalog.json").is_file()
    assert f"\n{len(files)} 0 []\n" in done.out, done.out


def test_the_notebook(python, archive, home):
    variables, reference = archive
    done = python(Path(PACKAGE / "tutorial.py"), env=variables).expect(0)
    assert done.err == ""
    dataset = reference.dataset("aia_0094")
    hour = dataset.answer(*HOUR, match="start")
    assert f"{sum(row.size for row in hour) / 1e6:.1f} MB, 0 failures" in done.out
    assert f"{len(hour)} fetched, 0 unchanged\n0 fetched, {len(hour)} unchanged" in done.out
    assert f"{sum(row.size > 3_000_000 for row in dataset.rows):,} files are larger than 3 MB" in done.out
    december = dataset.answer(time_ns("2022-12"), time_ns("2023"), match="start")
    assert f"2022-12 {len(december):6,} files" in done.out
    rows = dataset.answer(time_ns("2022"), time_ns("2023"))
    gap = max(range(len(rows) - 1), key=lambda i: rows[i + 1].start - rows[i].stop)
    assert f"the longest gap: {stamp(rows[gap].stop)} to {stamp(rows[gap + 1].start)}" in done.out


def stamp(ns):
    import numpy as np

    return np.datetime64(ns, "ns")


def test_every_setting_and_error_is_in_the_readme():
    from heliodex import errors, settings

    for name in settings._SETTINGS:
        assert f"`{name}`" in README or name in ("presign_s", "index_cache"), name
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.HeliodexError) and value is not errors.HeliodexError:
            assert f"`{name}`" in README, name

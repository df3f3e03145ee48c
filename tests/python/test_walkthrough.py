"""The walk-throughs of the original document and of today's, unchanged but for the import line, on a real S3 server."""

import ast
import json
from pathlib import Path

import pytest

from mirror import content

HERE = Path(__file__).parent
ID = "an_id_from_data_registry_catalog"
FILES = {f"data/{year}/file_{year}{month:02}.fits": content(3000 + 10 * year + month, year * month)
         for year in (2006, 2007, 2008) for month in (1, 2, 3, 11)}
AFTER = [key for key in FILES if key >= "data/2007/file_200702"]


def index_files(bucket, legacy):
    """{key: content} of the index files, with stops or (before version 0.5) without."""
    found = {}
    for key, data in FILES.items():
        year, month = key[-11:-7], key[-7:-5]
        time = f"{year}-{month}-01T00:00:00Z"
        fields = [time, f"s3://{bucket}/{key}", str(len(data))] if legacy else [
            time, time.replace("-01T", "-20T"), f"s3://{bucket}/{key}", str(len(data))]
        found.setdefault(f"index/{ID}_{year}.csv", []).append(",".join(fields) + "\n")
    header = "# starttime, key, filesize\n" if legacy else ""
    return {name: (header + "".join(lines)).encode() for name, lines in found.items()}


def catalog(bucket, legacy):
    names = ("loc", "startdate", "enddate", "ndxformat") if legacy else ("index", "start", "stop", "indextype")
    values = (f"s3://{bucket}/index/", "2006-01-01T00:00:00Z", "2008-12-31T00:00:00Z", "csv")
    entry = {"id": ID, **dict(zip(names, values)), "title": "A useful mission of vectors"}
    return {"version": "0.3", "status": "1200/OK", "catalog": [entry]} if legacy else {
        "version": "1.0", "endpoint": f"s3://{bucket}/", "status": {"code": 1200, "message": "OK"}, "catalog": [entry]}


@pytest.fixture(scope="module")
def environment(gateway, tmp_path_factory):
    """Two private buckets and a registry, and the variables of a user who may read them."""
    buckets = {"a-bucket-name": True, "todays-bucket": False}
    for name, legacy in buckets.items():
        gateway.bucket(name, {"catalog.json": json.dumps(catalog(name, legacy)).encode(), **index_files(name, legacy),
                              **FILES})
    registry = {"version": "1.0", "modificationDate": "2024-01-01T00:00Z", "registry": [
        {"endpoint": f"s3://{name}/", "name": "A bucket of tests" if not legacy else "An old bucket", "region": "us-east-1"}
        for name, legacy in buckets.items()]}
    path = tmp_path_factory.mktemp("registry") / "registry.json"
    path.write_text(json.dumps(registry))
    return {"AWS_ENDPOINT_URL_S3": gateway.url, "AWS_ACCESS_KEY_ID": gateway.access_key,
            "AWS_SECRET_ACCESS_KEY": gateway.secret_key, "AWS_DEFAULT_REGION": "us-east-1",
            "ROOT_CATALOG_REGISTRY_URL": f"file://{path}"}, registry


def printed(done):
    return [line for line in done.out.splitlines()]


def test_the_original_walk_through(python, environment, home):
    variables, registry = environment
    done = python(HERE / "walkthrough_file_registry.py", env=variables).expect(0)
    lines = printed(done)
    assert ast.literal_eval(lines[0]) == registry
    assert ast.literal_eval(lines[1]) == [("An old bucket", "us-east-1"), ("A bucket of tests", "us-east-1")]
    assert ast.literal_eval(lines[2]) == catalog("a-bucket-name", True)
    assert ast.literal_eval(lines[3]) == [(ID, "A useful mission of vectors")]
    assert lines[4] == f"['startdate', 'key', 'filesize'] {len(AFTER)}"
    assert lines[5:] == [f"got {key} {len(FILES[key])}" for key in AFTER]
    assert done.err == ""
    cache = home / "a-bucket-name_cache"
    assert json.loads((cache / "catalog.json").read_text()) == catalog("a-bucket-name", True)
    wanted = index_files("a-bucket-name", True)
    assert {f"index/{path.name}": path.read_bytes() for path in (cache / ID).iterdir()} == wanted
    again = python(HERE / "walkthrough_file_registry.py", env=variables).expect(0)
    assert again.out == done.out


def test_todays_walk_through(python, environment):
    variables, registry = environment
    done = python(HERE / "walkthrough_cloudcatalog.py", env=variables).expect(0)
    lines = printed(done)
    assert ast.literal_eval(lines[0]) == registry
    assert ast.literal_eval(lines[1]) == registry["registry"][0]
    assert ast.literal_eval(lines[2]) == catalog("todays-bucket", False)
    assert ast.literal_eval(lines[3]) == [(ID, "A useful mission of vectors")]
    assert lines[4] == f"['start', 'stop', 'datakey', 'filesize'] {len(AFTER)}"
    assert ast.literal_eval(lines[5])["id"] == ID and lines[6] == str(len(FILES))
    assert lines[7:7 + len(AFTER)] == [
        f"got {key[-11:-7]}-{key[-7:-5]}-01 00:00:00 {len(FILES[key])} {len(FILES[key])}" for key in AFTER]
    assert lines[7 + len(AFTER):] == ["True"] * len(AFTER) and done.err == ""


def test_credentials_as_boto3_clients_take_them(gateway, environment, tmp_path):
    from botocore import UNSIGNED
    from botocore.client import Config

    from heliodex import CloudCatalog, DeniedCatalog, FailedS3Get, FileRegistry

    access, secret = gateway.user("stranger")
    keys = {"region_name": "us-east-1", "aws_access_key_id": gateway.access_key,
            "aws_secret_access_key": gateway.secret_key, "endpoint_url": gateway.url}
    fr = FileRegistry("a-bucket-name", cache_folder=tmp_path / "cache", **keys)
    got = []
    fr.stream(fr.request_file_registry(ID), lambda file, start, size: got.append(file.read()))
    assert got == list(FILES.values())
    assert len(CloudCatalog("todays-bucket", verify=gateway.tls.ca, **{**keys, "endpoint_url": gateway.tls_url})
               .request_cloud_catalog(ID)) == len(FILES)
    for wrong in ({"aws_access_key_id": access, "aws_secret_access_key": secret}, {"config": Config(signature_version=UNSIGNED)}):
        with pytest.raises(DeniedCatalog) as raised:
            CloudCatalog("todays-bucket", **{**keys, **wrong})
        assert isinstance(raised.value, (FailedS3Get, KeyError, PermissionError)) and raised.value.status == "DENIED"
        assert secret not in str(raised.value) and gateway.secret_key not in repr(raised.value)
    with pytest.raises(ValueError, match="verify"):
        CloudCatalog("todays-bucket", verify=False, **keys)

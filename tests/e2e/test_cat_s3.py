"""cat from a real S3 server: signed, any key, entity tags of objects that were put in one piece or in parts."""

import io
import tarfile

import pytest

from gateway import AWKWARD_KEYS
from mirror import content, report
from s3_bucket import keys

MB = 1 << 20
BUCKET = "cats"


@pytest.fixture(scope="module")
def objects(gateway):
    objects = {"small": content(5000, 1), "empty": b"", "large": content(17 * MB, 2)}
    objects |= {key: key.encode() for key in AWKWARD_KEYS if not {".", ".."} & set(key.split("/")) and key[-1] != "/"}
    gateway.bucket(BUCKET, objects)
    parts = content(11 * MB, 3)
    from boto3.s3.transfer import TransferConfig
    gateway.client().upload_fileobj(io.BytesIO(parts), BUCKET, "parts",
                                    Config=TransferConfig(multipart_threshold=6 * MB, multipart_chunksize=6 * MB))
    return objects | {"parts": parts}


def cat(heliodex, gateway, listed, *arguments):
    credentials = keys(gateway.access_key, gateway.secret_key)
    return heliodex("cat", f"s3://{BUCKET}/", "--keys-from", listed, "--null", "--endpoint-url", gateway.url, *arguments,
                    env=credentials)


def test_bytes_and_checks(heliodex, gateway, objects, tmp_path):
    (tmp_path / "list").write_bytes(b"".join(f"s3://{BUCKET}/{key}".encode() + b"\0" for key in objects))
    done = cat(heliodex, gateway, tmp_path / "list", "--report", tmp_path / "report").expect(0)
    assert done.raw == b"".join(objects.values())
    checks = {location.removeprefix(f"s3://{BUCKET}/"): row["checks"] for location, row in report(tmp_path / "report").items()}
    assert checks["small"] == checks["large"] == ["size", "md5"]
    assert checks["parts"] == ["size"]  # its tag is an MD5 of MD5s


def test_an_archive(heliodex, gateway, objects, tmp_path):
    (tmp_path / "list").write_bytes(b"".join(f"s3://{BUCKET}/{key}".encode() + b"\0" for key in objects))
    done = cat(heliodex, gateway, tmp_path / "list", "--tar").expect(0)
    with tarfile.open(fileobj=io.BytesIO(done.raw)) as it:
        assert [it.extractfile(member).read() for member in it] == list(objects.values())
        changed = gateway.client().head_object(Bucket=BUCKET, Key="small")["LastModified"].timestamp()
        assert it.getmember("small").mtime == changed


def test_who_may_not_read(heliodex, gateway, objects, tmp_path):
    (tmp_path / "list").write_bytes(f"s3://{BUCKET}/small\0".encode())
    heliodex("cat", f"s3://{BUCKET}/", "--keys-from", tmp_path / "list", "--null", "--endpoint-url", gateway.url,
             "--no-sign-request").expect(4, "AccessDenied")

"""Mirrors of a real S3 server: private buckets, every key, uploads in parts, and a large object in ranges."""

import itertools

import pytest

from gateway import AWKWARD_KEYS, missing
from mirror import content, tree
from s3_bucket import owner

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

MB = 1 << 20
NUMBERS = itertools.count()


@pytest.fixture
def bucket(gateway):
    name = f"mirrored-{next(NUMBERS)}"
    gateway.bucket(name)
    return name


@pytest.fixture
def mirror(heliodex, gateway, tmp_path):
    def run(bucket, keys, *arguments):
        listed = tmp_path / "list"
        listed.write_bytes(b"".join(f"s3://{bucket}/{key}".encode() + b"\0" for key in keys))
        return heliodex("mirror", "--keys-from", listed, "-0", "--endpoint-url", gateway.url, "--dest", run.dest,
                        *arguments, env=owner(gateway))

    run.dest = tmp_path / "dest"
    return run


def test_every_awkward_key_of_a_private_bucket(gateway, bucket, mirror):
    files = {key: content(50 + i, i) for i, key in enumerate(AWKWARD_KEYS)}
    for key, data in files.items():
        gateway.client().put_object(Bucket=bucket, Key=key, Body=data)
    mirror(bucket, files).expect(0, f"{len(files)} fetched", f"{len(files)} md5")
    assert sorted(tree(mirror.dest).values()) == sorted(files.values())
    mirror(bucket, files).expect(0, f"{len(files)} unchanged")
    mirror(bucket, files, "--refresh").expect(0, f"{len(files)} unchanged")


def test_large_objects_in_ranges(gateway, bucket, mirror):
    files = {"one": content(9 * MB + 5, 1), "parts": content(11 * MB, 2)}
    client = gateway.client()
    client.put_object(Bucket=bucket, Key="one", Body=files["one"])
    upload = client.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = []
    for number, at in enumerate(range(0, 11 * MB, 5 * MB), 1):
        sent = client.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number,
                                  Body=files["parts"][at:at + 5 * MB])
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    client.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    mirror(bucket, files, "--part-size", "1M").expect(0, "2 fetched", "2 size, 1 md5")  # of parts, the tag is no MD5
    assert tree(mirror.dest) == files
    asked = [each for each in gateway.requests() if each.status == 206 and each.target.startswith(f"/{bucket}/")]
    assert sum(each.sent for each in asked) == sum(map(len, files.values()))

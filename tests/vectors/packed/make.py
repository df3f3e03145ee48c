#!/usr/bin/python3
"""Makes the files in this folder anew:  tests/vectors/packed/make.py"""

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROWS = "".join(f"2020-02-{day:02}T0{day % 7}:00:00Z,2020-02-{day:02}T12:00:00Z,s3://b/k/{day * 7919 % 1000:03}.cdf,{day * 104729}\n"
               for day in range(1, 10)).encode()
LONG = ROWS * 600
NAME = "set_2020.csv"


class Pipe(io.RawIOBase):
    """What cannot be sought: sizes come behind the member."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


def zipped(content, method=zipfile.ZIP_DEFLATED, streamed=False, zip64=False, comment=b""):
    to = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(to, "w", method) as archive:
        entry = zipfile.ZipInfo(NAME)
        entry.compress_type = method
        with archive.open(entry, "w", force_zip64=zip64) as member:
            member.write(content)
        archive.comment = comment
    return to.bytes if streamed else to.getvalue()


def without_signature(archive):
    """The data descriptor's signature is optional: cut out, with what stands behind moved."""
    at = archive.index(b"PK\x07\x08")
    end = archive.rindex(b"PK\x05\x06")
    offset, = struct.unpack("<L", archive[end + 16:end + 20])
    return archive[:at] + archive[at + 4:end + 16] + struct.pack("<L", offset - 4) + archive[end + 20:]


def with_wide_descriptor(archive):
    """Sizes of 64 bits behind a header that does not promise them, as some writers have it."""
    at = archive.index(b"PK\x07\x08")
    packed, size = struct.unpack("<LL", archive[at + 8:at + 16])
    end = archive.rindex(b"PK\x05\x06")
    offset, = struct.unpack("<L", archive[end + 16:end + 20])
    return (archive[:at + 8] + struct.pack("<QQ", packed, size) + archive[at + 16:end + 16] + struct.pack("<L", offset + 8)
            + archive[end + 20:])


def with_zip64_end(archive):
    """The same with the zip64 end record and its locator, which the end record points to."""
    end = archive.rindex(b"PK\x05\x06")
    size, offset = struct.unpack("<LL", archive[end + 12:end + 20])
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    last = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0)
    return archive[:end] + record + locator + last


def gzipped(content, **options):
    return gzip.compress(content, mtime=0, **options)


def with_all_fields(content):
    """A gzip header with extra field, name, comment and its own CRC."""
    header = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03" + struct.pack("<H", 6) + b"AB\x02\0xy" + b"set.csv\0" + b"a comment\0"
    header += struct.pack("<H", zlib.crc32(header) & 0xffff)
    return header + gzipped(content)[10:]


FILES = {
    "deflated.zip": zipped(ROWS),
    "stored.zip": zipped(ROWS, zipfile.ZIP_STORED),
    "streamed.zip": zipped(ROWS, streamed=True),
    "streamed_unsigned.zip": without_signature(zipped(ROWS, streamed=True)),
    "streamed_zip64.zip": zipped(ROWS, streamed=True, zip64=True),
    "streamed_wide.zip": with_wide_descriptor(zipped(ROWS, streamed=True)),
    "zip64.zip": zipped(ROWS, zip64=True),
    "zip64_end.zip": with_zip64_end(zipped(ROWS, zip64=True)),
    "comment.zip": zipped(ROWS, comment=b"an index file PK\5\6"),
    "empty_stored.zip": zipped(b"", zipfile.ZIP_STORED),
    "empty_streamed.zip": zipped(b"", streamed=True, zip64=True),
    "long_deflated.zip": zipped(LONG),
    "one.gz": gzipped(ROWS),
    "fields.gz": with_all_fields(ROWS),
    "several.gz": gzipped(ROWS[:100]) + gzipped(b"") + gzipped(ROWS[100:], compresslevel=0),
    "padded.gz": gzipped(ROWS) + bytes(50),
    "empty_one.gz": gzipped(b""),
    "long_several.gz": gzipped(LONG[:300000]) + gzipped(LONG[300000:]),
}


def main():
    (HERE / "rows.csv").write_bytes(ROWS)
    for name, content in FILES.items():
        (HERE / name).write_bytes(content)


if __name__ == "__main__":
    main()

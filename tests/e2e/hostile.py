"""Index files as nobody should publish them, made for measuring: rows that are good, and among them rows that are not.

What is wrong with the bad rows is in BAD; `rows()` says how many there are of each kind.
"""

LONG_KEY = "k" * 20_000

BAD = (
    b"2020-13-45T99:99:99Z,x,s3://a/b,1",  # times that are none
    b'"unbalanced,2020-01-01T00:00:00Z,"" "x,12',
    b"\0\0\0,\0,\0,\0",
    b"2020-01-01T00:00:00Z",  # too few fields
    b"\xff\xfe\xfd,\x80\x81,caf\xe9,NaN",
    b",,,,,,,,,,,,",
)


def rows(identifier, year, count, every=20, long=0):
    """(text, good rows, bad rows): `count` rows a minute apart, whose keys have `long` bytes more than usual, after each
    `every` of them a bad one; now and then a good row has a key of 20,000 bytes."""
    lines, bad, more, filler = [], 0, 0, "k" * long
    for i in range(count):
        day, minute = divmod(i, 1440)
        time = f"{year}-{1 + day // 28 % 12:02}-{1 + day % 28:02}T{minute // 60:02}:{minute % 60:02}:00Z"
        lines.append(f"{time},{time},s3://tiny-bucket/data/{identifier}/{year}/{filler}{i:07}.cdf,{1000 + i % 7919}".encode())
        if i % every == every - 1:
            lines.append(BAD[i // every % len(BAD)])
            bad += 1
        if i % (50 * every) == 0:
            lines.append(f"{time},{time},s3://tiny-bucket/{LONG_KEY},1".encode())
            more += 1
    return b"\n".join(lines) + b"\n", count + more, bad

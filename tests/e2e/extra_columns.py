"""Index files with extra columns, the documents beside them, and what the program says of both."""

import json

from conftest import TINY

ROW = "2019-01-{day:02}T00:00:00Z,2019-01-{day:02}T01:00:00Z,s3://tiny-bucket/d/{day}.cdf,{day}"
QUALITY = ("quality", "int", "1", "0 is best")
WIDTH = ("width", "double", "nm", None)
NOTE = ("note", "string", None, None)


def lines(*extras, year=2019, header=None, count=3):
    """Rows of some days, each with the extra values as templates of the day."""
    text = "".join(",".join([ROW, *extras]).format(day=day).replace("2019-", f"{year}-") + "\n" for day in range(1, count + 1))
    return (header + "\n" if header else "") + text


def document(identifier, ending="info"):
    return f"/{TINY}/i/{identifier}.{ending}"


def info(client, identifier):
    """What `info` says of the snapshot, as JSON."""
    done = client.program("info", client.bucket, identifier, *client.access, "--json").expect(0)
    return json.loads(done.out)["snapshot"]


def shown(client, identifier):
    """What `info` shows to people, blanks reduced."""
    done = client.program("info", client.bucket, identifier, *client.access, "--format", "tsv").expect(0)
    return [line.replace("\t", ": ") for line in done.lines]


def parameters(client, identifier):
    return {each["name"]: (each["type"], each["units"], each["description"]) for each in info(client, identifier)["parameters"]}


def answer(client, identifier, *arguments):
    """The rows as objects."""
    done = client.program("query", client.bucket, identifier, *client.access, "--offline", "--format", "ndjson", *arguments)
    return [json.loads(line) for line in done.expect(0).lines]


def documents_asked(tiny):
    return [path for path in tiny.asked() if path.endswith((".info", ".json"))]

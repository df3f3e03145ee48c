#!/usr/bin/python3
"""Makes the vectors of request signing beside this script.

    tests/vectors/sigv4/make.py suite DIRECTORY    suite.txt, of tests/aws-signing-test-suite/v4 in awslabs/aws-c-auth
    tests/vectors/sigv4/make.py botocore           botocore.txt, by python3-botocore
"""

import hashlib
import json
import sys
import types
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

HERE = Path(__file__).resolve().parent
UNRESERVED = "-._~"


def escape(value):
    value = value.translate(str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}))
    return value[:-1] + "\\s" if value.endswith(" ") else value


def block(pairs):
    """A case as text; values that are None are left out."""
    return "".join(f"{name} {escape(value)}".rstrip(" ") + "\n" for name, value in pairs if value is not None)


# ── AWS's suite ───────────────────────────────────────────────────────────────────────────────────────────────────────


def read_request(text):
    """Method, target and fields of a request as the suite writes it, and its body."""
    head, _, body = text.partition("\n\n")
    lines = head.rstrip("\n").split("\n")
    method, target = lines[0].removesuffix(" HTTP/1.1").split(" ", 1)
    fields = []
    for line in lines[1:]:
        if line[0] in " \t":  # goes on with the value above
            fields[-1] = (fields[-1][0], fields[-1][1] + "\n" + line)
        else:
            fields.append(tuple(line.split(":", 1)))
    return method, target, fields, body


def suite_case(folder):
    """The cases of a folder, and what is left out of it."""
    def read(name):
        return (folder / name).read_text(encoding="utf-8")

    context = json.loads(read("context.json"))
    credentials = context["credentials"]
    method, target, fields, body = read_request(read("request.txt"))
    path, _, query = target.partition("?")
    path, query = quote(path, safe="/%" + UNRESERVED), quote(query, safe="&=%" + UNRESERVED)
    cases, skipped = [], []
    for form in "header", "query":
        canonical = read(f"{form}-canonical-request.txt")
        if canonical.split("\n")[1] != path:
            skipped.append(f"{folder.name} ({form}): the path is normalised")
            continue
        if form == "query" and context.get("omit_session_token"):
            skipped.append(f"{folder.name} ({form}): the token is not signed")
            continue
        signed = fields
        if form == "header":  # those that the suite's signer added are among the fields
            names = canonical.split("\n")[-2].split(";")
            signed = [f for f in read_request(read("header-signed-request.txt"))[2] if f[0].lower() in names]
        cases.append(block([
            ("case", f"{folder.name} ({form})"),
            ("form", "steps" if form == "header" else "query"),
            ("key-id", credentials["access_key_id"]),
            ("secret", credentials["secret_access_key"]),
            ("token", credentials.get("token")),
            ("time", context["timestamp"]),
            ("region", context["region"]),
            ("service", context["service"]),
            ("method", method),
            ("path", path),
            ("query", query),
            *(("field", f"{name}:{value}") for name, value in signed),
            ("payload", hashlib.sha256(body.encode()).hexdigest()),
            ("expires", str(context["expiration_in_seconds"]) if form == "query" else None),
            ("canonical", canonical),
            ("to-sign", read(f"{form}-string-to-sign.txt")),
            ("signature", read(f"{form}-signature.txt")),
        ]))
    return cases, skipped


def suite(folder):
    cases, skipped = [], []
    for each in sorted(p for p in folder.iterdir() if p.is_dir()):
        more, less = suite_case(each)
        cases += more
        skipped += less
    head = "# AWS's signing test suite (awslabs/aws-c-auth, Apache License 2.0). Left out:\n"
    return head + "".join(f"#   {line}\n" for line in skipped) + "\n" + "\n".join(cases)


# ── botocore ──────────────────────────────────────────────────────────────────────────────────────────────────────────

KEYS = [
    "", "plain.txt", "with space.txt", "plus+sign", "percent%41.txt", "per%25cent%", "year=2020/day=1", "hash#tag",
    "question?mark=1&x", "//double//slash", "../up/../x", "./", "a/./b", "ünïcode/ä", "日本語.fits", "emoji 😀", "~tilde~",
    "semi;colon,comma", "quote'\"", "brackets[1](2){3}<4>", "star*!$@:", "back\\slash|caret^`", "tab\tline\n", "slash/",
]
QUERIES = [
    [("list-type", "2"), ("prefix", "sdo/aia/2010"), ("delimiter", "/")],
    [("prefix", "a b+c%d&e=f"), ("list-type", "2"), ("continuation-token", "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=")],
    [("lifecycle", "")],
    [("a-b", "2"), ("a", "1"), ("a.", "3"), ("a~", "4"), ("A", "5")],
    [("versionId", "3/L4kqtJlcpXroDTDmpUMLUo"), ("partNumber", "1")],
    [("start-after", "日本/ä~*"), ("encoding-type", "url"), ("list-type", "2")],
    [("max-keys", "2"), ("prefix", "J"), ("empty", "")],
    [("x-id", "GetObject"), ("response-content-disposition", 'attachment; filename="a b.txt"')],
]
PLACES = [
    ("https://examplebucket.s3.amazonaws.com", "us-east-1"),
    ("https://s3.eu-central-1.amazonaws.com/bucket.with.dots", "eu-central-1"),
    ("http://localhost:9000/Old_Bucket", "garage"),
    ("https://b.s3-accesspoint.dualstack.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
]
TOKENS = [None, "IQoJb3JpZ2luX2VjEPT//////////wEaCXVzLWVhc3QtMSJHMEUCIQ+/abc==", "t" * 1100]
TIMES = ["2013-05-24T00:00:00Z", "2024-02-29T23:59:59Z", "1999-12-31T12:00:01Z", "2038-01-19T03:14:08Z"]
FIELDS = [
    [], [("Range", "bytes=0-9")], [("Range", "bytes=1048576-2097151"), ("If-Match", '"9b2cf535f27731c974343645a3985328"')],
    [("x-amz-request-payer", "requester"), ("X-Amz-Checksum-Mode", "ENABLED")],
    [("X-Amz-Meta-Note", "  two   blanks\tand a tab  "), ("Accept", "*/*")],
]
EXPIRES = [1, 3600, 86400, 604800]


def botocore_case(number, form, key, query):
    from botocore import auth, awsrequest, credentials

    seen = {}

    class Clock(datetime):
        @classmethod
        def utcnow(cls):
            return cls.strptime(time, "%Y-%m-%dT%H:%M:%SZ")

    class Recorder:
        def string_to_sign(self, request, canonical_request):
            seen.update(canonical=canonical_request, sign=super().string_to_sign(request, canonical_request))
            return seen["sign"]

        def signature(self, string_to_sign, request):
            seen["signature"] = super().signature(string_to_sign, request)
            return seen["signature"]

    def pick(values, step):
        return values[number // step % len(values)]

    base, region = pick(PLACES, 1)
    token, time, fields, expires = pick(TOKENS, 1), pick(TIMES, 3), pick(FIELDS, 1), pick(EXPIRES, 2)
    auth.datetime = types.SimpleNamespace(datetime=Clock)
    keys = credentials.Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token)
    own = "&".join(quote(n, safe="-_.~") + "=" + quote(v, safe="-_.~") for n, v in query)
    url = f"{base}/{quote(key, safe='/~')}"
    request = awsrequest.AWSRequest("GET", f"{url}?{own}" if own else url, dict(fields))
    if form == "headers":
        type("S", (Recorder, auth.S3SigV4Auth), {})(keys, "s3", region).add_auth(request)
        payload = request.headers["X-Amz-Content-SHA256"]
    else:
        type("S", (Recorder, auth.S3SigV4QueryAuth), {})(keys, "s3", region, expires).add_auth(request)
        payload = "UNSIGNED-PAYLOAD"
    return block([
        ("case", f"{number} {form}"),
        ("form", form),
        ("key-id", keys.access_key),
        ("secret", keys.secret_key),
        ("token", token),
        ("time", time),
        ("region", region),
        ("service", "s3"),
        ("method", "GET"),
        ("path", urlsplit(url).path),
        ("query", own.replace("lifecycle=", "lifecycle")),  # sent without "="
        ("field", "Host:" + urlsplit(url).netloc),
        *(("field", f"{name}:{value}") for name, value in fields),
        ("payload", payload),
        ("expires", str(expires) if form == "query" else None),
        ("canonical", seen["canonical"]),
        ("to-sign", seen["sign"]),
        ("signature", seen["signature"]),
    ])


def botocore():
    import botocore as package

    inputs = [(form, key, []) for key in KEYS for form in ("headers", "query")]
    inputs += [(form, "", query) for query in QUERIES for form in ("headers", "query")]
    cases = [botocore_case(number, *each) for number, each in enumerate(inputs)]
    return f"# botocore {package.__version__}: S3SigV4Auth and S3SigV4QueryAuth.\n\n" + "\n".join(cases)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "suite":
        (HERE / "suite.txt").write_text(suite(Path(sys.argv[2])), encoding="utf-8")
    elif sys.argv[1:] == ["botocore"]:
        (HERE / "botocore.txt").write_text(botocore(), encoding="utf-8")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

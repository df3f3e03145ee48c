"""Judges the signature (AWS Signature Version 4) of a received request as Amazon S3 does; botocore computes it.

    complaints = verify("GET", "/b/a%20key?versionId=1", headers, secret, "eu-west-1")
    assert complaints == []

The signature is computed anew of the target as it was sent and of the headers that Authorization names. Like S3, the
path and the query are decoded and encoded strictly first: a raw "*" is signed as %2A, whatever was sent.
"""

import datetime
import hashlib
import hmac
import re
import urllib.parse

SKEW_SECONDS_MAX = 15 * 60
UNRESERVED = "-_.~"
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^\s,/]+)/(\d{8})/([^\s,/]+)/([^\s,/]+)/aws4_request, ?"
                           r"SignedHeaders=([^\s,]+), ?Signature=([0-9a-f]{64})")
EMPTY = hashlib.sha256(b"").hexdigest()
TIME_FORMAT = "%Y%m%dT%H%M%SZ"


def access_key(headers):
    """The access key that a request names, or None."""
    parts = AUTHORIZATION.fullmatch(_lower(headers).get("authorization", ""))
    return parts and parts[1]


def verify(method, target, headers, secret, region, service="s3", key=None, token=None, body=b"", now=None):
    """What is wrong with the request, as a list of texts.

    `headers`: {name: value}; `key`: the access key that is expected, if one is; `token`: the session token, None if
    there must be none; `now`: a datetime with a time zone, by default the time that it is.
    """
    headers = _lower(headers)
    parts = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not parts:
        return [f"Authorization is {headers.get('authorization')!r}"]
    named_key, day, named_region, named_service, names, signature = parts.groups()
    names = names.split(";")
    wrong = _complaints_of_names(names, headers)
    wrong += _complaints_of_time(headers.get("x-amz-date", ""), day, now)
    wrong += _complaints_of_body(headers.get("x-amz-content-sha256"), body)
    for what, is_, should in [("the region", named_region, region), ("the service", named_service, service),
                              ("the access key", named_key, key or named_key),
                              ("x-amz-security-token", headers.get("x-amz-security-token"), token)]:
        if is_ != should:
            wrong.append(f"{what} is {is_!r}, not {should!r}")
    if "+" in target.split("?", 1)[0]:
        wrong.append("the path has a raw '+', which S3 takes for a space")
    computed = sign(method, target, headers, names, secret, named_region, named_service)
    if not hmac.compare_digest(computed, signature):
        wrong.append(f"the signature is {signature}, not {computed}")
    return wrong


def sign(method, target, headers, names, secret, region, service="s3"):
    """The signature of a request with these signed headers; the names are in lower case."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    class Signer(S3SigV4Auth):
        def headers_to_sign(self, request):
            return request.headers  # what the client signed, not what botocore would

        def payload(self, request):
            return headers.get("x-amz-content-sha256", EMPTY)

    path, _, query = target.partition("?")
    url = f"http://{headers.get('host', 'none')}{_strict(path, '/')}?{_canonical(query)}"
    request = AWSRequest(method, url, {name: headers[name] for name in names if name in headers})
    request.context["timestamp"] = headers.get("x-amz-date", "")
    signer = Signer(Credentials("unused", secret), service, region)
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


def _lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def _strict(text, safe=""):
    """Decoded and encoded again, so that all but unreserved characters are escaped, in upper case."""
    return urllib.parse.quote(urllib.parse.unquote_to_bytes(text), safe=UNRESERVED + safe)


def _canonical(query):
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return "&".join(f"{name}={value}" for name, value in sorted((_strict(n), _strict(v)) for n, _, v in pairs))


def _complaints_of_names(names, headers):
    wrong = [f"{name} is signed but not there" for name in names if name not in headers]
    if names != sorted(set(name.lower() for name in names)):
        wrong.append(f"SignedHeaders are not in order, in lower case, once each: {';'.join(names)}")
    must = [name for name in headers if name.startswith("x-amz-") or name in ("range", "content-type")]
    return wrong + [f"{name} is not signed" for name in ["host", *sorted(must)] if name not in names]


def _complaints_of_time(date, day, now):
    try:
        time = datetime.datetime.strptime(date, TIME_FORMAT).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return [f"x-amz-date is {date!r}"]
    wrong = [] if date.startswith(day) else [f"the day of the scope is {day}, that of x-amz-date {date[:8]}"]
    skew = abs((time - (now or datetime.datetime.now(datetime.timezone.utc))).total_seconds())
    return wrong + ([f"x-amz-date is off by {skew:.0f} s"] if skew > SKEW_SECONDS_MAX else [])


def _complaints_of_body(told, body):
    if told is None:
        return ["there is no x-amz-content-sha256"]
    right = ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest())
    return [] if told in right else [f"x-amz-content-sha256 is {told!r}, not {right[1]!r}"]

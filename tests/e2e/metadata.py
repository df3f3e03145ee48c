"""The servers that give a program on Amazon's machines its credentials: instance metadata (IMDSv2) and containers.

    with Metadata() as metadata:
        program(..., env=metadata.instance_environment())    # or container_environment()
        metadata.give("AKIA2", "secret2", "token2", seconds=600)   # rotated: from now on these
        metadata.requests("PUT", "/latest/api/token")        # [Request], see answering.py
        metadata.v1                                           # the attempts without a token, which get 401

To misbehave: delay = seconds before each answer, fail(status, times, path) for the next requests, give(seconds=-60) for
credentials that have expired, forget_tokens() (a session token is refused from then on), role = None (no role: 404),
authorization = "..." (containers must send it).
"""

import datetime
import json
import secrets
import threading

from answering import Answering

TOKEN_PATH = "/latest/api/token"
ROLE_PATH = "/latest/meta-data/iam/security-credentials"
REGION_PATH = "/latest/meta-data/placement/region"
CONTAINER_PATH = "/v2/credentials/x"
TOKEN_SECONDS_MAX = 21600
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Metadata(Answering):
    def __init__(self, role="the-role", region="us-west-2", authorization=None):
        super().__init__(self._answer)
        self.role, self.region, self.authorization = role, region, authorization
        self.delay = 0
        self.v1 = []
        self.lock = threading.Lock()
        self.tokens = {}  # of sessions: when they end
        self.failures = []  # [status, times left or None, path or None]
        self.give("ASIAMETADATA00000001", "metadata/secret+1", "metadata//token+1==")

    # ---- what tests say

    def give(self, key, secret, token, seconds=3600, **extra):
        """The credentials given out from now on; `extra` sets members of the JSON, or with None leaves them out."""
        now = _now()
        end = now + datetime.timedelta(seconds=seconds)
        with self.lock:
            self.document = {
                "Code": "Success", "LastUpdated": now.strftime(TIME_FORMAT), "Type": "AWS-HMAC", "AccessKeyId": key,
                "SecretAccessKey": secret, "Token": token, "Expiration": end.strftime(TIME_FORMAT), **extra}

    def fail(self, status=500, times=None, path=None):
        """The next so many requests (None: all), of a path if one is named, get this status; 0: a closed connection."""
        with self.lock:
            self.failures.append([status, times, path])

    def recover(self):
        """Ends what fail() and delay do."""
        with self.lock:
            self.failures = []
        self.delay = 0

    def forget_tokens(self):
        with self.lock:
            self.tokens = {}

    def instance_environment(self):
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}

    def container_environment(self):
        environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + CONTAINER_PATH}
        if self.authorization:
            environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = self.authorization
        return environment

    # ---- answers

    def _answer(self, request):
        if self.delay:
            self.stopping.wait(self.delay)
        status = self._failure(request.path)
        if status is not None:
            return (status, {"Content-Type": "text/plain"}, b"told to fail\n") if status else None
        if request.path == TOKEN_PATH:
            return self._token(request)
        if request.method != "GET":
            return 405, {"Allow": "GET"}, b""
        if request.path == CONTAINER_PATH:
            return self._container(request)
        return self._instance(request)

    def _failure(self, path):
        with self.lock:
            for failure in self.failures:
                status, times, only = failure
                if only in (None, path) and times != 0:
                    failure[1] = None if times is None else times - 1
                    return status
        return None

    def _token(self, request):
        if request.method != "PUT":
            return 405, {"Allow": "PUT"}, b""
        if "x-forwarded-for" in request.headers:
            return 403, {}, b""
        seconds = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not seconds.isascii() or not seconds.isdecimal() or not 1 <= int(seconds) <= TOKEN_SECONDS_MAX:
            return 400, {}, b""
        token = secrets.token_urlsafe(40) + "=="
        with self.lock:
            self.tokens[token] = _now() + datetime.timedelta(seconds=int(seconds))
        return 200, {"Content-Type": "text/plain", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": seconds}, token.encode()

    def _instance(self, request):
        token = request.headers.get("x-aws-ec2-metadata-token")
        with self.lock:
            if token is None:
                self.v1.append(request)
            if self.tokens.get(token, _now()) <= _now():
                return 401, {}, b""
            document = self._json()
        path = request.path.rstrip("/")
        if path == REGION_PATH:
            return 200, {"Content-Type": "text/plain"}, self.region.encode()
        if self.role and path == ROLE_PATH:
            return 200, {"Content-Type": "text/plain"}, self.role.encode()
        if self.role and path == f"{ROLE_PATH}/{self.role}":
            return 200, {"Content-Type": "text/plain"}, document
        return 404, {"Content-Type": "text/plain"}, b"not found\n"

    def _container(self, request):
        if self.authorization and request.headers.get("authorization") != self.authorization:
            return 401, {}, b'{"code":"AccessDenied"}'
        with self.lock:
            return 200, {"Content-Type": "application/json"}, self._json("Code", "LastUpdated", "Type")

    def _json(self, *without):
        """The credentials (the lock is held)."""
        shown = {name: value for name, value in self.document.items() if name not in without and value is not None}
        return json.dumps(shown, indent=2).encode()


def _now():
    return datetime.datetime.now(datetime.timezone.utc)

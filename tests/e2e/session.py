"""A session of the library that goes on, told what to do line by line (session.c).

    with Session(program, endpoint, "cache=/d") as session:
        session("index", bucket, "one").expect("OK").count
"""

import dataclasses
import select
import subprocess

import pytest

from conftest import BUILD

SECONDS_MAX = 60


@dataclasses.dataclass
class Answer:
    command: tuple
    status: str
    asked: int  # how often the caller was asked whether it is interrupted
    count: int
    text: str
    message: str

    def expect(self, status="OK", *told):
        assert self.status == status, self
        for text in told:
            assert text in self.message, self
        return self

    @property
    def words(self):
        return self.text.split()


class Session:
    def __init__(self, program, endpoint, *settings, store=None, env={}):
        self.process = subprocess.Popen(
            [BUILD / "tests" / "e2e" / "hdx-session", store or program.store, endpoint, *settings], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**program.environment, **env},
            cwd=program.home)

    def send(self, *command):
        """Begins a command, whose answer is to be taken."""
        self.command = command
        self.process.stdin.write(" ".join(map(str, command)) + "\n")
        self.process.stdin.flush()

    def take(self):
        if not select.select([self.process.stdout], [], [], SECONDS_MAX)[0]:
            self.kill()
            pytest.fail(f"{self.command}: no answer")
        line = self.process.stdout.readline()
        assert line, f"{self.command}: {self.process.stderr.read()}"
        status, asked, count, text, message = line.rstrip("\n").split("\t")
        return Answer(self.command, status, int(asked), int(count), text, message)

    def __call__(self, *command):
        self.send(*command)
        return self.take()

    def close(self):
        out, err = self.process.communicate(timeout=SECONDS_MAX)
        assert self.process.returncode == 0 and not out, (self.process.returncode, out, err)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.kill()
        elif self.process.returncode is None:
            self.close()

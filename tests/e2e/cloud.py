"""A machine in a cloud: a network of its own in which the addresses of metadata services answer whoever asks.

    cloud = Cloud(folder, work, {"/b/x": "http://…"})           # its origin serves folder at ORIGIN; work: for a file of it
    answers = cloud.run([program, argument, …], …, env={…})     # one after the other: [(exit code, standard error)]
    cloud.asked                                                # [(address, request line)] of the metadata services
    missing()                                                  # why there is no such machine here, or None

HOSTS are the names that resolve to metadata services. Run as a program, this is the inside of the machine.
"""

import fcntl
import json
import shutil
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

HOSTS = {"metadata.evil": ["169.254.169.254"], "six.evil": ["fd00:ec2::254"], "both.evil": ["127.0.0.1", "169.254.169.254"],
         "near.evil": ["127.0.0.1"]}
SERVICES = ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1"]
ORIGIN = "http://near.evil:8080"
UNSHARE = ["unshare", "--map-root-user", "--mount", "--net"]
SECONDS_MAX = 120

SIOCSIFFLAGS, SIOCSIFADDR, UP_RUNNING = 0x8914, 0x8916, 0x41


def missing():
    if not shutil.which("unshare"):
        return "there is no unshare"
    done = subprocess.run([*UNSHARE, "mount", "--bind", "/etc/hosts", "/etc/hosts"], capture_output=True, text=True)
    return f"unshare: {done.stderr.strip()}" if done.returncode else None


class Cloud:
    def __init__(self, folder, work, redirects):
        self.folder, self.work, self.redirects = folder, work, redirects
        self.asked = []

    def run(self, *commands, env):
        hosts = self.work / "hosts"
        hosts.write_text("".join(f"{address} {name}\n" for name, addresses in HOSTS.items() for address in addresses))
        told = {"folder": str(self.folder), "redirects": self.redirects, "hosts": str(hosts), "env": env,
                "commands": [list(map(str, command)) for command in commands]}
        done = subprocess.run([*UNSHARE, sys.executable, "-B", __file__], input=json.dumps(told), capture_output=True,
                              text=True, timeout=SECONDS_MAX)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        self.asked = [tuple(asked) for asked in answer["asked"]]
        return [tuple(ended) for ended in answer["ended"]]


# ---- inside


def make_addresses():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        fcntl.ioctl(four, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", UP_RUNNING))
        index = socket.if_nametoindex("lo")
        for number, address in enumerate(SERVICES):
            if ":" in address:
                fcntl.ioctl(six, SIOCSIFADDR, socket.inet_pton(socket.AF_INET6, address) + struct.pack("Ii", 64, index))
            else:
                fields = struct.pack("16sHH4s16x", b"lo:%d" % number, socket.AF_INET, 0, socket.inet_aton(address))
                fcntl.ioctl(four, SIOCSIFADDR, fields)


def serve(address, asked):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, 80, 0, socket.if_nametoindex("lo")) if ":" in address else (address, 80))
    listener.listen()

    def accept():
        while True:
            connection, _ = listener.accept()
            with connection:
                asked.append((address, connection.recv(4096).decode("latin-1").split("\r\n")[0]))
                body = b"2019-01-01Z,2019-01-02Z,s3://stolen/secret,1\n"
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    threading.Thread(target=accept, daemon=True).start()


def inside(told):
    from origin import Behaviour, Origin

    make_addresses()
    subprocess.run(["mount", "--bind", told["hosts"], "/etc/hosts"], check=True)
    asked = []
    for address in SERVICES:
        serve(address, asked)
    with Origin(told["folder"], port=8080) as origin:
        for path, place in told["redirects"].items():
            origin.always(path, Behaviour(status=302, headers={"Location": place}))
        ended = []
        for command in told["commands"]:
            done = subprocess.run(command, env=told["env"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            ended.append((done.returncode, done.stderr.decode("utf-8", "replace")))
    print(json.dumps({"ended": ended, "asked": asked}))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    inside(json.load(sys.stdin))

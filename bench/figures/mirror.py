"""Mirroring beside programs that download: many small objects, objects of some MB, a few large ones; a rerun with nothing to do.

Before a run's figures count, every byte of the copy is checked. Free memory of a virtual machine may have gone back to its
host, who is slow to return it: so the room of a copy is taken and freed just before each run.
"""

import os
import shutil
import subprocess

from .downloaders import BUCKET, PEERS, SAMPLE, Heliodex, Ranges, RangesDropped, Rclone, S5cmdRun
from .report import Goal, Missing, answer, fail, median, report
from .workbench import Nginx

from gateway import Gateway, missing  # in tests/e2e, which the workbench has put on the path

FOLDER_OBJECTS = 1000  # see bench/objects.c
MADE = "2020-01-01T00:00:00.000Z"  # likewise
SAMPLE_OBJECTS = 1000
PAGE_OBJECTS = 1000  # of a list, as of Amazon's
LATENCY = 0.030
MEMORY_MIB = 256
SPARE_BYTES = 1 << 30  # of memory, for the programs and the system


class Objects:
    """A bucket of equal objects that hdx-objects makes; those after the first `distinct` have the bytes of earlier ones."""

    def __init__(self, bench, name, count, size, distinct):
        self.bench, self.name, self.count, self.size, self.distinct = bench, name, count, size, min(distinct, count)
        self.root = bench.scratch / f"objects-{name}"
        self.numbers = [str(self.count), str(self.size), str(self.distinct)]

    def keys(self, count=None):
        for number in range(self.count if count is None else min(count, self.count)):
            yield f"data/{number // FOLDER_OBJECTS:04}/object_{number:06}.cdf"

    def room(self):
        """Bytes of a copy, about: files are held in pages."""
        return self.count * (self.size + 8192)

    def __enter__(self):
        answer([self.bench.program("objects"), "make", self.root / BUCKET, *self.numbers])
        (self.root / SAMPLE).symlink_to(BUCKET)
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.root)

    def check(self, copy, sampled, who):
        """Ends the benchmark unless a copy is what was made; of a sample, the first objects."""
        numbers = [str(min(self.count, SAMPLE_OBJECTS)), *self.numbers[1:]] if sampled else self.numbers
        done = subprocess.run([self.bench.program("objects"), "check", copy, *numbers], capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"{who}, {self.name}: {done.stderr}")

    def server(self, latency=0.0):
        """nginx, which also lists: from pages made beforehand, without latency."""
        pages = self.bench.scratch / f"pages-{self.name}"
        for bucket, count in ((BUCKET, self.count), (SAMPLE, min(self.count, SAMPLE_OBJECTS))):
            self._write_pages(pages / bucket, bucket, count)
        places = "".join(f"location ~ ^/{bucket}/?$ {{ root {pages}; default_type application/xml; types {{ }}\n"
                         f"      rewrite ^ /{bucket}/$page.xml break; }}\n    " for bucket in (BUCKET, SAMPLE))
        token = 'map $args $page { default 0; "~continuation-token=(?<token>[0-9]+)" $token; }'
        cache = "open_file_cache max=1000 inactive=600s; open_file_cache_valid 600s; open_file_cache_min_uses 1;"
        return Nginx(self.root, self.bench.scratch / f"nginx-{self.name}-{latency}", latency=latency, workers=os.cpu_count(),
                     log=False, http=f"{token}\n  {cache}", server=places)

    def _write_pages(self, folder, bucket, count):
        """Answers to ListObjectsV2; where one goes on, its token is the number of the next."""
        folder.mkdir(parents=True, exist_ok=True)
        keys = list(self.keys(count))
        for page, first in enumerate(range(0, count, PAGE_OBJECTS)):
            part, more = keys[first:first + PAGE_OBJECTS], first + PAGE_OBJECTS < count
            token = f"<NextContinuationToken>{page + 1}</NextContinuationToken>" if more else ""
            entries = "".join(f"<Contents><Key>{key}</Key><LastModified>{MADE}</LastModified><ETag>&quot;{page:032x}-1"
                              f"&quot;</ETag><Size>{self.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
                              for key in part)
            (folder / f"{page}.xml").write_text(
                '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{bucket}</Name><Prefix></Prefix><KeyCount>{len(part)}</KeyCount><MaxKeys>{PAGE_OBJECTS}</MaxKeys>"
                f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>")


class Race:
    """Rounds of all programs on the same objects; what each took."""

    def __init__(self, bench, objects, server, connections, kinds):
        self.bench, self.objects = bench, objects
        self.copy = bench.scratch / "copy"
        self.took, self.again, self.lacking = {}, {}, {}
        self.racers = []
        for kind in kinds:
            racer = kind(bench, objects, server, connections)
            why = racer.missing()
            if why:
                self.lacking[racer.name] = why.reason
            else:
                racer.prepare(self.copy)
                self.racers.append(racer)

    def run(self, again=False):
        """`again`: what knows how to runs a second time, on a copy that is complete."""
        for turn in range(self.bench.rounds):
            for racer in self.racers:
                if turn == 0 or not racer.sampled:
                    self._run(racer, again)

    def _run(self, racer, again):
        self._take_memory()
        used = racer.run(racer.command(self.copy))
        racer.arrange(self.copy)
        if self.copy.exists():
            self.objects.check(self.copy, racer.sampled, racer.name)
        elif not isinstance(racer, RangesDropped):
            fail(f"{racer.name}: it wrote nothing")
        self.took.setdefault(racer.name, []).append(used)
        if again and racer.again(self.copy):
            self.again.setdefault(racer.name, []).append(racer.run(racer.again(self.copy)))
            self.objects.check(self.copy, racer.sampled, racer.name)
        shutil.rmtree(self.copy, ignore_errors=True)

    def _take_memory(self):
        path = self.bench.scratch / "room"
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.objects.room())
        path.unlink()

    def median(self, name, what, runs=None):
        runs = (self.took if runs is None else runs).get(name)
        return median(getattr(used, what) for used in runs) if runs else None

    def ours(self, what, runs=None):
        value = self.median(Heliodex.name, what, runs)
        return Missing(self.lacking[Heliodex.name]) if value is None else value

    def fastest(self):
        """The peer that took least, and its seconds; samples do not count."""
        names = [racer.name for racer in self.racers if isinstance(racer, PEERS) and not racer.sampled]
        best = min(names, key=lambda name: self.median(name, "seconds"), default=None)
        return (best, self.median(best, "seconds")) if best else (Missing("no peer is installed"), None)

    def thriftiest(self):
        """s5cmd in that of its ways that takes the processors least, and their seconds; rclone where there is no s5cmd."""
        names = [racer.name for racer in self.racers if isinstance(racer, S5cmdRun)]
        names = names or [racer.name for racer in self.racers if isinstance(racer, Rclone)]
        best = min(names, key=lambda name: self.median(name, "processor"), default=None)
        return (best, self.median(best, "processor")) if best else (Missing("neither s5cmd nor rclone is installed"), None)

    def table(self, runs=None):
        """What each took, for the line of JSON: medians; or why it is not there."""
        lines = {}
        for racer in self.racers:
            name = racer.name
            if (self.took if runs is None else runs).get(name):
                count = min(self.objects.count, SAMPLE_OBJECTS) if racer.sampled else self.objects.count
                seconds, sampled = self.median(name, "seconds", runs), {"objects": count} if racer.sampled else {}
                lines[name] = {"s": round(seconds, 3), "processor_s": round(self.median(name, "processor", runs), 3),
                               "MiB": round(self.median(name, "resident", runs) / 2**20, 1),
                               "MB/s": round(count * self.objects.size / seconds / 1e6, 1), "files/s": round(count / seconds, 1),
                               **sampled}
        return lines | {name: why for name, why in self.lacking.items() if name != Heliodex.name}


def needs(bench, objects):
    """Why there is no room for the objects and a copy; None if there is."""
    bytes_needed = objects.distinct * (objects.size + 8192) + objects.room() + SPARE_BYTES
    with open("/proc/meminfo") as file:
        memory = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    free = min(shutil.disk_usage(bench.scratch).free, memory)
    return None if free > bytes_needed else Missing(f"needs {bytes_needed >> 20} MiB of memory and scratch, {free >> 20} are free")


def report_race(race, figure):
    peer, seconds = race.fastest()
    report(f"{figure}, time", race.ours("seconds"), "s", peer, seconds, Goal(ratio=1.0), took=race.table())
    thrifty, processor = race.thriftiest()
    report(f"{figure}, processor", race.ours("processor"), "s", thrifty, processor, Goal(ratio=0.5))
    resident = race.ours("resident")
    report(f"{figure}, memory", resident if isinstance(resident, Missing) else resident / 2**20, "MiB", "limit", MEMORY_MIB,
           Goal(most=MEMORY_MIB))


def race(bench, objects, server, connections, figure, more=(), again=False):
    racing = Race(bench, objects, server, connections, (Heliodex, *PEERS, *more))
    racing.run(again)
    report_race(racing, figure)
    return racing


def made(bench, name, count, size, distinct, figure):
    """The objects, if there is room for them and a copy."""
    objects = Objects(bench, name, count, size, distinct)
    why = needs(bench, objects)
    if why:
        report(figure, why, "s", why)
        return None
    return objects


def small(bench):
    count, size = max(50, round(100_000 * bench.scale)), 20_000
    figure = f"mirror {count:,} x 20 KB"
    objects = made(bench, "small", count, size, count, figure)
    if not objects:
        return
    with objects, objects.server() as server:
        racing = race(bench, objects, server, 64, figure, again=True)
        others = {name: runs for name, runs in racing.again.items() if name != Heliodex.name}
        best = min(others, key=lambda name: racing.median(name, "seconds", others), default=None)
        report(f"{figure}, nothing to do", racing.ours("seconds", racing.again), "s",
               best or Missing("no peer is installed that can"), racing.median(best, "seconds", others), Goal(most=1.0),
               took=racing.table(racing.again))


def delayed(bench):
    count, size = max(50, round(20_000 * bench.scale)), 20_000
    figure = f"mirror {count:,} x 20 KB at {LATENCY * 1000:.0f} ms"
    objects = made(bench, "delayed", count, size, count, figure)
    if objects:
        with objects, objects.server(LATENCY) as server:
            race(bench, objects, server, 256, figure)


def medium(bench):
    count, size = max(4, round(2_000 * bench.scale)), 5_000_000
    figure = f"mirror {count:,} x 5 MB"
    objects = made(bench, "medium", count, size, 500, figure)
    if objects:
        with objects, objects.server() as server:
            race(bench, objects, server, 32, figure)


def large(bench):
    size = max(16 << 20, round((2 << 30) * bench.scale))
    figure = f"mirror 4 x {size / 2**20:,.0f} MiB"
    objects = made(bench, "large", 4, size, 2, figure)
    if not objects:
        return
    with objects, objects.server() as server:
        racing = race(bench, objects, server, 16, figure, more=(Ranges, RangesDropped))
        report(f"{figure}, beside the ceiling", racing.ours("seconds"), "s", Ranges.name, racing.median(Ranges.name, "seconds"),
               Goal(ratio=1 / 0.9), nothing_written=round(racing.median(RangesDropped.name, "seconds"), 4))


def gateway(bench):
    count, size = max(50, round(10_000 * bench.scale)), 20_000
    figure = f"mirror {count:,} x 20 KB from the gateway"
    lacking = missing()
    if lacking:
        return report(figure, Missing(lacking), "s", Missing(lacking))
    objects = Objects(bench, "gateway", count, size, count)
    with objects, Gateway(bench.scratch / "gateway-mirror", threads=64) as server:
        for bucket, some in ((BUCKET, count), (SAMPLE, SAMPLE_OBJECTS)):
            server.bucket(bucket, {}, acl="public-read")
            server.put(bucket, {key: (objects.root / BUCKET / key).read_bytes() for key in objects.keys(some)},
                       acl="public-read")
        race(bench, objects, server, 32, figure)


FIGURES = (small, delayed, medium, large, gateway)


def mirror(bench):
    for figure in FIGURES:
        figure(bench)

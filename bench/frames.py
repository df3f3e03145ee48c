#!/usr/bin/python3
"""Asks for DataFrames in one process, and prints what they hold and how long they took, as a line of JSON.

    frames.py heliodex BUCKET CACHE ID ROUNDS DAY...     through the module's CloudCatalog, with a cache
    frames.py pandas FOLDER ID ROUNDS DAY...             as the original client goes about it: read_csv of the years' files

Milliseconds, medians of the rounds: `day_ms` (each of the days, by start), `keys_ms` (all rows), `numbers_ms` (all rows
without keys). `day`, `all`: rows, the sum of their sizes, and a hash of everything.
"""

import hashlib
import json
import statistics
import sys
import time
from pathlib import Path

import pandas as pd

NAMES = ["start", "stop", "datakey", "filesize"]


def heliodex_frames(bucket, cache, id):
    from heliodex import CloudCatalog

    catalog = CloudCatalog(bucket, cache_folder=cache, cache=True)

    def ask(start=None, stop=None, columns=None):
        return catalog.request_cloud_catalog(id, start, stop, columns=columns)

    ask()  # fetches and keeps
    return ask


def pandas_frames(folder, id):
    def ask(start=None, stop=None, columns=None):
        first, last = (int(start[:4]), int(stop[:4])) if start else (0, 9999)
        files = [file for file in sorted(Path(folder).rglob(f"{id}_*.csv")) if first <= int(file.stem[-4:]) <= last]
        frame = pd.concat([pd.read_csv(file, header=None, names=NAMES) for file in files])
        for name in ("start", "stop"):
            frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%dT%H:%M:%SZ")
        if start:
            frame = frame[(frame["stop"] >= pd.Timestamp(start[:-1])) & (frame["start"] < pd.Timestamp(stop[:-1]))]
        return frame if columns is None else frame[columns]

    return ask


def facts(frame):
    text = hashlib.md5("\n".join(frame["datakey"]).encode() if "datakey" in frame else b"")
    for name in ("start", "stop", "filesize"):
        text.update(frame[name].to_numpy().astype("int64").tobytes())
    return [len(frame), int(frame["filesize"].sum()), text.hexdigest()]


def took(rounds, function):
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        frame = function()
        times.append(time.perf_counter() - begun)
        del frame
    return statistics.median(times) * 1000


def main():
    kind, *arguments = sys.argv[1:]
    if kind == "heliodex":
        bucket, cache, id, rounds, *days = arguments
        ask = heliodex_frames(bucket, cache, id)
    else:
        folder, id, rounds, *days = arguments
        ask = pandas_frames(folder, id)
    ranges = [(f"{day}T00:00:00Z", f"{day}T23:59:59Z") for day in days]
    rounds = int(rounds)
    answer = {
        "day": [facts(ask(*one)) for one in ranges],
        "all": facts(ask()),
        "day_ms": statistics.median(took(rounds, lambda: ask(*one)) for one in ranges),
        "keys_ms": took(rounds, ask),
        "numbers_ms": took(rounds, lambda: ask(columns=["start", "stop", "filesize"])),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""A second reader of snapshots, in plain Python, from the comments of src/snapshot/format.h and src/codec/*.h alone.

    snapshot_reader.py FILE.hdx               # all rows, as `heliodex query --format csv` prints them
    snapshot_reader.py --describe FILE.hdx    # the kinds that occur in the footer and in each block

    snapshot = Snapshot(path)                 # what the specification promises is checked; Damaged tells what is wrong
    snapshot.rows()                           # rows with their stops made up, in order
    snapshot.csv()
    snapshot.seen                             # kinds of things that the file has: {"ints packed delta", "part time", …}

It is there to prove that the specification is complete, and that files of released versions stay what they were.
"""

import csv
import dataclasses
import datetime
import io
import operator
import sys

from snapshot_codec import DAY, NONE, Bytes, Damaged, Template, below, column, decompress, i64, ints, need, wrapped, xxh3

HEADER, TRAILER = 16, 48
HEADER_MAGIC, TRAILER_MAGIC = b"\x89HDX\r\n\x1a\n", b"HDXT\r\n\x1a\n"
NO_STOP, SOME_STOPS, MIXED, BACKWARD = 1, 2, 4, 8
YEAR_MIXED = -(2**31)
ZONE = {"offset": "Q", "min_start": "q", "max_start": "q", "max_stop": "q", "size_sum": "Q", "hash": "Q", "length": "I",
        "rows": "I", "size_missing": "I", "year": "i", "flags": "B"}  # in the order of the footer's lists


@dataclasses.dataclass
class Row:
    start: int
    stop: int  # NONE: the index has no stop
    key: bytes
    size: int | None
    year: int
    extras: dict  # name: value

    def order(self):
        return self.start, self.start if self.stop == NONE else self.stop, self.key, self.year


def flag_names(flags):
    names = ["no stop", "some stops", "mixed years", "backward"]
    return {f"flag {name}" for bit, name in enumerate(names) if flags >> bit & 1} or {"no flags"}


class Snapshot:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.seen = set()
        self.subject, self.columns, self.years, self.zones, self.templates = {}, {}, [], [], []
        self.fingerprint = 0  # of the document of parameters
        self.parameters = {}  # of each column that something is said of: (type, units, description)
        footer, end = self._frame()
        self._sections(footer)
        self._space(end)

    def _frame(self):
        """Checks header and trailer; the raw footer, and where the blocks end."""
        data = self.data
        need(len(data) >= HEADER + TRAILER, "file: too short")
        need(data[:8] == HEADER_MAGIC and data[-8:] == TRAILER_MAGIC, "file: magic")
        trailer = Bytes(data[-TRAILER:], self.seen)
        offset, stored, raw, size = (trailer.number(form) for form in "QIIQ")
        version, zero, checksum = trailer.take(4), trailer.number("I"), trailer.number("Q")
        need(version[:2] == b"\1\0" and data[8:12] == version and zero == 0 and data[12:16] == bytes(4), "file: version")
        need(size == len(data) and offset >= HEADER and offset + stored + TRAILER == size, "file: sizes")
        footer = data[offset:offset + stored]
        need(xxh3(data[:HEADER] + footer + data[-TRAILER:-16]) == checksum, "trailer: checksum")
        self.minor = int.from_bytes(version[2:], "little")
        self.seen.add(f"footer {'raw' if stored == raw else 'zstd'}")
        return footer if stored == raw else decompress(footer, raw), offset

    def _sections(self, footer):
        known = {1: self._subject, 2: self._columns, 3: self._years, 4: self._blocks, 5: self._templates, 6: self._forms,
                 7: self._parameters}
        footer, found = Bytes(footer, self.seen), {}
        while footer.left():
            tag, content = footer.u8(), footer.sized()
            need(tag not in found or tag not in known, "footer: a section is there twice")
            found[tag] = content
        for tag, read in known.items():  # sections 6 and 7 tell more of what 3 and 2 name
            need(tag in found or tag > 5, "footer: a section is missing")
            if tag in found:
                read(found[tag])
                found[tag].end()
        if 6 not in found:
            for year in self.years:
                year |= {"form": b"csv" if self.minor and year["bytes"] else b"", "repairs": 0, "duplicates": 0, "flags": 0}

    def _subject(self, data):
        for name in ("source", "id", "index", "indextype"):
            self.subject[name] = data.text().decode("utf-8", "surrogateescape")
        self.subject["start"], self.subject["stop"] = data.number("q"), data.number("q")
        flags, self.digits = data.u8(), data.u8()
        need(flags <= 1 and self.digits in (0, 3, 6, 9), "subject: flags or digits")
        self.subject["multiyear"] = bool(flags)

    def _columns(self, data):
        count = data.varint()
        for _ in range(count):
            number = data.varint()
            self.columns[number] = data.text().decode("utf-8", "surrogateescape")
        names = [name.encode("utf-8", "surrogateescape") for name in self.columns.values()]
        need(len(set(names)) == count and names == sorted(names) and count <= 250, "columns: not unique, or out of order")

    def _years(self, data):
        for _ in range(data.varint()):
            year = {"year": data.number("i"), "state": data.u8(), "checked": data.number("q")}
            year |= {name: data.varint() for name in ("rows", "bad", "bytes")}
            year |= {name: data.text() for name in ("url", "etag", "modified", "reason")}
            need(not self.years or self.years[-1]["year"] < year["year"], "years: out of order")
            self.years.append(year)

    def _forms(self, data):
        for year in self.years:
            year |= {"form": data.text(), "repairs": data.varint(), "duplicates": data.varint(), "flags": data.u8()}
            need(year["flags"] <= 1, "forms: flags")
        self.seen.add("forms")

    def _parameters(self, data):
        types = [None, "string", "int", "double"]
        self.fingerprint = data.number("Q")
        for name in self.columns.values():
            kind, units, description = data.u8(), data.text(), data.text()
            need(kind < len(types), "parameters: an unknown type")
            if kind or units or description:
                self.parameters[name] = types[kind], units.decode(), description.decode()
        self.seen.add("parameters")

    def _blocks(self, data):
        count = data.number("I")
        lists = {name: [data.number(form) for _ in range(count)] for name, form in ZONE.items()}
        self.zones = [dict(zip(lists, values)) for values in zip(*lists.values())]
        order = [(zone["min_start"], zone["max_start"], zone["offset"]) for zone in self.zones]
        need(order == sorted(order), "blocks: out of order")

    def _templates(self, data):
        self.templates = [Template(data.sized()) for _ in range(data.varint())]

    def _space(self, end):
        """Blocks fill what lies between header and footer."""
        at = HEADER
        for zone in sorted(self.zones, key=operator.itemgetter("offset")):
            need(zone["offset"] == at and zone["length"] > 0, "blocks: a gap")
            at += zone["length"]
        need(at == end, "blocks: a gap before the footer")

    def block(self, zone, seen):
        """The rows of a block, checked against what the footer says of it."""
        stored = self.data[zone["offset"]:zone["offset"] + zone["length"]]
        need(xxh3(stored) == zone["hash"], "block: checksum")
        data, count = Bytes(stored, seen), zone["rows"]
        need(1 <= count <= 65536, "block: an impossible number of rows")
        flags, extras = data.u8(), data.u8()
        need(flags == zone["flags"] and flags < 16, "block: flags")
        seen.update(flag_names(flags))
        sizes = [data.varint() for _ in range(3 if flags & MIXED else 2)]
        heads = [self._texts_head(data, extra=place > 0) for place in range(1 + extras)]
        need(len({number for number, _, _ in heads}) == len(heads), "block: an extra column twice")
        starts, stops = times(data.part(sizes[0]), count, flags)
        size = file_sizes(data.part(sizes[1]), starts, stops)
        years = ints(data.part(sizes[2]), count) if flags & MIXED else [zone["year"]] * count
        texts = {name: column(data.part(length), templates, starts, stops) for name, templates, length in heads}
        data.end()
        keys = texts.pop(None)
        seen.update({"extra column"} if texts else ())
        rows = [Row(*row, dict(zip(texts, values))) for *row, values in
                zip(starts, stops, keys, size, years, zip(*texts.values()) if texts else [()] * count)]
        self._check(zone, rows)
        return rows

    def _texts_head(self, data, extra):
        """(name, or None of the key; templates; size)"""
        number = data.varint() if extra else None
        need(not extra or number in self.columns, "block: a column that the footer does not name")
        numbers = [data.varint() for _ in range(data.u8())]
        need(all(number < len(self.templates) for number in numbers), "block: a template that is not there")
        return self.columns.get(number), [self.templates[number] for number in numbers], data.varint()

    def _check(self, zone, rows):
        order = [row.order() for row in rows]
        stated = [row.size for row in rows if row.size is not None]
        stops = [row.stop for row in rows if row.stop != NONE]
        flags = (NO_STOP if not stops else SOME_STOPS if len(stops) < len(rows) else 0) | zone["flags"] & MIXED
        flags |= BACKWARD if any(NONE != row.stop < row.start for row in rows) else 0
        need(order == sorted(order), "block: rows out of order")
        need(rows[0].start == zone["min_start"] and rows[-1].start == zone["max_start"], "block: starts")
        need(flags == zone["flags"], "block: flags are not what rows are")
        need((zone["year"] == YEAR_MIXED) == bool(flags & MIXED), "block: year")
        need(len(rows) - len(stated) == zone["size_missing"], "block: sizes missing")
        need(min(sum(size for size in stated if size > 0), 2**64 - 1) == zone["size_sum"], "block: sum of sizes")
        if len(stops) < len(rows):
            later = [other["min_start"] for other in self.zones if other["min_start"] > zone["max_start"]]
            stops.append(min(later) if later else max(other["max_start"] for other in self.zones))
        need(max(stops) == zone["max_stop"], "block: max stop")

    def rows(self):
        """All rows, ordered; a missing stop is the next row's start."""
        rows = []
        for zone in self.zones:
            rows += self.block(zone, self.seen)
        rows.sort(key=Row.order)
        for row, following in zip(rows, rows[1:] + rows[-1:]):
            if row.stop == NONE:
                row.stop = following.start  # the order stays what it is
        return rows

    def csv(self):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        names = list(self.columns.values())
        writer.writerow(["start", "stop", "datakey", "filesize", *names])
        for row in self.rows():
            texts = (value.decode("utf-8", "surrogateescape") for value in
                     (row.key, *(row.extras.get(name, b"") for name in names)))
            writer.writerow([time_text(row.start, self.digits), time_text(row.stop, self.digits), next(texts),
                             "" if row.size is None else row.size, *texts])
        return out.getvalue()

    def describe(self):
        yield f"file: {len(self.data)} bytes, {len(self.zones)} blocks; {', '.join(sorted(self.seen))}"
        for number, zone in enumerate(self.zones):
            seen = set()
            self.block(zone, seen)
            yield f"block {number}: {zone['rows']} rows, {zone['length']} bytes; {', '.join(sorted(seen))}"


def times(data, count, flags):
    """Starts and stops of a block's rows."""
    kind = data.u8()
    start_kind = below(kind & 3, "starts", ["plain", "chain", "day"])
    stop_kind = below(kind >> 2, "stops", ["duration", "of day"])
    data.seen.update({f"starts {start_kind}"} | ({f"stops {stop_kind}"} if not flags & NO_STOP else set()))
    if start_kind == "chain":
        need(stop_kind == "duration" and not flags & (NO_STOP | SOME_STOPS) and count >= 2, "times: a chain without stops")
        first, gaps = data.signed(), ints(data.sized(), count - 1)
    elif start_kind == "day":
        days, of_day = ints(data.sized(), count), ints(data.sized(), count)
        need(all(0 <= clock < DAY for clock in of_day), "times: an instant that is not of its day")
        starts = wrapped([day * DAY + clock for day, clock in zip(days, of_day)])
    else:
        starts = ints(data.sized(), count)
    if flags & NO_STOP:
        data.end()
        return starts, [NONE] * count
    there = ints(data.sized(), count) if flags & SOME_STOPS else None
    numbers = ints(data.part(data.left()), count)
    if start_kind == "chain":
        starts = [first]
        for duration, gap in zip(numbers, gaps):
            starts.append(i64(starts[-1] + duration + gap))
    begins = starts if stop_kind == "duration" else [start - start % DAY for start in starts]
    stops = wrapped([begin + number for begin, number in zip(begins, numbers)])
    return starts, [stop if is_there else NONE for stop, is_there in zip(stops, there)] if there else stops


def file_sizes(data, starts, stops):
    kind, count = below(data.u8(), "sizes", ["all", "some", "none", "by duration"]), len(starts)
    data.seen.add(f"sizes {kind}")
    if kind == "none":
        data.end()
        return [None] * count
    if kind == "some":
        stated = ints(data.sized(), count)
        return [size if is_stated else None for size, is_stated in zip(ints(data.part(data.left()), count), stated)]
    if kind == "all":
        return ints(data.part(data.left()), count)
    need(NONE not in stops, "sizes: a duration that is not there")
    size_of, duration, size = {}, None, 0
    for _ in range(data.u8() + 1):
        step = data.signed() if duration is None else data.varint()
        need(duration is None or step > 0, "sizes: durations out of order")
        duration = i64((duration or 0) + step)
        size = size_of[duration] = i64(size + data.signed())
    durations = wrapped([stop - start for start, stop in zip(starts, stops)])
    need(set(durations) <= set(size_of), "sizes: a duration without a size")
    return wrapped([size_of[duration] + less for duration, less in zip(durations, ints(data.part(data.left()), count))])


def time_text(ns, digits):
    whole, fraction = divmod(ns, 10**9)
    text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{fraction:09}"[:1 + digits] if digits else "") + "Z"


def main(arguments):
    describe = arguments[:1] == ["--describe"]
    if len(arguments) != 1 + describe:
        sys.exit(__doc__)
    try:
        snapshot = Snapshot(arguments[-1])
        text = "".join(f"{line}\n" for line in snapshot.describe()) if describe else snapshot.csv()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    except (OSError, Damaged) as error:
        sys.exit(f"{arguments[-1]}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

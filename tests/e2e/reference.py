"""A naive reference: index files and catalog entries read with Python's csv and datetime, shared with nothing of ours.

    bucket = Bucket(folder, "gov-nasa-hdrl-data1")     # folder/<bucket>/catalog.json and the index files below folder
    dataset = bucket.dataset("aia_0094")
    dataset.answer(start_ns, stop_ns, "overlap")       # rows in the order start, stop, key
    dataset.csv(rows)                                  # as `heliodex query --format csv` prints them
    ask([dataset, …], start_ns, stop_ns, key=["*.cdf"], reverse=True, …)    # pairs of dataset and row
    counts_csv([dataset, …], pairs, "month")           # as `heliodex query --count-by month` prints them

It is slow and plain on purpose: one line at a time, each rule of the archive's oddities where it applies. Times are
integers, nanoseconds since 1970.
"""

import csv
import dataclasses
import datetime
import fnmatch
import fractions
import gzip
import io
import json
import re
import zipfile
from pathlib import Path

SECOND = 10**9
TIME_MAX = 2**63 - 1
TIME_MIN = -(2**63) + 2
STATIC = TIME_MIN  # the start of a row without time
FIRST_YEAR = 1957  # where the catalog does not say when a dataset begins
QUOTES = "\"'\u2018\u2019\u201c\u201d"

TIME = re.compile(r"""
    (?P<year>\d{4})
    (?: -(?P<yday>\d{3})(?!\d) | -(?P<month>\d\d) (?: -(?P<day>\d\d) )? )?
    (?: (?P<T>[T:\ t]) (?P<hour>\d\d)
        (?: (?P<colon>[:.])(?P<minute>\d\d) (?: (?P<colon2>[:.])(?P<second>\d\d) (?: \.(?P<fraction>\d{0,9}) )? )? )? )?
    (?P<Z>[Zz]?)""", re.X)
NUMBERS = "year", "yday", "month", "day", "hour", "minute", "second"


def time_ns(text):
    """The first instant of a time in any truncation; ValueError where it is none. Saturates beyond int64."""
    match = TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no time")
    part = {name: int(match[name] or 0) for name in NUMBERS}
    if match["hour"] and not (match["day"] or match["yday"]):
        raise ValueError(f"{text!r} has an hour but no day")
    # datetime ends with 9999 and knows no year 0; the calendar repeats after 400 years.
    day = datetime.date(part["year"] % 400 + 400, part["month"] or 1, part["day"] or 1)
    days = (day - datetime.date(1970 % 400 + 400, 1, 1)).days
    if match["yday"]:
        last = 366 if part["year"] % 400 == 0 or (part["year"] % 4 == 0 and part["year"] % 100) else 365
        if not 1 <= part["yday"] <= last:
            raise ValueError(f"{text!r} has no such day")
        days += part["yday"] - 1
    days += (part["year"] // 400 - 1970 // 400) * 146097
    fraction = int((match["fraction"] or "").ljust(9, "0"))
    if part["second"] == 60:  # a leap second is the last instant of its minute
        part["second"], fraction = 59, SECOND - 1
    if part["hour"] > 24 or part["minute"] > 59 or part["second"] > 59:
        raise ValueError(f"{text!r} is no time of a day")
    if part["hour"] == 24 and (part["minute"] or part["second"] or fraction):
        raise ValueError(f"{text!r} is behind the end of the day")
    seconds = days * 86400 + part["hour"] * 3600 + part["minute"] * 60 + part["second"]
    return max(TIME_MIN, min(TIME_MAX, seconds * SECOND + fraction))


def time_repairs(text):
    """What has to be mended to read it."""
    match = TIME.fullmatch(text)
    kinds = {"dot": "." in (match["colon"], match["colon2"]), "separator": match["T"] not in ("T", None) or match["Z"] == "z",
             "date": not match["hour"], "hour": match["hour"] == "24", "leap": match["second"] == "60",
             "late": time_ns(text) in (TIME_MIN, TIME_MAX)}
    return [kind for kind, found in kinds.items() if found]


def time_text(ns, digits):
    whole, fraction = divmod(ns, SECOND)
    text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
    if int(text[:4]) < 1000:
        raise ValueError("strftime does not pad such years")
    return text + (f".{fraction:09d}"[:1 + digits] if digits else "") + "Z"


def is_static(text):
    return text.strip().lower() == "static"


def times_text(row, digits):
    """Both times of a row as they are printed."""
    return ["static"] * 2 if row.start == STATIC else [time_text(row.start, digits), time_text(row.stop, digits)]


def year_of(ns):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=ns // SECOND)).year


@dataclasses.dataclass
class Row:
    start: int
    stop: int | None  # None: the file has no stop column
    key: str
    size: int | None
    extras: dict
    year: int = 0  # of the index file
    repairs: tuple = ()  # kinds of what was mended in its times and size

    def order(self):
        return self.start, self.stop, self.key.encode("utf-8", "surrogateescape")


def fields_of(line):
    """The fields of a line, whatever its quotes."""
    for quote in "\"'":
        if quote in line:
            fields = next(csv.reader([line], quotechar=quote, skipinitialspace=True))
            # Quotes that are not in pairs swallow commas: then every comma counts and quotes are only decoration.
            if line.count(quote) % 2:
                fields = [field.strip().strip(QUOTES) for field in line.split(",")]
            return [field.strip() for field in fields]
    return [field.strip().strip("\u2018\u2019\u201c\u201d") for field in line.split(",")]


def is_time(text):
    try:
        time_ns(text)
        return True
    except ValueError:
        return False


def size_of(text):
    if text == "":
        return None
    match = re.fullmatch(r"(\d+)(?:\.\d*)?", text)
    if not match or int(match[1]) >= 2**63:
        raise ValueError(f"{text!r} is no size")
    return int(match[1])


def unpacked(content):
    """What is in an index file, whatever it is called: plain, gzip, or zip with one member."""
    if content[:2] == b"\x1f\x8b":
        return gzip.decompress(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            name, = archive.namelist()
            return archive.read(name)
    return content


def read_parameters(path):
    """[(name, type)] of extra columns, from <id>.info or <id>.json beside the index files; [] where there is none, or
    none that can be read."""
    for ending in (".info", ".json"):
        file = path.with_name(path.name + ending)
        if file.is_file():
            try:
                found = [(entry["name"], entry.get("type")) for entry in json.loads(file.read_bytes())["parameters"]]
            except (ValueError, KeyError, TypeError):
                return []
            return found[4:] if [name for name, _ in found[:4]] == ["start", "stop", "datakey", "filesize"] else found
    return []


def read_index(content, published=()):
    """(rows, numbers of the bad lines) of an index file's bytes. `published`: names for extra columns without one."""
    content = unpacked(content)
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    rows, bad, names, no_stop, begun = [], [], None, None, False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip():
            continue
        # A header names its columns: its first field begins with no digit.
        if line.lstrip().startswith("#") or (not begun and not fields_of(line)[0][:1].isdigit() and not is_static(fields_of(line)[0])):
            if not begun:
                names = [field.strip() for field in fields_of(line.lstrip().lstrip("#"))]
            begun = True
            continue
        begun = True
        fields = fields_of(line)
        if no_stop is None:  # the first row decides what the columns are
            no_stop = len(fields) == 3 or (len(fields) > 1 and not is_time(fields[1]) and "/" in fields[1])
            width = max(len(fields), len(names or []))
            called = column_names(width - (3 if no_stop else 4), (names or [])[3 if no_stop else 4:], published)
        while len(fields) > width and not fields[-1]:
            fields.pop()
        try:
            if len(fields) > width:
                raise ValueError("too many fields")
            rows.append(row_of(fields, no_stop, called))
        except (ValueError, IndexError):
            bad.append(number)
    return rows, bad


def column_names(count, header, published):
    """What `count` extra columns are called: by the header; by the document, whose columns stand behind the two of the
    checksum if there are two columns more and the header tells of none; else by the specification and by their place."""
    usual = ["checksum", "checksum_algorithm"] + [f"column{place + 7}" for place in range(count)]
    header, published = list(header), list(published)
    if published and not header and count == len(published) + 2:
        published = usual[:2] + published
    header, published = (names + [""] * count for names in (header, published))
    wanted = [header[i] or (published[i] if published[i] not in header else "") or usual[i] for i in range(count)]
    rank = [0 if header[i] else 1 if wanted[i] == published[i] else 2 for i in range(count)]
    # The first one of a name keeps it; others get numbers, those that are named in the file before those that are not.
    called = {}
    for i in sorted(range(count), key=lambda i: (rank[i], i)):
        if wanted[i] not in called.values():
            called[i] = wanted[i]
    for i in sorted(set(range(count)) - set(called), key=lambda i: (rank[i], i)):
        number = 2
        while f"{wanted[i]}_{number}" in called.values():
            number += 1
        called[i] = f"{wanted[i]}_{number}"
    return [called[i] for i in range(count)]


def row_of(fields, no_stop, called):
    if no_stop:
        fields = [fields[0], None, *fields[1:]]
    if is_static(fields[0]):
        if not (fields[1] is None or fields[1] == "" or is_static(fields[1])):
            raise ValueError("a stop where there is no time")
        start, stop = STATIC, TIME_MAX
    else:
        start, stop = time_ns(fields[0]), None if fields[1] is None else time_ns(fields[1])
        if start in (TIME_MIN, TIME_MAX):
            raise ValueError("the start cannot be told")
    if not fields[2] or "\0" in "".join(filter(None, fields)):
        raise ValueError("no key")
    extras = dict(zip(called, fields[4:]))
    times = [] if start == STATIC else [time for time in fields[:2] if time]
    repairs = [kind for time in times for kind in time_repairs(time)] + ["decimals"] * ("." in fields[3])
    return Row(start, stop, fields[2], size_of(fields[3]), extras, repairs=tuple(repairs))


def duplicates(rows):
    """How many rows of a file have start, stop and key of another one before."""
    return len(rows) - len({(row.start, row.stop, row.key) for row in rows})


class Dataset:
    """A catalog entry and the index files that it has below `folder`, which holds a folder for each bucket."""

    def __init__(self, folder, entry):
        def member(name, legacy):
            return entry.get(name, entry.get(legacy))

        self.folder, self.id = Path(folder), entry["id"]
        self.index = member("index", "loc")
        self.type = str(member("indextype", "ndxformat") or "csv").lower()
        self.start, self.stop = member("start", "startdate"), member("stop", "enddate")
        self.multiyear = str(entry.get("multiyear", False)).lower() == "true"
        this_year = datetime.datetime.now(datetime.timezone.utc).year
        self.first = year_of(time_ns(self.start)) if is_time(self.start) else FIRST_YEAR
        self.last = min(year_of(time_ns(self.stop)) if is_time(self.stop) else this_year + 1, this_year + 1)
        if is_static(self.start) or is_static(self.stop):
            self.first = self.last = 0  # the file without a year
        self.bad = {}  # year: numbers of the bad lines
        self.years = []  # those that have a file
        self.rows = self._read()

    def path(self, year):
        plain = self.folder / re.sub(r"^\w+://", "", self.index) / f"{self.id}_{year or 'static'}.csv"
        if self.type == "csv-zip":
            return plain.with_suffix(".csv.zip")
        return plain if plain.exists() else plain.with_suffix(".csv.gz")

    def _read(self):
        rows = []
        self.types = dict(read_parameters(self.path(0).with_name(self.id)))
        for year in range(self.first, self.last + 1):
            if self.path(year).is_file():
                self.years.append(year)
                found, self.bad[year] = read_index(self.path(year).read_bytes(), list(self.types))
                rows += [dataclasses.replace(row, year=year) for row in found]
        self.stop_made_up = any(row.stop is None for row in rows)
        rows.sort(key=lambda row: (row.start, TIME_MIN if row.stop is None else row.stop, row.order()[2]))
        for row, following in zip(rows, rows[1:] + rows[-1:]):
            if row.stop is None:
                row.stop = following.start
        return sorted(rows, key=Row.order)

    @property
    def digits(self):
        """The fewest of 0, 3, 6 or 9 decimals that tell every time exactly; saturated stops do not count."""
        times = {t % SECOND for row in self.rows for t in (row.start, row.stop) if t not in (TIME_MIN, TIME_MAX)}
        return next(d for d in (0, 3, 6, 9) if all(t % 10**(9 - d) == 0 for t in times))

    @property
    def extra_names(self):
        return sorted({name for row in self.rows for name in row.extras}, key=str.encode)

    def wanted_years(self, start, stop):
        if self.last == 0:
            return [0]
        first = self.first if start is None or self.multiyear else max(self.first, year_of(start) - 1)
        last = self.last if stop is None else min(self.last, year_of(stop - 1))
        return range(first, last + 1)

    def answer(self, start=None, stop=None, match="overlap"):
        years = self.wanted_years(start, stop)
        a, b = TIME_MIN if start is None else start, float("inf") if stop is None else stop
        rules = {"overlap": lambda row: row.stop >= a and row.start < b,
                 "start": lambda row: a <= row.start < b,
                 "contained": lambda row: a <= row.start and row.stop <= b}
        return [row for row in self.rows if row.year in years and rules[match](row)]

    def csv(self, rows):
        """Text as it is printed, lines ended by \\n."""
        names, digits = self.extra_names, self.digits
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["start", "stop", "datakey", "filesize", *names])
        for row in rows:
            writer.writerow([*times_text(row, digits), row.key, "" if row.size is None else row.size, *(row.extras.get(name, "") for name in names)])
        return out.getvalue()


# ---- what a query may ask besides


def base_name(key):
    return key[key.rfind("/") + 1:]


def key_matches(key, glob):
    return fnmatch.fnmatchcase(key if "/" in glob else base_name(key), glob)


def compare(value, wanted):
    """-1, 0 or 1: as decimal numbers if both are ones, otherwise bytewise."""
    if NUMBER.fullmatch(value) and NUMBER.fullmatch(wanted):
        a, b = fractions.Fraction(value), fractions.Fraction(wanted)
    else:
        a, b = (text.encode("utf-8", "surrogateescape") for text in (value, wanted))
    return (a > b) - (a < b)


NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.A)
CONDITION = re.compile(r"([^=!<>]+)(!=|<=|>=|=|<|>)(.*)", re.S)


def holds(row, condition):
    name, operator, wanted = CONDITION.fullmatch(condition).groups()
    value = row.extras.get(name, "")
    if operator in ("<", "<=", ">", ">=") and value == "":
        return False
    order = compare(value, wanted)
    return {"=": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def passes(row, key=(), key_exclude=(), min_size=None, max_size=None, where=()):
    if key and not any(key_matches(row.key, glob) for glob in key):
        return False
    if any(key_matches(row.key, glob) for glob in key_exclude):
        return False
    if (min_size is not None or max_size is not None) and row.size is None:
        return False
    if (min_size is not None and row.size < min_size) or (max_size is not None and row.size > max_size):
        return False
    return all(holds(row, condition) for condition in where)


VERSION = re.compile(r"(?<=[_\-./])[vV]([0-9]{1,18})(?=[_\-./]|\Z)((?:\.(?!0[0-9]{2})[0-9]{1,3}(?=[_\-./]|\Z)){0,6})")


def split_version(key):
    """(the key without its version, seven numbers); the key alone where it has none."""
    for place in range(len(key), -1, -1):
        match = VERSION.match(key, place)
        if match:
            numbers = [int(match[1]), *map(int, re.findall("[0-9]+", match[2]))]
            return (key[:match.start()], key[match.end():]), tuple(numbers + [0] * (7 - len(numbers)))
    return key, None


def latest(rows):
    """Pairs of dataset and row, without older versions of files that start at the same instant."""
    greatest = {}

    def file_of(pair):
        return pair[0].id, pair[1].start, split_version(pair[1].key)[0]

    for pair in rows:
        version = split_version(pair[1].key)[1]
        if version:
            greatest[file_of(pair)] = max(version, greatest.get(file_of(pair), version))
    return [pair for pair in rows if split_version(pair[1].key)[1] in (None, greatest.get(file_of(pair)))]


def ask(datasets, start=None, stop=None, match="overlap", reverse=False, limit=None, latest_version=False, **filters):
    """Pairs of dataset and row, for one dataset or several."""
    rows = [(dataset, row) for dataset in datasets for row in dataset.answer(start, stop, match) if passes(row, **filters)]
    rows.sort(key=lambda pair: (*pair[1].order(), pair[0].id.encode()))
    if latest_version:
        rows = latest(rows)
    if reverse:
        rows.reverse()
    return rows if limit is None else rows[:limit]


def merged_csv(datasets, rows):
    """Several datasets as they are printed."""
    names = sorted({name for dataset in datasets for name in dataset.extra_names}, key=str.encode)
    digits = max(dataset.digits for dataset in datasets)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "start", "stop", "datakey", "filesize", *names])
    for dataset, row in rows:
        writer.writerow([dataset.id, *times_text(row, digits), row.key, "" if row.size is None else row.size, *(row.extras.get(name, "") for name in names)])
    return out.getvalue()


def summary_csv(datasets, rows):
    digits = max(dataset.digits for dataset in datasets)
    lines = ["id,rows,bytes,unsized,start,stop"]
    for dataset in datasets:
        own = [row for other, row in rows if other is dataset]
        sizes = [row.size for row in own if row.size is not None]
        span = own and Row(min(row.start for row in own), max(row.stop for row in own), "", None, {})
        times = times_text(span, digits) if own else ["", ""]
        lines.append(",".join(map(str, [dataset.id, len(own), sum(sizes), len(own) - len(sizes), *times])))
    return "\n".join(lines) + "\n"


def counts_csv(datasets, rows, unit):
    size = {"year": 4, "month": 7, "day": 10}[unit]
    lines = [f"id,{unit},rows,bytes,unsized"]
    for dataset in datasets:
        groups = {}
        for other, row in rows:
            if other is dataset:
                groups.setdefault(times_text(row, 0)[0][:6 if row.start == STATIC else size], []).append(row)
        for name in sorted(groups, key=lambda name: (name != "static", name)):
            sizes = [row.size for row in groups[name] if row.size is not None]
            lines.append(f"{dataset.id},{name},{len(groups[name])},{sum(sizes)},{len(groups[name]) - len(sizes)}")
    return "\n".join(lines) + "\n"


class Bucket:
    def __init__(self, folder, name, catalog="catalog.json"):
        self.folder, self.name = Path(folder), name
        self.catalog = json.loads((self.folder / name / catalog).read_text("utf-8-sig"))
        self.entries = [entry for entry in self.catalog["catalog"] if isinstance(entry, dict)]
        self.ids = [entry["id"] for entry in self.entries]
        self.cache = {}

    def dataset(self, identifier):
        if identifier not in self.cache:
            entry, = (e for e in self.entries if e["id"] == identifier)
            self.cache[identifier] = Dataset(self.folder, entry)
        return self.cache[identifier]

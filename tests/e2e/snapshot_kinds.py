"""Index files that make the program write every kind of thing that a snapshot can have; for test_snapshot_reader.py."""

import itertools
import random

from reference import SECOND, time_ns, time_text

DAY = 86400 * SECOND
SIZE = 5760

# What a file can have, as the reader calls it. Not among it, as the program never writes it: moved instants of the stop.
BODIES = ["constant", "packed", "symbols", "named", "sparse", "split"]
EVERY = {f"ints {body}{delta}" for body in BODIES for delta in ("", " delta")}
EVERY |= {"packed widths one", "packed widths vary", "symbols raw", "symbols zstd", "names raw", "names zstd"}
EVERY |= {f"symbols {which} {what}" for which in ("with", "without") for what in ("levels", "bits")}
EVERY |= {"symbols folded", "symbols not folded"}
EVERY |= {"starts plain", "starts chain", "starts day", "stops duration", "stops of day"}
EVERY |= {"sizes all", "sizes some", "sizes none", "sizes by duration"}
EVERY |= {"no flags", "flag no stop", "flag some stops", "flag mixed years", "flag backward"}
EVERY |= {f"part {kind}" for kind in ("literal", "time", "fixed", "plain", "marked", "repeat")}
EVERY |= {"instant of start", "instant of stop", *(f"instant of start, moved by unit {unit}" for unit in range(1, 8))}
EVERY |= {f"letter {letter}" for letter in "YymdjHMSLUN"}
EVERY |= {"heap constant", "heap shared", "heap raw", "heap zstd", "heap lengths one", "heap lengths vary"}
EVERY |= {"extra column", "footer raw", "footer zstd", "forms", "parameters"}


def row(start, stop, key, size=SIZE, *extras, digits=0):
    times = [time_text(time, digits) for time in (start, stop) if time is not None]
    return ",".join([*times, f"s3://tiny-bucket/{key}", str(size), *map(str, extras)]) + "\n"


def every(step, count, year=2019):
    first = time_ns(str(year))
    return [first + i * step for i in range(count)]


def name(start, pattern="%Y%m%dT%H%M%S"):
    """The start in digits; percent and letter as in strftime."""
    text = time_text(start, 9)
    parts = dict(zip("YmdHMS", (text[:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])))
    day = (start - time_ns(text[:4])) // DAY + 1
    parts |= {"y": text[2:4], "j": f"{day:03}", "L": text[20:23], "U": text[20:26], "N": text[20:29]}
    for letter, digits in parts.items():
        pattern = pattern.replace("%" + letter, digits)
    return pattern


def regular(sizes, step=3600 * SECOND, **options):
    """Rows an hour apart of these sizes."""
    times = every(step, len(sizes))
    return "".join(row(t, t + 60 * SECOND, f"d/{name(t)}.cdf", size, **options) for t, size in zip(times, sizes))


def keyed(make, count=600, step=3600 * SECOND, digits=0):
    """Rows whose keys are made of their start and number."""
    return "".join(row(t, t + step // 2, make(t, i), digits=digits) for i, t in enumerate(every(step, count)))


def datasets():
    """(id, {year: text}) of each."""
    chance = random.Random(20240229)
    pick, upto, bell = chance.choice, chance.randint, chance.gauss
    few = [upto(10**9, 10**12) for _ in range(40)]

    # numbers
    yield "constant", {2019: regular([SIZE] * 100)}
    yield "ramp", {2019: regular([SIZE + 7 * i for i in range(100)])}
    yield "uniform", {2019: regular([2880 * upto(1, 2**20) for _ in range(300)])}
    yield "wide", {2019: regular([upto(0, 2**63 - 1) for _ in range(300)])}
    walk = [10**12]
    for i in range(700):
        walk.append(walk[-1] + upto(0, 2**(20 if i < 256 else 10)))
    yield "uniform_steps", {2019: regular(walk)}
    yield "bell", {2019: regular([int(bell(10**7, 10**5)) for _ in range(2000)])}
    yield "bell_narrow", {2019: regular([10**7 + int(bell(0, 9)) for _ in range(2000)])}
    levels = [upto(10**7, 10**8) for _ in range(64)]
    yield "bell_drifts", {2019: regular([int(bell(levels[i // 128], 300)) for i in range(8000)])}
    walk = [10**8]
    for _ in range(2000):
        walk.append(walk[-1] + int(bell(0, 300)))
    yield "bell_steps", {2019: regular(walk)}
    yield "named", {2019: regular([pick(few) for _ in range(2000)])}
    far = [upto(0, 2**62) for _ in range(8)]
    for count in (16, 20, 24, 28, 50):
        yield f"named_little_{count}", {2019: regular([pick(far) for _ in range(count)])}
    walk = [10]
    for _ in range(500):
        walk.append(walk[-1] + pick(few))
    yield "named_steps", {2019: regular(walk)}
    yield "sparse", {2019: regular([SIZE if upto(0, 30) else upto(1, 10**6) for _ in range(2000)])}
    most = [2880 * upto(1, 99999) + (0 if upto(0, 40) else upto(1, 2879)) for _ in range(4000)]
    yield "split", {2019: regular(most)}
    yield "split_steps", {2019: regular(list(itertools.accumulate(most)))}
    yield "sizes_some", {2019: regular([pick(["", SIZE, 2 * SIZE]) for _ in range(300)])}
    yield "sizes_none", {2019: regular([""] * 300)}
    lengths = [pick([60, 600, 3000]) for _ in range(1000)]
    yield "sizes_by_duration", {2019: "".join(
        row(t, t + s * SECOND, f"d/{name(t)}.cdf", 10**5 * s + int(bell(0, 50)))
        for t, s in zip(every(3600 * SECOND, 1000), lengths))}

    # times
    at, lines = time_ns("2019"), []
    for _ in range(1000):
        length = upto(1, 10**5)
        lines.append(row(at, at + length * SECOND, f"d/{name(at)}.cdf"))
        at += (length + 1) * SECOND
    yield "chain", {2019: "".join(line for line in lines if line.startswith("2019")),
                    2020: "".join(line for line in lines if line.startswith("2020"))}
    yield "plain", {2019: "".join(row(t, t + upto(1, 10**6) * SECOND, f"d/{name(t)}.cdf")
                                  for t in every(60 * SECOND, 1500))}
    yield "of_day", {2019: "".join(row(t + upto(0, 80000) * SECOND, t + DAY - SECOND, f"d/{name(t, '%Y%m%d')}.cdf")
                                   for t in every(DAY, 300))}
    yield "no_stop", {2019: "".join(row(t, None, f"d/{name(t)}.cdf") for t in every(DAY, 90))}
    yield "some_stops", {2018: "".join(row(t, None, f"d/{name(t)}.cdf") for t in every(DAY, 365, 2018)),
                         2019: regular([SIZE] * 99)}
    yield "backward", {2019: "".join(row(t, t + upto(-999, 999) * SECOND, f"d/{name(t)}.cdf") for t in every(DAY, 90))}
    yield "duplicates", {2019: 2 * regular([SIZE] * 50), 2020: regular([SIZE] * 50)}
    # the first day of the range of times begins before that range does: modulo 2^64, that is a day in 2262
    yield "first_day", {1677: "".join(row(t, t + SECOND, f"d/{name(t, 'x%Y%m%d_%H%M')}_22620411.cdf")
                                      for t in range(time_ns("1677-09-21T00:20"), time_ns("1677-09-22"), 3600 * SECOND))}
    # so many rows that years are not mixed, and levels are looked for; some of 2018 are filed under 2019
    times = every(480 * SECOND, 66000, 2018)
    lines = [row(t, t + 470 * SECOND, f"d/{name(t)}.cdf", int(bell(levels[i // 128 % 64], 999))) for i, t in enumerate(times)]
    yield "large", {2018: "".join(lines[:65000]), 2019: "".join(lines[65000:] + lines[100:110])}

    # texts
    def hexes(size):
        return "".join(chance.choices("ghijklmnop", k=size))

    yield "times", {2019: keyed(lambda t, i: f"d/{name(t, '%y%m%d/%Y%j/%Y%m%dT%H%M%S/%H%M%S%U/%H%M%S%L')}.cdf",
                                step=4567891123 * 1000, digits=6)}
    yield "nanoseconds", {2019: keyed(lambda t, i: f"d/{name(t, '%Y%m%d%H%M%S%N')}", step=4567891123457, digits=9)}
    yield "by_stop", {2019: "".join(row(t, s, f"d/{name(t)}_{name(s)}.cdf") for t in every(DAY, 300)
                                    for s in [t + upto(1, 9999) * SECOND])}

    def near(t, i):
        units = [DAY, 3600 * SECOND, 60 * SECOND, SECOND, 10**6, 10**3, 1]
        patterns = ["%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S%L", "%Y%m%d%H%M%S%U", "%Y%m%d%H%M%S%N"]
        moved = [name(t // unit * unit + upto(-3, 9) * unit, pattern) for unit, pattern in zip(units, patterns)]
        return f"d/{'_'.join(moved)}.cdf"

    yield "moved", {2019: keyed(near, step=7 * 3600 * SECOND)}
    yield "fixed", {2019: keyed(lambda t, i: f"d/{upto(0, 99999):05}.cdf")}
    yield "number", {2019: keyed(lambda t, i: f"d/{i}.cdf")}
    yield "marked", {2019: keyed(lambda t, i: f"d/x{upto(0, 999):0{upto(1, 5)}}.cdf")}
    yield "repeat", {2019: keyed(lambda t, i: f"d/{upto(0, 999):03}/{i * 977}/{name(t)}_v{i * 977}.cdf")}
    yield "versions", {2019: keyed(lambda t, i: f"d/{name(t)}_v{pick([1, 2, 10])}.cdf")}
    yield "heap", {2019: keyed(lambda t, i: f"d/{hexes(40)}.cdf")}
    yield "heap_varies", {2019: keyed(lambda t, i: f"d/{hexes(upto(1, 400))}.cdf")}
    yield "heap_little", {2019: keyed(lambda t, i: hexes(8), count=4)}
    yield "heap_constant", {2019: keyed(lambda t, i: f"d/{'1a' * 40}")}  # more runs of digits than a template has
    yield "tiny", {2019: row(time_ns("2019"), time_ns("2020"), "d/x")}
    yield "empty", {2019: "#start,stop,datakey,filesize\n"}
    header = "start,stop,datakey,filesize,checksum,note,\u00fcber\n"
    yield "extras", {2018: header + "".join(
        row(t, t + DAY, f"d/{name(t)}.cdf", SIZE, f"{upto(0, 2**64 - 1):016x}", pick(["", "good"]), "")
        for t in every(DAY, 300, 2018)), 2019: regular([SIZE] * 300)}
    lines = "".join(row(t, t + DAY, f"d/%s{i}") for i, t in enumerate(every(DAY, 3)))
    yield "odd_bytes", {2019: lines.encode() % (b"\xff\xfe", b"\xc3\xa9", b" x")}
    yield from corpus()
    yield from forms()


PARAMETERS = {"forms": [  # name, type, units and description as published: <id>.info
    ("start", "string", None, None), ("stop", "string", None, None), ("datakey", "string", None, None),
    ("filesize", "int", None, None), ("quality", "int", "1", "0 is best"), ("\u00e6ther", "double", "km/s", None),
    ("note", "string", None, "as the operator has it")]}

# What is to be known of the files of "forms": form, repairs, duplicates, whether they are out of order.
FORMS = {2016: (b"", 0, 0, 0), 2017: (b"csv, header", 0, 0, 0), 2018: (b"csv, quoted with ', CRLF", 2, 0, 0),
         2019: (b'csv, header, quoted with ", byte order mark', 0, 3, 1)}


def forms():
    """Small datasets whose index files have forms of their own, and columns of which more is published."""
    first, second, third = (every(DAY, 40, year) for year in (2017, 2018, 2019))
    lines = [row(t, t + DAY, f"d/{name(t)}.cdf", SIZE, i % 3, i / 8, "") for i, t in enumerate(first)]
    quoted = ["'%s'\r\n" % line.strip().replace(",", "','") for line in
              (row(t, t + DAY, f"d/{name(t)}.cdf", SIZE, i % 4, -i, f"n{i}") for i, t in enumerate(second))]
    quoted[3] = quoted[3].replace("T00:00:00Z", "T00.00:00Z")  # two times that are mended
    loose = [row(t, t + DAY, f"d/{name(t)}.cdf", SIZE, f'"a, {i}"') for i, t in enumerate(third)]
    yield "forms", {2016: None, 2017: "start,stop,datakey,filesize,quality,\u00e6ther,note\n" + "".join(lines),
                    2018: "".join(quoted),
                    2019: "\ufeff# start, stop, datakey, filesize, note\n" + "".join(loose[7:] + loose[:7] + loose[3:6])}


def corpus():
    """Small datasets of many kinds, whose snapshots are kept in tests/vectors."""
    chance = random.Random(20240301)
    upto = chance.randint
    words = ["".join(chance.choices("ghijklmnop", k=upto(1, 30))) for _ in range(20)]
    first, second = every(DAY, 90, 2018), every(7 * 3600 * SECOND, 120)
    yield "corpus_texts", {
        2018: "".join(row(t, None, f"d/{name(t)}_v{i}.cdf", SIZE) for i, t in enumerate(first)),
        2019: "start,stop,datakey,filesize,checksum,note,sequence\n" + "".join(
            row(t, t + upto(-9, 99) * SECOND,
                chance.choice([f"d/{upto(0, 99):0{upto(1, 3)}}.cdf", f"d/{upto(0, 9):04}/{i}/{i}_{name(t)}.cdf",
                               f"d/{chance.choice(words)}", f"d/{upto(0, 9999):04}"]),
                chance.choice(["", SIZE, 12345678901234]), f"{upto(0, 2**32 - 1):08x}", chance.choice(words), "1a" * 40)
            for i, t in enumerate(second))}
    at, level, lines = time_ns("2019"), 0, []
    for i in range(1100):
        duration = chance.choice([60, 600, 3000])
        level = level if i % 128 else upto(0, 10**7)
        size = int(10**6 * duration + level + chance.gauss(0, 300))
        frames = 2880 * upto(1, 99999) + (0 if upto(0, 40) else upto(1, 2879))
        lines.append(row(at, at + duration * SECOND, f"{name(at, '%j%H%M%S')}_{frames}", size))
        at += (duration + 1) * SECOND
    yield "corpus_numbers", {2019: "".join(lines)}
    lines = []
    clocks = [upto(0, DAY // 2) for _ in range(3)]
    for day in every(DAY, 90, 2018):
        at, stop = day + chance.choice(clocks), day + DAY - upto(1, 3)
        near = [name(at + upto(-3, 3) * DAY, "%Y%m%d"), name(at + upto(-DAY, DAY), "%Y%m%d%H%M%S%L"),
                name(at, "%y%m%d%H"), name(stop, "%Y%j"), name(at, "%N"), name(stop, "%U")]
        lines.append(row(at, stop, f"d/{'_'.join(near)}.fits", [2880, 10**12, 7][upto(0, 2)], digits=9))
    yield "corpus_times", {2018: "".join(lines)}

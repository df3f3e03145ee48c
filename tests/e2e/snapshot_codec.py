"""Numbers and texts of a snapshot in plain Python, from the comments of src/codec/*.h alone; for snapshot_reader.py.

Shares no code with the program but the libraries for zstd and XXH3. Whatever kind of thing is decoded is put down in
the `seen` of the bytes that it was read from, so that tests can tell what a file has.
"""

import ctypes
import datetime
import struct

DAY = 86400 * 10**9
NONE = -(2**63)  # a time that is not there
UNITS = [0, DAY, 3600 * 10**9, 60 * 10**9, 10**9, 10**6, 10**3, 1]  # of a template's instants
GROUP, LEVEL_GROUP = 256, 128  # numbers that share a width, a level
SPARSE, SPLIT = 4, 5
EPOCH = datetime.date(1970, 1, 1)

_zstd = ctypes.CDLL("libzstd.so.1")
_zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits.restype = ctypes.c_uint64
_xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


class Damaged(ValueError):
    """The bytes are not what the specification says."""


def need(condition, what):
    if not condition:
        raise Damaged(what)


def xxh3(data):
    return _xxhash.XXH3_64bits(data, len(data))


def decompress(frame, size):
    out = ctypes.create_string_buffer(max(size, 1))
    need(_zstd.ZSTD_decompress(out, size, frame, len(frame)) == size, "zstd: not a frame of this size")
    return out.raw[:size]


def i64(number):
    return (number + 2**63) % 2**64 - 2**63


def wrapped(numbers):
    """Numbers modulo 2^64, as signed ones."""
    if numbers and (min(numbers) < -(2**63) or max(numbers) >= 2**63):
        return [i64(number) for number in numbers]
    return numbers


def below(value, what, names):
    need(value < len(names), f"unknown {what} {value}")
    return names[value]


class Bytes:
    """Bytes that are read from the front; every read is bounded."""

    def __init__(self, data, seen):
        self.data, self.at, self.seen = data, 0, seen

    def left(self):
        return len(self.data) - self.at

    def take(self, size):
        need(size <= self.left(), "bytes end too early")
        self.at += size
        return self.data[self.at - size:self.at]

    def rest(self):
        return self.take(self.left())

    def part(self, size):
        return Bytes(self.take(size), self.seen)

    def sized(self):
        return self.part(self.varint())

    def end(self):
        need(self.left() == 0, "bytes are left over")

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def u8(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            need(value < 2**64 and shift < 64, "varint: more than 64 bits")
            if byte < 0x80:
                return value
            shift += 7

    def signed(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def text(self):
        value = self.take(self.varint())
        need(self.u8() == 0, "text: no byte of 0 behind it")
        return value


# ---- integers (codec/ints.h)

def ints(data, count, without=()):
    """All values of a stream of integers, which is all of the bytes. `without`: bodies that it cannot have as a part of
    another one; nor levels then."""
    tag = data.u8()
    need(tag < 0x20 and 1 <= count <= 65536, "ints: unknown tag, or an impossible number of values")
    delta = tag >> 4
    need(count >= 1 + delta, "ints: a difference needs two values")
    need(tag & 15 not in without, "ints: a part of a stream of a kind that parts cannot have")
    first = data.signed() if delta else None
    name, body = below(tag & 15, "body", [("constant", _constant), ("packed", _packed), ("symbols", _symbols),
                                          ("named", _named), ("sparse", _sparse), ("split", _split)])
    data.seen.add(f"ints {name}{' delta' if delta else ''}")
    values = body(data, count - delta, without)
    data.end()
    if delta:
        total, residuals, values = first, values, [first]
        for residual in residuals:
            total += residual
            values.append(total)
    return wrapped(values)


def _constant(data, count, without):
    return [data.signed()] * count


def _packed(data, count, without):
    least, unit, width = data.signed(), data.varint(), data.u8()
    need(unit >= 1, "packed: a unit of 0")
    groups = -(-count // GROUP)
    data.seen.add("packed widths " + ("vary" if width == 255 else "one"))
    widths = data.take(groups) if width == 255 else bytes([width]) * groups
    need(max(widths) <= 64, "packed: a width above 64")
    values = []
    for group, width in enumerate(widths):
        size = min(GROUP, count - group * GROUP)
        bits = int.from_bytes(data.take((size * width + 7) // 8), "little")
        mask = (1 << width) - 1
        values += [least + unit * (bits >> at & mask) for at in range(0, size * width, width)] if width else [least] * size
        need(bits >> size * width == 0, "packed: bits that are not 0 up to the byte's end")
    return values


def _stored_bytes(data, count, what):
    """`count` bytes, raw or as a frame."""
    stored = data.take(data.varint())
    need(len(stored) <= count, "bytes: more than there are")
    data.seen.add(f"{what} {'raw' if len(stored) == count else 'zstd'}")
    return stored if len(stored) == count else decompress(stored, count)


def _symbols(data, count, without):
    centre, unit, form = data.signed(), data.varint(), data.u8()
    k, levelled, folded = form & 15, form & 0x40, form & 0x80
    need(unit >= 1 and 2 <= k <= 7 and not form & 0x30, "symbols: unknown form, or a unit of 0")
    need(not (levelled and without), "symbols: levels in a part of a stream")
    levels = ints(data.sized(), -(-count // LEVEL_GROUP), {SPARSE, SPLIT}) if levelled else []
    symbols = _stored_bytes(data, count, "symbols")
    bits = data.rest()
    data.seen.add(f"symbols {'with' if levelled else 'without'} levels")
    data.seen.add(f"symbols {'folded' if folded else 'not folded'}")
    data.seen.add(f"symbols {'with' if bits else 'without'} bits")
    padded, at, values = bits + bytes(16), 0, []
    for i, symbol in enumerate(symbols):
        if symbol < 2 << k:
            u = symbol
        else:
            e = (symbol >> k) - 1
            low = int.from_bytes(padded[at >> 3:(at >> 3) + 9], "little") >> (at & 7) & (1 << e) - 1
            u = symbol - (e << k) << e | low
            at += e
        q = (u >> 1 ^ -(u & 1)) if folded else u
        values.append(centre + unit * (q + (levels[i // LEVEL_GROUP] if levelled else 0)))
    need(len(bits) == (at + 7) // 8, "symbols: too few or too many bits behind them")
    need(not at & 7 or bits[-1] >> (at & 7) == 0, "symbols: bits that are not 0 at the end")
    return values


def _named(data, count, without):
    size = data.u8() + 1
    names = [data.signed()]
    for _ in range(size - 1):
        step = data.varint()
        need(step >= 1, "named: a name twice")
        names.append(i64(names[-1] + step))
    places = _stored_bytes(data, count, "names")
    need(max(places) < size, "named: a name that is not there")
    return [names[place] for place in places]


def _split(data, count, without):
    unit, quotients = data.varint(), data.sized()
    need(unit >= 2, "split: a unit below 2")
    pairs = zip(ints(quotients, count, {SPARSE, SPLIT}), ints(data.part(data.left()), count, {SPARSE, SPLIT}))
    return [unit * quotient + remainder for quotient, remainder in pairs]


def _sparse(data, count, without):
    value, exceptions, places = data.signed(), data.varint(), data.sized()
    need(1 <= exceptions < count, "sparse: an impossible number of exceptions")
    values, at = [value] * count, -1
    for gap, exception in zip(ints(places, exceptions, {SPARSE}), ints(data.part(data.left()), exceptions, {SPARSE})):
        at += 1 + gap
        need(0 <= gap and at < count, "sparse: an exception behind the end")
        values[at] = exception
    return values


# ---- templates (codec/template.h)

PARTS = ["literal", "time", "fixed", "plain", "marked", "repeat"]
DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2, "L": 3, "U": 6, "N": 9}


class Template:
    def __init__(self, data):
        self.instants = []  # (unit, of stop)
        for _ in range(data.u8()):
            byte = data.u8()
            self.instants.append((below(byte & 0x7F, "unit", UNITS), byte >> 7))
        self.parts, numbers = [], 0
        for _ in range(data.u8()):
            kind = below(data.u8(), "part", PARTS)
            if kind == "literal":
                field = data.take(data.varint())
            elif kind == "time":
                field = data.u8(), data.take(data.u8()).decode("ascii")
                need(field[0] < len(self.instants) and set(field[1]) <= set(DIGITS), "template: no such instant or letter")
            else:
                field = None if kind in ("plain", "marked") else data.u8()
                need(kind != "fixed" or 1 <= field <= 18, "template: a number of an impossible width")
                need(kind != "repeat" or field < numbers, "template: repeats a number that is not there yet")
                numbers += kind != "repeat"
            self.parts.append((kind, field))
        data.end()
        need(len(self.instants) <= 8 and len(self.parts) <= 64, "template: too many instants or parts")
        self.moved = sum(unit > 0 for unit, _ in self.instants)
        self.stream_count = self.moved + numbers

    def texts(self, starts, stops, streams, seen):
        """The texts of rows: their times, and the numbers of each stream."""
        moves, numbers, times = iter(streams[:self.moved]), streams[self.moved:], []
        for unit, of_stop in self.instants:
            seen.add(f"instant of {'stop' if of_stop else 'start'}{f', moved by unit {UNITS.index(unit)}' if unit else ''}")
            of_rows = stops if of_stop else starts
            need(NONE not in of_rows, "template: asks for a stop that is not there")
            times.append([i64(t - t % unit + n * unit) for t, n in zip(of_rows, next(moves))] if unit else of_rows)
        columns, written = [], []
        for kind, field in self.parts:
            seen.add(f"part {kind}")
            if kind == "literal":
                columns.append([field] * len(starts))
            elif kind == "time":
                seen.update(f"letter {letter}" for letter in field[1])
                columns.append([time_digits(t, field[1]) for t in times[field[0]]])
            elif kind == "repeat":
                columns.append(written[field])
            else:
                column = [self._digits(kind, field, number) for number in numbers[len(written)]]
                columns.append(column)
                written.append(column)
        return [b"".join(parts) for parts in zip(*columns)] if columns else [b""] * len(starts)

    @staticmethod
    def _digits(kind, width, number):
        need(number >= 0, "template: a negative number")
        text = b"%d" % number
        if kind == "fixed":
            need(len(text) <= width, "template: a number wider than its field")
            return text.rjust(width, b"0")
        if kind == "marked":
            need(text[:1] == b"1", "template: a marked number without its 1")
            return text[1:]
        return text


_days = {}


def day_digits(day):
    if day not in _days:
        date = EPOCH + datetime.timedelta(days=day)
        year = f"{date.year:04}"
        _days[day] = {"Y": year, "y": year[2:], "m": f"{date.month:02}", "d": f"{date.day:02}", "j": f"{date:%j}"}
    return _days[day]


def time_digits(time, letters):
    day, ns = divmod(time, DAY)
    digits = day_digits(day)
    second, fraction = divmod(ns, 10**9)
    clock = {"H": second // 3600, "M": second // 60 % 60, "S": second % 60,
             "L": fraction // 10**6, "U": fraction // 10**3, "N": fraction}
    return "".join(digits[x] if x in digits else str(clock[x]).rjust(DIGITS[x], "0") for x in letters).encode()


# ---- texts (codec/column.h, codec/texts.h)

def column(data, templates, starts, stops):
    """The texts of a column, one for each row."""
    count, heap = len(starts), data.u8()
    need(heap <= 1 and 1 <= heap + len(templates) and len(templates) <= 64, "column: neither templates nor a heap")
    kinds_size = data.varint() if heap + len(templates) > 1 else None
    sizes = [[data.varint() for _ in range(template.stream_count)] for template in templates]
    kinds = [0] * count if kinds_size is None else ints(data.part(kinds_size), count)
    rows = [[] for _ in range(len(templates) + heap)]
    for row, kind in enumerate(kinds):
        need(0 <= kind < len(rows), "column: a template that is not there")
        rows[kind].append(row)
    need(all(rows), "column: a template, or a heap, without rows")
    out = [None] * count
    for template, sizes_of, rows_of in zip(templates, sizes, rows):
        streams = [ints(data.part(size), len(rows_of)) for size in sizes_of]
        times = [[t[row] for row in rows_of] for t in (starts, stops)]
        for row, value in zip(rows_of, template.texts(*times, streams, data.seen)):
            out[row] = value
    if heap:
        for row, value in zip(rows[-1], texts(data, len(rows[-1]))):
            out[row] = value
    data.end()
    return out


def texts(data, count):
    """The texts of a heap, which is the rest of the bytes."""
    if below(data.u8(), "heap", ["constant", "shared"]) == "constant":
        data.seen.add("heap constant")
        return [data.rest()] * count
    widths = data.u8()
    need(widths < 64, "texts: unknown widths")
    prefix_width, suffix_width, length_width = ([0, 1, 2, 4][widths >> shift & 3] for shift in (0, 2, 4))
    length = None if length_width else data.varint()
    middle_size, stored = data.varint(), data.u8()
    groups = -(-count // GROUP) - 1
    size = count * (prefix_width + suffix_width + length_width) + 4 * groups + middle_size
    need(stored <= 1, "texts: stored neither raw nor as a frame")
    lengths_are = "vary" if length_width else "one"
    data.seen.update({"heap shared", f"heap {'zstd' if stored else 'raw'}", f"heap lengths {lengths_are}"})
    raw = Bytes(decompress(data.rest(), size) if stored else data.rest(), data.seen)

    def list_of(width, otherwise):
        if not width:
            return [otherwise] * count
        return struct.unpack(f"<{count}{ {1: 'B', 2: 'H', 4: 'I'}[width]}", raw.take(count * width))

    prefixes, suffixes, lengths = list_of(prefix_width, 0), list_of(suffix_width, 0), list_of(length_width, length)
    begins = struct.unpack(f"<{groups}I", raw.take(4 * groups))
    middle, out = raw.part(middle_size), []
    raw.end()
    for i, (prefix, suffix, size) in enumerate(zip(prefixes, suffixes, lengths)):
        reference = out[i - 1 if i % GROUP else 0] if i else b""
        need(prefix + suffix <= min(size, len(reference)), "texts: more is shared than there is")
        need(not i or i % GROUP or begins[i // GROUP - 1] == middle.at, "texts: a group begins elsewhere")
        own = middle.take(size - prefix - suffix)
        out.append(reference[:prefix] + own + reference[len(reference) - suffix:])
    middle.end()
    return out

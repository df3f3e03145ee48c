#!/usr/bin/python3
"""Makes digests.txt anew:  tests/vectors/checksums/make.py"""

import hashlib
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = [*range(0, 35), 55, 56, 63, 64, 65, 111, 112, 119, 120, *range(126, 131), 143, 144, 255, 256, 257, 271, 4095, 4096,
         65535, 100003, (1 << 20) + 3]


def made_up(size):
    """The upper bytes of a sequence that the test makes as well (Knuth's MMIX)."""
    out, state = bytearray(), 1
    for _ in range(size):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return bytes(out)


def crc(data, width, polynomial):
    """Reflected, the register inverted at both ends."""
    reflected = int(f"{polynomial:0{width}b}"[::-1], 2)
    ones = 2**width - 1
    register = ones
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (reflected if register & 1 else 0)
    return f"{register ^ ones:0{width // 4}x}"


def main():
    data = made_up(max(SIZES))
    with open(HERE / "digests.txt", "w", encoding="ascii") as out:
        for size in SIZES:
            part = data[:size]
            out.write(f"{size} md5 {hashlib.md5(part).hexdigest()}\n")
            out.write(f"{size} crc32 {zlib.crc32(part):08x}\n")
            out.write(f"{size} crc32c {crc(part, 32, 0x1edc6f41)}\n")
            out.write(f"{size} crc64nvme {crc(part, 64, 0xad93d23594c93659)}\n")
            for name in ("sha1", "sha256", "sha512"):
                out.write(f"{size} {name} {hashlib.new(name, part).hexdigest()}\n")


if __name__ == "__main__":
    main()

#!/bin/sh
# Cross-compiles the scanner and tests/neon/kernel_check.c for aarch64 and runs it under qemu-user.
# Ends with 77 (skipped) where the cross compiler or the emulator is missing. Writes to a temporary folder only.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cc=${AARCH64_CC:-aarch64-linux-gnu-gcc}
qemu=${QEMU_AARCH64:-$(command -v qemu-aarch64 || command -v qemu-aarch64-static || echo qemu-aarch64)}
for tool in "$cc" "$qemu"; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "skipped: $tool is not installed"
    exit 77
  fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
base="$root/src/base"
"$cc" -std=gnu11 -O2 -g -D_GNU_SOURCE -Wall -Wextra -Wshadow -Werror -static -I"$root/src" -I"$root/tests" \
  "$root"/src/parse/csv*.c "$base/arena.c" "$base/buffer.c" "$base/cpu.c" "$base/error.c" "$base/text.c" "$base/time.c" \
  "$root/tests/neon/kernel_check.c" -o "$work/kernel_check"
out=$("$qemu" "$work/kernel_check") || {
  echo "$out"
  exit 1
}
echo "$out"
case "$out" in
*"kernel neon "*) ;;
*)
  echo "expected the NEON kernel to be checked"
  exit 1
  ;;
esac

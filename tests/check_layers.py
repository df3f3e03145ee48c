#!/usr/bin/python3
"""Checks that includes only go down the table of layers, and that third-party headers stay behind their fences.

    tests/check_layers.py [SRC]     SRC: the folder src/ (default: beside this script's folder)

Prints one line per include that may not be, and ends with 1 if there is any. What each layer links stands in
src/CMakeLists.txt; this script says what it may name. The Python module, src/python, is none of them: it stands on the
library's binary interface, and on few packages.
"""

import ast
import re
import sys
from pathlib import Path

# Layer: the layers below that its files may include. Everyone may include the public header, heliodex.h.
LAYERS = {
    "base": set(),
    "codec": {"base"},
    "parse": {"base"},
    "transfer": {"parse", "base"},
    "catalog": {"parse", "codec", "base"},
    "snapshot": {"catalog", "parse", "codec", "base"},
    "mirror": {"codec", "base"},
    "job": {"mirror", "snapshot", "transfer", "catalog", "parse", "codec", "base"},
    "cli": set(),  # the public header alone
}

# Header of a third party: the layers that may include it, and how many files may (0: any number).
FENCES = [
    (r"uv\.h|uv/.*", {"transfer", "job"}, 0),
    (r"curl/.*", {"transfer"}, 0),
    (r"openssl/.*", {"transfer", "codec"}, 0),
    (r"zstd.*\.h|zdict\.h", {"codec"}, 1),
    (r"xxhash\.h|xxh3\.h", {"codec"}, 1),
    (r"simdjson.*", {"parse"}, 1),
    (r"expat.*\.h", {"parse"}, 1),
    (r"isa-l.*", {"parse", "codec"}, 2),
]

# What the Python module may import besides itself and Python's own modules.
PYTHON_PACKAGES = {"numpy", "pandas", "tqdm"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def check(src):
    """Returns the findings as lines of text."""
    findings = []
    fenced = {pattern: set() for pattern, _, _ in FENCES}
    for path in sorted(p for p in src.rglob("*") if p.suffix in {".c", ".h", ".cpp", ".hpp"}):
        name = path.relative_to(src)
        if name.parts == ("heliodex.h",):
            layer, below = "heliodex.h", set()
        elif name.parts[0] == "python":
            findings.append(f"{name}: the Python module has no C")
            continue
        elif name.parts[0] in LAYERS:
            layer, below = name.parts[0], LAYERS[name.parts[0]]
        else:
            findings.append(f"{name}: is in no layer that the table knows")
            continue
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            where = f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
            quote, header = match.groups()
            if quote == '"':
                findings += [f"{where}: {problem}" for problem in own_include(src, layer, below, header)]
            for pattern, layers, _ in FENCES:
                if re.fullmatch(pattern, header):
                    fenced[pattern].add(str(name))
                    if layer not in layers:
                        findings.append(f"{where}: only {' and '.join(sorted(layers))} may include {header}")
    for pattern, _, most in FENCES:
        if most and len(fenced[pattern]) > most:
            findings.append(f"{pattern} is included by {len(fenced[pattern])} files, {most} may: "
                            + ", ".join(sorted(fenced[pattern])))
    return findings + python_imports(src)


def python_imports(src):
    """What is wrong with the imports of the Python module."""
    findings = []
    for path in sorted((src / "python" / "heliodex").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            findings += [f"{path.relative_to(src)}:{node.lineno}: the Python module may not import {name}" for name in names
                         if name.split(".")[0] not in PYTHON_PACKAGES | sys.stdlib_module_names | {"heliodex"}]
    return findings


def own_include(src, layer, below, header):
    """What is wrong with an include of one of our own headers."""
    if header == "heliodex.h":
        return []
    if not (src / header).is_file():
        return [f"{header} is no path below src/"]
    other = header.split("/")[0]
    if other == layer or other in below:
        return []
    allowed = ", ".join(sorted(below)) or "nothing but heliodex.h"
    return [f"{layer} may not include {header} (it may include {allowed})"]


def main():
    src = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "src"
    findings = check(src)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

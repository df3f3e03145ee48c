"""The installed package: a program of another project builds against it in every promised way, and works."""

import os
import re
import shlex
import subprocess

import pytest

from conftest import BUILD, ROOT, TINY
from reference import time_ns

EXAMPLE = ROOT / "tests" / "e2e" / "example"
CACHE = (BUILD / "CMakeCache.txt").read_text() if (BUILD / "CMakeCache.txt").exists() else ""


def cached(name):
    match = re.search(rf"^{name}:\w+=(.*)$", CACHE, re.M)
    return match[1] if match else ""


# An instrumented library asks the same of its users.
INSTRUMENT = [f"-fsanitize={cached('HDX_SANITIZE')}"] if cached("HDX_SANITIZE") else []
INSTRUMENT += ["--coverage"] if cached("HDX_COVERAGE") == "ON" else []


def tool(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, f"$ {shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(build, tmp_path_factory):
    place = tmp_path_factory.mktemp("prefix")
    tool("cmake", "--install", BUILD, "--prefix", place)
    return place


def library_folder(prefix):
    folder, = {path.parent for path in prefix.rglob("libheliodex.so")}
    return folder


@pytest.fixture
def pkg_config(prefix, monkeypatch):
    file, = prefix.rglob("heliodex.pc")
    monkeypatch.setenv("PKG_CONFIG_PATH", str(file.parent))
    return lambda *options: shlex.split(tool("pkg-config", *options, "heliodex"))


def check(example, prefix, tiny, tmp_path, env={}):
    """Runs the built example on a tiny bucket and compares what it prints with the reference."""
    tiny.add("one", {2018: 400, 2019: 400})
    done = subprocess.run(
        [example, tmp_path / "store", tiny.origin.url, f"s3://{TINY}/", "one", "2018-06", "2019-03-02T12:00"],
        capture_output=True, text=True, timeout=100, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env})
    assert done.returncode == 0, done.stderr
    dataset = tiny.reference().dataset("one")
    wanted = dataset.answer(time_ns("2018-06"), time_ns("2019-03-02T12:00"))
    assert done.stdout == dataset.csv(wanted).split("\n", 1)[1]
    keys, sizes = sum(len(row.key) for row in wanted), sum(row.size for row in wanted)
    assert f"{len(wanted)} rows streamed, {len(wanted)} copied, {sizes} bytes, {keys} bytes of keys" in done.stderr
    assert "one 2018 present: 400 rows" in done.stderr.lower()


def test_what_is_installed(prefix):
    names = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    assert {"bin/heliodex", "include/heliodex.h"} <= names
    assert [n for n in names if n.endswith("/libheliodex.a")] and [n for n in names if n.endswith("/libheliodex.so")]
    assert [n for n in names if n.endswith("heliodex/heliodex-config.cmake") or n.endswith("heliodex/heliodexConfig.cmake")]
    assert tool(prefix / "bin" / "heliodex", "--version")
    module = {n.split("-packages/")[1] for n in names if "-packages/" in n}
    assert {"heliodex/__init__.py", "heliodex/_installed.py", "heliodex/py.typed"} <= module  # tests/python/test_install.py


def test_only_public_functions_are_visible(prefix):
    symbols = tool("nm", "-D", "--defined-only", library_folder(prefix) / "libheliodex.so").splitlines()
    functions = {line.split()[-1].split("@")[0] for line in symbols if " T " in line}
    declared = set(re.findall(r"^HDX_API\s[^;]*?\b(hdx_\w+)\(", (prefix / "include" / "heliodex.h").read_text(), re.M | re.S))
    assert declared and functions >= declared
    assert not {name for name in functions if name.startswith("hdx_")} - declared


@pytest.mark.parametrize("static", [False, True])
def test_with_pkg_config(prefix, pkg_config, tiny, tmp_path, static):
    flags = pkg_config("--cflags", "--libs", *(["--static"] if static else []))
    if static:
        flags = [str(library_folder(prefix) / "libheliodex.a") if flag == "-lheliodex" else flag for flag in flags]
    tool("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", *INSTRUMENT, EXAMPLE / "example.c", "-o", tmp_path / "example", *flags)
    env = {} if static else {"LD_LIBRARY_PATH": str(library_folder(prefix))}
    if static:
        assert "libheliodex" not in tool("ldd", tmp_path / "example")
    check(tmp_path / "example", prefix, tiny, tmp_path, env)


@pytest.mark.parametrize("static", ["OFF", "ON"])
def test_with_cmake(prefix, tiny, tmp_path, static):
    flags = " ".join(INSTRUMENT)
    tool("cmake", "-S", EXAMPLE, "-B", tmp_path / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DSTATIC={static}",
         f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}")
    tool("cmake", "--build", tmp_path / "build")
    check(tmp_path / "build" / "example", prefix, tiny, tmp_path)


def test_header_alone_in_c_and_cplusplus(prefix, tmp_path):
    for compiler, language in (("cc", ["-std=c99", "-x", "c"]), ("c++", ["-std=c++11", "-x", "c++"])):
        (tmp_path / "use").write_text("#include <heliodex.h>\nint main(void) { return HDX_VERSION_MAJOR; }\n")
        tool(compiler, *language, "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{prefix}/include", "-fsyntax-only", tmp_path / "use")

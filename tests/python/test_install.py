"""The module as it is installed, by CMake below a prefix and by pip into a virtual environment: it finds its library
and answers, is known by name and version, and goes without a trace."""

import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, LIBRARY, PACKAGE, PYTHON, ROOT, TINY, Python, clean_environment
from reference import time_ns

ASK = f"""
import importlib.metadata, json, sys
import heliodex

rows = heliodex.query("s3://{TINY}/", "one", "2018-06", "2019-03", endpoint_url=sys.argv[1]).to_batch()
with open("/proc/self/maps") as maps:
    libraries = sorted({{line.split()[-1] for line in maps if "libheliodex" in line}})
print(json.dumps([heliodex.__file__, libraries, importlib.metadata.version("heliodex"), rows["datakey"].tolist()]))
"""
PLACE_ALONE = {"HELIODEX_LIBRARY": None, "PYTHONPATH": None}  # what is installed, and nothing of the checkout


def version():
    return re.search(r"project\(heliodex VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def ask(python, tiny, env={}):
    """Where the module and its library came from, and its version; the rows that it answers with are checked."""
    if not tiny.entries:
        tiny.add("one", {2018: 400, 2019: 400})
    done = python(ASK, tiny.origin.url, env={**PLACE_ALONE, **env}).expect(0)
    module, libraries, known, keys = json.loads(done.out)
    dataset = tiny.reference().dataset("one")
    assert keys == [row.key for row in dataset.answer(time_ns("2018-06"), time_ns("2019-03"))] and keys
    return module, libraries, known


def tool(*command, env={}):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
                          env={**os.environ, **env})
    assert done.returncode == 0, f"$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def sources():
    """The package's files in the checkout."""
    return {name for name in names(PACKAGE) if name.startswith("heliodex/") and "__pycache__" not in name}


# ---- cmake --install


@pytest.fixture(scope="module")
def prefix(build, tmp_path_factory):
    place = tmp_path_factory.mktemp("installed") / "prefix"
    tool("cmake", "--install", BUILD, "--prefix", place)
    return place


def package_of(prefix):
    """The folder that the module was installed to."""
    found, = prefix.rglob("heliodex/__init__.py")
    return found.parent.parent


def test_files_below_the_prefix(prefix):
    folder = package_of(prefix)
    assert str(folder.relative_to(prefix)) == f"lib/{python_name()}/dist-packages"  # where Debian's Python looks
    information = {f"heliodex-{version()}.dist-info/{name}" for name in ("METADATA", "INSTALLER", "LICENSE")}
    assert names(folder) == {*sources(), "heliodex/_installed.py", *information}
    assert "heliodex/py.typed" in names(folder)


def python_name():
    return tool(PYTHON, "-c", "import sys; print(f'python{sys.version_info[0]}.{sys.version_info[1]}')").strip()


def test_below_a_prefix_wherever_that_is(prefix, python, tiny, tmp_path):
    for place in (prefix, shutil.copytree(prefix, tmp_path / "moved", symlinks=True)):
        module, libraries, known = ask(python, tiny, {"PYTHONPATH": package_of(place)})
        assert module.startswith(f"{place}/") and known == version()
        library, = place.rglob("libheliodex.so.0")
        assert [os.path.dirname(path) for path in libraries] == [str(library.parent)]


def test_staged_for_a_package(build, python, tiny, tmp_path):
    """DESTDIR, and the prefix of the system."""
    tool("cmake", "--install", BUILD, "--prefix", "/usr", env={"DESTDIR": str(tmp_path / "stage")})
    stage = tmp_path / "stage" / "usr"
    module, libraries, _ = ask(python, tiny, {"PYTHONPATH": package_of(stage)})
    assert module.startswith(f"{stage}/") and all(path.startswith(f"{stage}/") for path in libraries) and libraries


def test_places_that_python_looks_in():
    def place(prefix):
        return tool(PYTHON, "-B", PACKAGE / "folder.py", prefix).strip()

    assert place("/usr") == "lib/python3/dist-packages"
    assert place("/usr/local") == place("/usr/local/") == place("/opt/it") == f"lib/{python_name()}/dist-packages"
    assert place(os.environ["HOME"] + "/.local") == f"lib/{python_name()}/site-packages"


def test_earlier_version_below_the_same_prefix_is_forgotten(prefix, tmp_path):
    place = shutil.copytree(prefix, tmp_path / "prefix", symlinks=True)
    folder = package_of(place)
    (folder / f"heliodex-{version()}.dist-info").rename(folder / "heliodex-0.0.1.dist-info")
    foreign = folder / "heliodex-0.0.2.dist-info"
    foreign.mkdir()
    (foreign / "INSTALLER").write_text("pip\n")
    tool("cmake", "--install", BUILD, "--prefix", place)
    assert {path.name for path in folder.glob("*.dist-info")} == {foreign.name, f"heliodex-{version()}.dist-info"}


# ---- pip


class Environment:
    """A virtual environment over the system's packages, and pip in it, which asks no registry."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder / "home"
        tool(PYTHON, "-m", "venv", "--system-site-packages", folder)
        self.home.mkdir()
        self.executable = folder / "bin" / "python"

    def pip(self, *arguments, library=None, path=""):
        """`library`: what HELIODEX_LIBRARY says; None: it is not set. `path`: PYTHONPATH."""
        env = {**clean_environment(self.home), "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1",
               "PYTHONPATH": str(path)}
        env.pop("HELIODEX_LIBRARY")
        env.update({} if library is None else {"HELIODEX_LIBRARY": str(library)})
        return subprocess.run([self.executable, "-m", "pip", *map(str, arguments)], env=env, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=300)

    def install(self, source=PACKAGE, **options):
        done = self.pip("install", "--no-index", "--no-build-isolation", source, **options)
        assert done.returncode == 0, done.stdout + done.stderr

    def installed(self):
        """The package's files that pip knows."""
        record, = self.folder.glob("lib/*/site-packages/heliodex-*.dist-info/RECORD")
        return {line.split(",")[0] for line in record.read_text().splitlines() if "__pycache__" not in line}

    def wheel_tag(self):
        file, = self.folder.glob("lib/*/site-packages/heliodex-*.dist-info/WHEEL")
        return re.search(r"^Tag: (.*)$", file.read_text(), re.M)[1]

    def left(self):
        return list(self.folder.glob("lib/*/site-packages/heliodex*"))


@pytest.fixture(scope="module")
def venv(build, tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("environment") / "venv")


def checkout():
    return {name for name in names(PACKAGE) if "__pycache__" not in name}


def test_pip_takes_the_library_along(venv, home, tiny):
    before = checkout()
    venv.install(library=LIBRARY)
    assert checkout() == before
    module, libraries, known = ask(Python(home, venv.executable), tiny)
    assert known == version() and module.startswith(f"{venv.folder}/")
    assert libraries == [os.path.join(os.path.dirname(module), "libheliodex.so.0")]
    assert venv.wheel_tag() == f"py3-none-linux_{os.uname().machine}"
    assert sources() | {"heliodex/libheliodex.so.0", f"heliodex-{version()}.dist-info/LICENSE"} <= venv.installed()
    assert {name.split("/")[0] for name in venv.installed()} == {"heliodex", f"heliodex-{version()}.dist-info"}
    assert "heliodex" not in venv.pip("check").stdout
    assert venv.pip("uninstall", "-y", "heliodex").returncode == 0
    assert venv.left() == []


def test_pip_takes_the_release_of_the_checkout(venv, home, tiny, tmp_path):
    source, built = tmp_path / "src" / "python", tmp_path / "build" / "release" / "src"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    built.mkdir(parents=True)
    shutil.copy(LIBRARY, built)
    venv.install(source)
    module, libraries, _ = ask(Python(home, venv.executable), tiny)
    assert libraries == [os.path.join(os.path.dirname(module), "libheliodex.so.0")]
    venv.pip("uninstall", "-y", "heliodex")


def test_pip_without_a_library_uses_the_systems(venv, home, tiny):
    venv.install(library="")
    assert venv.wheel_tag() == "py3-none-any" and not [name for name in venv.installed() if ".so" in name]
    python = Python(home, venv.executable)
    _, libraries, _ = ask(python, tiny, {"LD_LIBRARY_PATH": LIBRARY.parent})
    assert [os.path.dirname(path) for path in libraries] == [str(LIBRARY.parent)]
    python("import heliodex", env=PLACE_ALONE).expect(1, "no libheliodex of version", "HELIODEX_LIBRARY", "the system")
    venv.pip("uninstall", "-y", "heliodex")


def test_pip_upgrades(venv, home, tiny, tmp_path):
    """What an earlier version had is gone, its library too."""
    old = shutil.copytree(PACKAGE, tmp_path / "old", ignore=shutil.ignore_patterns("__pycache__"))
    project = old / "pyproject.toml"
    project.write_text(project.read_text().replace(f'version = "{version()}"', 'version = "0.0.9"'))
    (old / "heliodex" / "gone.py").write_text("")
    venv.install(old, library="")
    assert "heliodex/gone.py" in venv.installed() and len(venv.left()) == 2
    venv.install(library=LIBRARY)
    assert ask(Python(home, venv.executable), tiny)[2] == version()
    assert len(venv.left()) == 2 and not list(venv.folder.rglob("gone.py"))
    venv.pip("uninstall", "-y", "heliodex")


def test_pip_names_a_library_that_is_not_there(venv, tmp_path):
    done = venv.pip("install", "--no-index", "--no-build-isolation", PACKAGE, library=tmp_path / "nowhere.so")
    assert done.returncode != 0 and f"there is no file {tmp_path}/nowhere.so" in done.stdout + done.stderr


def test_cmake_and_pip_say_the_same(venv, prefix):
    def said(folder):
        head = next(folder.glob("heliodex-*.dist-info/METADATA")).read_text().split("\n\n")[0].splitlines()
        return sorted(line for line in head if not re.match("Metadata-Version|Description-Content-Type", line))

    venv.install(library="")
    assert said(next(venv.folder.glob("lib/*/site-packages"))) == said(package_of(prefix))
    assert f"Version: {version()}" in said(package_of(prefix))
    venv.pip("uninstall", "-y", "heliodex")


def test_pip_leaves_what_cmake_installed(venv, prefix):
    folder = package_of(prefix)
    before = names(folder)
    shown = venv.pip("show", "heliodex", path=folder)
    assert f"Version: {version()}" in shown.stdout and f"Location: {folder}" in shown.stdout
    venv.pip("uninstall", "-y", "heliodex", path=folder)
    assert names(folder) == before

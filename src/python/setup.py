"""Builds a wheel (pyproject.toml says of what). It takes a library along, which makes it one for this kind of machine:

    HELIODEX_LIBRARY=FILE pip install .    that one
    pip install .                          that of build/release in the same checkout, if it is there
    HELIODEX_LIBRARY= pip install .        none: the module then uses the library that is installed on the system
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70
    from wheel.bdist_wheel import bdist_wheel

NAME = "libheliodex.so.0"
BUILT = Path(__file__).resolve().parents[2] / "build" / "release" / "src" / NAME


def library():
    """The file to take along, or None."""
    named = os.environ.get("HELIODEX_LIBRARY")
    if named is None:
        return BUILT if BUILT.is_file() else None
    if not named:
        return None
    if not Path(named).is_file():
        raise SystemExit(f"HELIODEX_LIBRARY: there is no file {Path(named).absolute()}")
    return Path(named)


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        if library():
            shutil.copy(library(), Path(self.build_lib) / "heliodex" / NAME)


class Wheel(bdist_wheel):
    """For any version of Python, but for this kind of machine if the library is in it."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = library() is None

    def get_tag(self):
        python, abi, platform = super().get_tag()
        return ("py3", "none", platform) if library() else (python, abi, platform)


# The checkout stays as it is, and nothing that an earlier build left comes along.
work = tempfile.mkdtemp(prefix="heliodex-build-")
atexit.register(shutil.rmtree, work, ignore_errors=True)

setup(
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": Wheel},
    options={
        "build": {"build_base": work},
        "egg_info": {"egg_base": work},
        "bdist_wheel": {"bdist_dir": os.path.join(work, "wheel")},
    },
)

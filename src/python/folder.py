"""Prints where modules belong below a prefix, for the interpreter that runs this.

folder.py PREFIX
"""

import site
import sys
import sysconfig
from pathlib import Path


def module_folder(prefix: str) -> str:
    """A folder that the interpreter looks in by itself, if the prefix has one; otherwise what is usual there."""
    version = f"lib/python{sysconfig.get_python_version()}"
    debian = "deb_system" in sysconfig.get_scheme_names()
    usual = f"{version}/dist-packages" if debian else f"{version}/site-packages"
    looked_in = [*site.getsitepackages(), site.getusersitepackages()]
    for folder in ("lib/python3/dist-packages", usual, f"{version}/site-packages"):
        if str(Path(prefix, folder)) in looked_in:
            return folder
    return usual


if __name__ == "__main__":
    print(module_folder(sys.argv[1]))

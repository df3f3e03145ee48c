"""heliodex in the place of the original tool's package, for packages that import that."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

_NAME = "cloudcatalog"
_PARTS = ("", ".main", ".cloudspider")


def install_as_cloudcatalog() -> ModuleType:
    """From here on, in this process, `import cloudcatalog` is heliodex.compat.cloudcatalog, which is returned; so are
    cloudcatalog.main and cloudcatalog.cloudspider. May be called again. RuntimeError: the original was imported before,
    so that somebody has its classes already."""
    ours = {_NAME + part: importlib.import_module(f"{__name__}.{_NAME}{part}") for part in _PARTS}
    if sys.modules.get(_NAME) is not ours[_NAME]:
        if any(name.partition(".")[0] == _NAME and module for name, module in sys.modules.items()):
            raise RuntimeError(f"{_NAME} was imported before: call install_as_cloudcatalog() ahead of that")
        sys.modules.update(ours)
    return ours[_NAME]


__all__ = ["install_as_cloudcatalog"]

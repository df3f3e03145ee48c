"""The original tool's cache of a bucket: FOLDER/catalog.json and FOLDER/<id>/<id>_YYYY.csv.

Its files are the truth: the library reads those that are there in place of asking for them, and keeps there what it
fetches. Snapshots, which answer in no time, are made of them in FOLDER/.heliodex; one whose files were changed, deleted
or put there by somebody else since is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from typing import Dict, Iterator, List, Optional

Seen = Dict[str, List[int]]


class Cache:
    """The cache in `folder`, which is made."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.store = os.path.join(folder, ".heliodex")
        os.makedirs(self.store, exist_ok=True)
        self._seen: Dict[str, Seen] = {}

    def read(self, name: str) -> Optional[bytes]:
        """A document of the cache; None: it is not there."""
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Writes a document, at once or not at all."""
        _replace(os.path.join(self.folder, name), data)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes, and other objects of this one, from changing it."""
        with open(os.path.join(self.store, "lock"), "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # at once, also if a process was forked meanwhile

    # ---- index files

    def _files(self, id: str) -> Seen:
        """What shows a change in the index files of a dataset: their inode, size and time."""
        found: Seen = {}
        if os.sep in id or id in ("", os.curdir, os.pardir):  # no dataset is called so
            return found
        try:
            with os.scandir(os.path.join(self.folder, id)) as entries:
                for entry in entries:
                    if entry.name.startswith(f"{id}_"):
                        info = entry.stat()
                        found[entry.name] = [info.st_ino, info.st_size, info.st_mtime_ns]
        except (FileNotFoundError, NotADirectoryError):
            pass
        return found

    def _record(self, id: str) -> str:
        return os.path.join(self.store, f"{id}.seen.json")

    def state(self, id: str) -> str:
        """Whether the index files are those that the snapshot was made of: "same"; "renewed", as another process has
        made one of those that are there now; or "changed"."""
        files = self._files(id)
        if files == self._seen.get(id):
            return "same"
        try:
            with open(self._record(id), encoding="utf-8") as file:
                recorded = json.load(file)
        except (OSError, ValueError):
            recorded = {}
        self._seen[id] = recorded
        return "renewed" if files == recorded else "changed"

    def saw(self, id: str) -> None:
        """The snapshot was made of the files that are there now."""
        files = self._files(id)
        if files != self._seen.get(id):
            self._seen[id] = files
            _replace(self._record(id), json.dumps(files).encode())

    def remove(self, id: str) -> None:
        """Deletes the dataset's index files."""
        for name in self._files(id):
            os.unlink(os.path.join(self.folder, id, name))


def _replace(path: str, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    with open("/proc/self/status", encoding="ascii") as status:  # os.umask would have to change it to tell
        return next((int(line.split()[1], 8) for line in status if line.startswith("Umask:")), 0o022)

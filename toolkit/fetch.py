"""Bring what an address names into the project: one file, or the parts of a folder in object storage."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.download import check_same_file, check_version, download, look_at, tell_version
from toolkit.errors import DataError
from toolkit.mirror import check_same, list_parts, list_versions, mirror


@dataclass(frozen=True)
class Copy:
    """A local copy.

    Attributes
    ----------
    pattern : str, optional
        Which parts of a folder; None of a file.
    path : Path
        The file, or the folder with the parts.
    version : object
        What the server said of what was copied.
    """

    address: str
    pattern: str | None
    path: Path
    version: Any

    def check_current(self) -> None:
        """Check that what was copied is what is there still.

        Raises
        ------
        DataError
            It was changed, or cannot be asked for.
        """
        if self.pattern is None:
            check_same_file(self.address, self.version, tell_version(look_at(self.address)), "read")
        else:
            check_same(self.address, self.version, list_versions(self.address, self.pattern), "read")


def fetch(address: str, folder: Path, pattern: str | None = None) -> Copy:
    """Copy an address to a place of its own below ``folder``; copies of other addresses there are removed.

    Parameters
    ----------
    address : str
        A file's (``https://...``, ``s3://...``), or a folder's in object storage.
    folder : Path
        Where copies are. Parts of a folder that were copied there before, and have not changed since by size and ETag,
        are not copied again; those that are gone are removed.
    pattern : str, optional
        Chooses the parts of a folder, as in a local one; None: the address must name a file.

    Raises
    ------
    DataError
        It is not there, cannot be copied whole, or changes meanwhile.
    """
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    place = folder / name
    if is_folder(address, pattern):
        pattern = pattern or "*"
        copy = Copy(address, pattern, place, mirror(address, pattern, place, folder / f"{name}.json"))
    else:
        copy = Copy(address, None, *download(address, place))
    for other in folder.iterdir():
        if other.stem != name:
            other.unlink() if other.is_file() else shutil.rmtree(other, ignore_errors=True)
    return copy


def check_address(address: str, pattern: str | None = None) -> None:
    """Check that an address is there and tells its version, by which DVC sees a change; a folder's, that it has parts.

    Raises
    ------
    DataError
        It is not, does not, or has none.
    """
    if is_folder(address, pattern):
        list_parts(address, pattern or "*")
    else:
        check_version(address)


def is_folder(address: str, pattern: str | None) -> bool:
    """Whether an address is a folder's, which is refused where a file is needed (no pattern).

    Over http(s) nothing is: it has no lists of files.
    """
    if address.startswith("http"):
        return False
    found = address.endswith("/") or look_at(address).get("type") == "directory"
    if found and pattern is None:
        raise DataError(
            f"{address} must name one file, and is a folder. Name the file itself in params.yaml."
        )
    return found

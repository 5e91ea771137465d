"""Copy what an address names (``https://...``, ``s3://...``) to a local file, whole, or say why not."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from toolkit.artifacts import atomic
from toolkit.errors import DataError

TIMEOUT_S = 30
VERSIONS = ("ETag", "Content-MD5", "Digest", "Last-Modified", "LastModified", "generation", "mtime")
PAGES = ("text/html", "application/xhtml+xml")
PACKAGES = {"s3": "dvc-s3", "gs": "dvc-gs", "az": "dvc-azure"}  # each brings fsspec's package of the scheme


def download(address: str, folder: Path) -> Path:
    """Copy an address into a folder of its own below ``folder``; other addresses' copies there are removed.

    Returns
    -------
    Path
        The copy, with the name at the address's end.

    Raises
    ------
    DataError
        The server cannot be reached, answers with an error or a web page, its answer is cut short, or what is there
        changed meanwhile. An earlier copy then stays.
    """
    before = look_at(address)
    name = PurePosixPath(urlsplit(address).path).name
    place = folder / hashlib.sha256(address.encode()).hexdigest()[:16] / name
    if before.get("mimetype") in PAGES and not name.endswith((".html", ".htm")):
        raise DataError(
            f"{address} must give a table. It answers with a web page ({before['mimetype']}), perhaps to sign in: open "
            "it in a browser, and name the file itself in params.yaml."
        )
    with atomic(place) as temporary:
        _copy(address, temporary)
        size, expected = temporary.stat().st_size, before.get("size")
        if expected is not None and size != expected:
            raise DataError(
                f"{address} must come whole. {size:,} of {expected:,} bytes came: run the stage again."
            )
        after = look_at(address)
        if _version(before) != _version(after):
            raise DataError(
                f"{address} must stay as it is while it is copied, and it was changed. Run the stage again."
            )
    for other in folder.iterdir():
        if other != place.parent:
            shutil.rmtree(other, ignore_errors=True)
    return place


def look_at(address: str) -> dict[str, Any]:
    """Ask for an address's size, type and version without fetching it.

    Raises
    ------
    DataError
        It is not there, cannot be reached, or its scheme needs a package that is not installed.
    """
    try:
        return _open(address).info(address)
    except Exception as error:
        raise _explain(address, error) from None


def check_address(address: str) -> None:
    """Check that an address is there and tells its version, by which DVC sees a change.

    Raises
    ------
    DataError
        It is not, or does not.
    """
    found = look_at(address)
    if address.startswith("http") and not (found.get("ETag") or found.get("Content-MD5")):
        raise DataError(
            f"{address} must answer with an ETag, by which DVC sees whether it has changed, and has none. Download the "
            "file into the project (dvc import-url, or curl) and name that file in params.yaml."
        )


def _open(address: str) -> Any:
    import fsspec

    scheme = urlsplit(address).scheme
    if scheme in ("http", "https"):
        import aiohttp

        # The bytes as they are stored, so that their number can be compared with what was announced.
        options = {
            "headers": {"Accept-Encoding": "identity"},
            "timeout": aiohttp.ClientTimeout(sock_connect=TIMEOUT_S, sock_read=TIMEOUT_S),
        }
        return fsspec.filesystem("http", client_kwargs=options, skip_instance_cache=True)
    return fsspec.filesystem(scheme)


def _copy(address: str, place: Path) -> None:
    try:
        _open(address).get_file(address, str(place))
    except Exception as error:
        raise _explain(address, error) from None


def _version(info: dict[str, Any]) -> list[str]:
    return [str(info.get(key)) for key in ("size", *VERSIONS)]


def _explain(address: str, error: BaseException) -> DataError:
    cause = error.__cause__ or error
    status = getattr(cause, "status", None)
    scheme = urlsplit(address).scheme
    if isinstance(error, ImportError):
        package = PACKAGES.get(scheme, f"fsspec-{scheme}")
        return DataError(
            f"{address} needs {package}, which is not installed. Run './run uv pip install {package}'."
        )
    if isinstance(error, ValueError) and "rotocol" in str(error):
        return DataError(f"{address} must begin with http, https, s3 or another scheme of fsspec. {error}.")
    if status:
        hint = "Does it need to be signed in to?" if status in (401, 403) else "Is the address right?"
        return DataError(
            f"{address} must be there. The server answered {status} {getattr(cause, 'message', '')}. {hint}"
        )
    if any("Payload" in type(one).__name__ for one in (error, cause)):
        return DataError(
            f"{address} must come whole. The server ended its answer too early: run the stage again."
        )
    if isinstance(cause, FileNotFoundError) or "NoSuch" in str(cause):
        return DataError(f"{address} must be there and is not. Is the address right?")
    reason = str(cause).strip() or type(cause).__name__
    return DataError(f"{address} must be reachable. {reason}. Is the server up, and the network?")

"""Copy what an address names (``https://...``, ``s3://...``) to a local file, whole, or say why not."""

from __future__ import annotations

import errno
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from toolkit.artifacts import atomic
from toolkit.errors import DataError

TIMEOUT_S = 30
VERSIONS = ("ETag", "etag", "Content-MD5", "Digest", "Last-Modified", "LastModified", "generation", "mtime")
PAGES = ("text/html", "application/xhtml+xml")
PACKAGES = {"s3": "dvc-s3", "gs": "dvc-gs", "az": "dvc-azure"}  # each brings fsspec's package of the scheme


def download(address: str, folder: Path) -> tuple[Path, list[str]]:
    """Copy the file at an address into a folder, where nothing else is then.

    Returns
    -------
    tuple of (Path, list of str)
        The copy, with the name at the address's end; and what the server said of its version.

    Raises
    ------
    DataError
        The server cannot be reached, answers with an error or a web page, its answer is cut short, or what is there
        changed meanwhile. An earlier copy then stays.
    """
    before = look_at(address)
    name = PurePosixPath(urlsplit(address).path).name
    place = folder / name
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
        version = tell_version(before)
        check_same_file(address, version, tell_version(look_at(address)), "copied")
    return place, version


def check_same_file(address: str, before: list[str], after: list[str], done: str) -> None:
    """Check that a file is still of the version that it was."""
    if before != after:
        raise DataError(
            f"{address} must stay as it is while it is {done}, and it was changed. Run the stage again."
        )


def look_at(address: str) -> dict[str, Any]:
    """Ask for an address's size, type and version without fetching it.

    Raises
    ------
    DataError
        It is not there, cannot be reached, or its scheme needs a package that is not installed.
    """
    try:
        return open_storage(address).info(address)
    except Exception as error:
        raise explain(address, error) from None


def check_version(address: str) -> None:
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


def open_storage(address: str) -> Any:
    """Open the file system of fsspec that an address needs; it remembers no earlier answers."""
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
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


def _copy(address: str, place: Path) -> None:
    try:
        open_storage(address).get_file(address, str(place))
    except Exception as error:
        raise explain(address, error) from None


def tell_version(info: dict[str, Any]) -> list[str]:
    """Give what changes when a file does: its size, and what the server says of its version."""
    return [str(info.get(key)) for key in ("size", *VERSIONS)]


def explain(address: str, error: BaseException) -> DataError:
    """Say what went wrong at an address, and what to do."""
    cause = error.__cause__ or error
    return DataError(f"{address} {_tell_own_fault(address, error, cause) or _tell_answer(error, cause)}")


def _tell_own_fault(address: str, error: BaseException, cause: BaseException) -> str:
    """Tell what is wrong on this side, or nothing."""
    if isinstance(error, ImportError):
        scheme = urlsplit(address).scheme
        package = PACKAGES.get(scheme, f"fsspec-{scheme}")
        return f"needs {package}, which is not installed. Run './run uv pip install {package}'."
    if isinstance(error, ValueError) and "rotocol" in str(error):
        return f"must begin with http, https, s3 or another scheme of fsspec. {error}."
    if "redential" in f"{type(cause).__name__} {cause}":
        return (
            f"needs credentials, and there are none, or no whole ones. {_end(cause)} For s3, set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "must fit on this machine's disk, which is full. Make room."
    return ""


def _tell_answer(error: BaseException, cause: BaseException) -> str:
    status = getattr(cause, "status", None)
    if status:
        hint = "Does it need to be signed in to?" if status in (401, 403) else "Is the address right?"
        return f"must be there. The server answered {status} {getattr(cause, 'message', '')}. {hint}"
    if any("Payload" in type(one).__name__ for one in (error, cause)):
        return "must come whole. The server ended its answer too early: run the stage again."
    if isinstance(error, PermissionError):
        return f"must be yours to read. The storage answered: {_end(cause)} Do the credentials fit it?"
    if "NoSuchBucket" in type(cause).__name__:
        return "must be in a bucket that exists, and there is no such bucket. Is the address right?"
    if isinstance(cause, FileNotFoundError) or "NoSuch" in str(cause):
        return "must be there and is not. Is the address right?"
    return f"must be reachable. {_end(cause)} Is the server up, and the network?"


def _end(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).rstrip(".") + "."

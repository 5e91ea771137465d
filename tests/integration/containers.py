"""Containers without a daemon: Podman with a store of its own, and a slim base image where no registry is reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

NEEDED = ("podman", "runc", "debootstrap")
INSTALL = "apt-get install podman runc debootstrap"
BASE = f"docker.io/library/python:{sys.version_info.major}.{sys.version_info.minor}-slim"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
LEFT_OUT = (
    "./var/cache/apt/",
    "./var/lib/apt/lists/",
    "./var/log/",
    "./usr/share/doc/",
    "./usr/share/locale/",
)
LEFT_OUT += ("./usr/share/man/", "./proc/", "./sys/", "./dev/")


def find_reason_to_skip() -> str:
    """Say what is missing to build and run containers; nothing if all is there."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)}: {INSTALL}"
    return "" if os.geteuid() == 0 else "needs root: Podman's store and debootstrap"


class Podman:
    """Podman with its images and containers in a folder of their own; nobody else's are seen or touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = {
            "storage.conf": f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n',
            "containers.conf": '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
            "registries.conf": 'unqualified-search-registries = ["docker.io"]\n',
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        self.environment = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        }

    def __call__(
        self, *arguments: str, timeout_s: int = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run podman with these arguments."""
        command = ["podman", *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=check
        )

    def remove(self) -> None:
        """Remove all containers and images of this store."""
        self("rm", "--all", "--force", "--time", "1", check=False)
        self("rmi", "--all", "--force", check=False)
        for name in ("images", "run"):
            subprocess.run(
                ["umount", "--quiet", str(self.folder / name / "overlay")], check=False, capture_output=True
            )
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def provide_base(self, cache: Path) -> None:
        """Provide the base image: pulled, else made of this machine's Debian packages, once (``cache``)."""
        if self("pull", "--quiet", BASE, check=False).returncode == 0:
            return
        if not cache.is_file():
            make_base(cache, self.folder / "base")
        change = "ENV SSL_CERT_FILE=" + str(
            CA_BUNDLE
        )  # uv's own list may not know who signs the package index
        self("import", "--quiet", "--change", change, str(cache), BASE, timeout_s=300)


def make_base(tar: Path, root: Path) -> None:
    """Make what stands for python:slim: a minimal Debian with Python, the installer uv, and known authorities."""
    options = ["--variant=minbase", "--include=python3-minimal,python3-venv,ca-certificates"]
    subprocess.run(
        ["debootstrap", *options, read_suite(), str(root), find_mirror()], check=True, capture_output=True
    )
    subprocess.run(["umount", "--quiet", str(root / "proc")], check=False, capture_output=True)
    shutil.copy(Path(sys.executable).with_name("uv"), root / "usr/local/bin/uv")
    shutil.copyfile(CA_BUNDLE, root / CA_BUNDLE.relative_to("/"))
    tar.parent.mkdir(parents=True, exist_ok=True)
    part = tar.with_suffix(".part")
    with tarfile.open(part, "w") as archive:
        archive.add(root, ".", filter=lambda each: None if each.name.startswith(LEFT_OUT) else each)
    part.replace(tar)
    shutil.rmtree(root, ignore_errors=True)


def read_suite() -> str:
    """Read this Debian's name."""
    pairs = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    return pairs["VERSION_CODENAME"].strip('"')


def find_mirror() -> str:
    """Find where this machine's own packages come from."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian"]
    sites = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return next(site for site in sites if "security" not in site)

"""The container image that ``bentoml containerize`` makes: what the service needs and no compiler."""

from __future__ import annotations

import platform

from bentoml.images import Image

# BentoML's own list of packages has a compiler, git and gnupg (0.7 GB), which wheels need not. libgomp1: for LightGBM.
APT = (
    "apt-get update && apt-get install -q -y --no-install-recommends libgomp1 "
    "&& rm -rf /var/lib/apt/lists/* /var/cache/apt/*"
)
# Without no-cache every package is in the image twice. SciPy (143 MB) is what LightGBM's Python package asks for; the
# service binds its library alone (toolkit.serving.booster), and a test holds that nothing here imports it.
UV_CONFIG = r'no-cache = true\nexclude-dependencies = ["scipy"]\n'
# BentoML makes these at its start, which a read-only root forbids; a volume at logs/ begins with its owner.
FOLDERS = " ".join(f"/home/bentoml/{name}" for name in ("bentos", "models", "envs", "tmp", "logs"))


def make_image() -> Image:
    """Describe the image: Python of the version that the package was tested with, on a slim Debian."""
    version = ".".join(platform.python_version_tuple()[:2])
    image = Image(base_image=f"python:{version}-slim", distro="", python_version=version)
    image.run(APT).run(f"mkdir -p /etc/uv && printf '{UV_CONFIG}' > /etc/uv/uv.toml")
    return image.run(f"install -d -o bentoml -g bentoml {FOLDERS}")

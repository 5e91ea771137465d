"""What gives other values in the service is refused by its line, and what only looks like it is not."""

import pytest

from toolkit.errors import FeatureError
from toolkit.features.definitions import parse_definitions

REFUSED = {
    "numpy by attribute": (
        "import numpy as np\nG = np.random.default_rng()",
        3,
        "numpy.random gives another value",
    ),
    "numpy's module": ("from numpy import random\nG = random.rand()", 2, "numpy.random gives another value"),
    "of numpy's module": (
        "from numpy.random import default_rng",
        2,
        "Make the feature of the row's values alone",
    ),
    "numpy, whole": ("import numpy\ndef f():\n    return numpy.random.rand()", 4, "numpy.random gives"),
    "clock by name": ("import time as t", 2, "Take the time of a row from a column"),
    "environment": (
        "import os\nKEY = os.environ.get('K')",
        3,
        "os.environ is another on the machine of the service",
    ),
    "an environment's name": ("from os import getenv as g", 2, "os.getenv is another"),
    "working folder": ("import os.path\nN = os.path.exists('a')", 3, "os.path.exists reaches files"),
    "open": (
        "def f():\n    return open('rates.csv').read()",
        3,
        "open() reaches files, and the service has none but",
    ),
    "a path": (
        "from pathlib import Path\nT = Path('a').read_text()",
        3,
        "read_text() of a path reaches files",
    ),
    "numpy's file": ("import numpy as np\nT = np.load('a.npy')", 3, "numpy.load reaches files"),
    "a packed file": ("import gzip\nT = gzip.open('a')", 3, "gzip.open reaches files"),
    "its own place": ("HERE = __file__", 2, "__file__ is another on the machine"),
    "network": (
        "from urllib.request import urlopen",
        2,
        "urllib.request reaches other programs or the network",
    ),
    "programs": ("import subprocess", 2, "subprocess reaches other programs"),
    "machine's zone": (
        "def f(at):\n    return at.astimezone().hour",
        3,
        "astimezone() without a zone reads a time by",
    ),
    "machine's zone of seconds": (
        "from datetime import datetime\nX = datetime.fromtimestamp(1)",
        3,
        "fromtimestamp() without a zone",
    ),
    "order of a set": (
        "def f(t):\n    return ' '.join(set(t.split()))",
        3,
        "join() of a set has another order in",
    ),
    "place in memory": ("def f(t):\n    return id(t)", 3, "id() differs in every process"),
    "hash as a method": ("def f(t):\n    return t.__hash__()", 3, "__hash__() differs in every process"),
    "hidden import": ("R = __import__('random')", 2, "__import__() hides what is imported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_gives_other_values_in_the_service_is_refused_with_its_line(case: str) -> None:
    body, line, message = REFUSED[case]
    with pytest.raises(FeatureError) as caught:
        parse_definitions("from toolkit.features import feature\n" + body, "features/x.py")
    told = str(caught.value).splitlines()
    assert [text.partition(": ")[0] for text in told] == [f"features/x.py:{line}"]
    assert message in told[0]


def test_what_only_looks_like_it_is_taken() -> None:
    source = """
import math, os.path, re
import numpy as np
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo
from toolkit.features import feature

HOME = ZoneInfo("Europe/Berlin")
START = datetime.fromtimestamp(0, timezone.utc)


@feature(meaning="columns may be called like Python's functions")
def gain(open: float, close: float, id: int, hash: str) -> float:
    return close - open + id + len(hash)


@feature(meaning="pure parts of os, pathlib and urllib")
def ending(path: str) -> str:
    host = urlsplit(path).netloc
    return os.path.splitext(path)[1] + PurePosixPath(path).suffix + host + ",".join(sorted(set(path)))


@feature(meaning="zones that are named")
def local_hour(at: datetime) -> int:
    return at.astimezone(HOME).hour + int(np.log1p(math.e)) + len(re.findall("a", "b"))
"""
    assert [each.name for each in parse_definitions(source)] == ["gain", "ending", "local_hour"]

"""A function that keeps something between calls is refused; tables, caches of results and own values are not."""

import pytest

from toolkit.errors import FeatureError
from toolkit.features.definitions import parse_definitions

HEAD = (
    "import itertools\nfrom collections import Counter\nfrom toolkit.features import feature\n"
    "SEEN = {}\nLAST = [0.0]\n"
)
FEATURE = '@feature(meaning="m")\ndef f(a: float) -> float:\n'
KEPT = {
    "global": ("TOTAL = 0.0\n" + FEATURE + "    global TOTAL\n    TOTAL += a\n    return TOTAL", 9, "TOTAL"),
    "item": (FEATURE + "    SEEN[a] = 1\n    return len(SEEN)", 8, "SEEN"),
    "counted up": (FEATURE + "    SEEN[a] += 1\n    return SEEN[a]", 8, "SEEN"),
    "removed": (FEATURE + "    del SEEN[a]\n    return 1.0", 8, "SEEN"),
    "method": (FEATURE + "    LAST.append(a)\n    return LAST[-2]", 8, "LAST"),
    "inside": (FEATURE + "    SEEN['x'].append(a)\n    return 1.0", 8, "SEEN"),
    "attribute": (FEATURE + "    f.calls = a\n    return 1.0", 8, "f"),
    "iterator": ("N = itertools.count()\n" + FEATURE + "    return next(N)", 9, "N"),
    "default": (
        "def h(a, seen=[]):\n    seen.append(a)\n    return len(seen)\n" + FEATURE + "    return h(a)",
        7,
        "seen",
    ),
    "in a helper": ("def h(a):\n    SEEN.update({a: 1})\n" + FEATURE + "    h(a)\n    return 1.0", 7, "SEEN"),
    "in a lambda": (FEATURE + "    g = lambda v: SEEN.setdefault(v, 1.0)\n    return g(a)", 8, "SEEN"),
    "counter": ("C = Counter()\n" + FEATURE + "    C.update([a])\n    return C[a]", 9, "C"),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_kept_between_rows_is_refused_with_its_line(case: str) -> None:
    body, line, name = KEPT[case]
    with pytest.raises(FeatureError) as caught:
        parse_definitions(HEAD + body, "features/x.py")
    told = str(caught.value).splitlines()
    assert [text.partition(": ")[0] for text in told] == [f"features/x.py:{line}"]
    assert f"'{name}' is changed by a function" in told[0] and "functools.lru_cache keeps results" in told[0]


def test_tables_caches_and_own_values_are_taken() -> None:
    source = HEAD + (
        "import functools\n\n\ndef fill():\n    SEEN['a'] = 1\n\n\nfill()\n"
        "for word in ('x', 'y'):\n    SEEN[word] = 2\n\n\n"
        "@functools.lru_cache\ndef slow(a: float) -> float:\n    return a * 2\n\n\n"
        '@feature(meaning="m")\ndef f(a: float) -> float:\n'
        "    LAST = []\n    LAST.append(slow(a))\n    counts = Counter()\n    counts.update([a])\n    counts[a] += 1\n"
        "    def note(value, SEEN):\n        SEEN[value] = 1\n        LAST.append(value)\n"
        "        return next(iter(LAST))\n"
        "    return note(a, {}) + SEEN.get('a') + sum(item for item in LAST)\n"
    )
    (found,) = parse_definitions(source)
    assert found.function is not None and found.function(2.0) == 4.0 + 1 + 6.0

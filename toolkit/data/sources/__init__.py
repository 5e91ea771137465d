"""Where a raw table comes from, read batch by batch so that it may be larger than memory."""

from toolkit.data.sources.generator import GeneratedSource
from toolkit.data.sources.opening import open_source
from toolkit.data.sources.source import Part, Source

AnySource = Source | GeneratedSource

__all__ = ["AnySource", "GeneratedSource", "Part", "Source", "open_source"]

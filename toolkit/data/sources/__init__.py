"""Where a raw table comes from, read batch by batch so that it may be larger than memory."""

from toolkit.data.sources.opening import open_source
from toolkit.data.sources.source import Part, Source

__all__ = ["Part", "Source", "open_source"]

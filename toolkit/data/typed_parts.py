"""The rows of a source's parts with their contract's types, kept so that only new parts are read and converted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from toolkit import columns as columns_module
from toolkit.artifacts import write_json
from toolkit.data import log_days
from toolkit.data import rounding as rounding_module
from toolkit.data.contract import convert as convert_module
from toolkit.data.contract import times as times_module
from toolkit.data.contract.convert import Written, convert
from toolkit.data.contract.rules import Rule
from toolkit.data.rounding import Rounded, add_rounding, measure_rounding
from toolkit.data.sources import Part, arrow_file, csv_file, json_lines, prediction_log
from toolkit.data.sources.batches import BATCH_ROWS
from toolkit.data.sources.part_cache import PartCache

MODULES = (
    *(columns_module, convert_module, rounding_module, times_module),
    *(arrow_file, csv_file, json_lines, log_days, prediction_log),
)
ROWS, AS_READ, ROUNDED = "rows.parquet", "as_read", "rounded.json"

Note = Callable[[str, Rounded], None]


class TypedParts:
    """Gives the rows of each part, converted by a contract if all its values can be, else as they were read.

    Used as a context, like the cache. What is given depends on the part and the contract alone, not on what was in the
    cache before: outputs are the same bytes after a full read and after one of new parts only.

    Parameters
    ----------
    folder : Path
        Where the cache is.
    rules : sequence of Rule
        The contract's, of columns that the source has.
    written : Written
        How numbers are written in text.
    options : object
        How the parts are read, as JSON: what else decides what comes out of them.
    note : callable
        Told of each column of a part whose values the conversion changed, before the part's rows are given; not of
        rows that are given as they were read.
    """

    def __init__(
        self, folder: Path, rules: list[Rule], written: Written, options: object, note: Note
    ) -> None:
        self._rules, self._written, self._note = rules, written, note
        told = [[rule.name, rule.type, rule.zone, rule.format] for rule in rules]
        self._cache = PartCache(folder, [told, *written, options], MODULES)
        self._schema = pa.schema([(rule.name, rule.arrow) for rule in rules])

    @property
    def made(self) -> int:
        """How many parts were read anew."""
        return self._cache.made

    def __enter__(self) -> TypedParts:
        return self

    def __exit__(self, *raised: object) -> None:
        self._cache.close(keep_unused=raised[0] is not None)

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        """Give a part's rows in batches."""
        folder = self._cache.get(part, self._make)
        if (folder / AS_READ).exists():
            yield from part.batches()
            return
        for column, rounded in json.loads((folder / ROUNDED).read_text(encoding="utf-8")).items():
            self._note(column, Rounded(**rounded))
        with pq.ParquetFile(folder / ROWS) as file:
            part.rows = file.metadata.num_rows
            yield from file.iter_batches(BATCH_ROWS, use_threads=False)

    def _make(self, part: Part, folder: Path) -> None:
        changed: dict[str, Rounded] = {}
        with pq.ParquetWriter(folder / ROWS, self._schema, compression="zstd") as writer:
            for batch in part.batches():
                columns = []
                for rule in self._rules:
                    values, refused = convert(batch.column(rule.name), rule, self._written)
                    if refused:
                        break
                    columns.append(values)
                    add_rounding(changed, rule.name, measure_rounding(batch.column(rule.name), values))
                else:
                    writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
                    continue
                (folder / AS_READ).touch()
                break
        if (folder / AS_READ).exists():
            (folder / ROWS).unlink()
        write_json(folder / ROUNDED, {column: asdict(found) for column, found in changed.items()})

"""Make a shifted copy of a table, to see what the monitor says about it.

python examples/shift.py IN OUT --feature NAME --by SD [--missing SHARE]

The feature's values are moved by SD of their standard deviations, and a share of them, drawn with a seed, is taken
away. Everything else in the table stays as it is. IN and OUT are .parquet or .csv.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import DataError, ToolkitError, suggest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; a user's mistake ends in one message and status 1."""
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="shift.py", description=summary)
    parser.add_argument("source", metavar="IN", type=Path, help="table to read: .parquet or .csv")
    parser.add_argument("target", metavar="OUT", type=Path, help="table to write: .parquet or .csv, as IN is")
    parser.add_argument("--feature", required=True, help="column to change")
    parser.add_argument("--by", type=float, default=0.0, metavar="SD", help="shift, in standard deviations")
    parser.add_argument(
        "--missing", type=float, default=0.0, metavar="SHARE", help="share of values to take away"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the draw of missing values (default: 1)")
    options = parser.parse_args(arguments)
    try:
        _check_options(options)
        write = {".parquet": _shift_parquet, ".csv": _shift_csv}[options.source.suffix]
        options.target.parent.mkdir(parents=True, exist_ok=True)
        rows = write(options)
    except (ToolkitError, OSError) as error:
        print(f"shift.py: {error}", file=sys.stderr)
        return 1
    told = (
        f"{options.feature} moved by {options.by:g} standard deviation{'' if abs(options.by) == 1 else 's'}"
    )
    told += f", {options.missing:.0%} of it missing" if options.missing else ""
    print(f"{options.target}: {rows} rows, {told}")
    return 0


def _check_options(options: argparse.Namespace) -> None:
    if options.source.suffix not in (".parquet", ".csv") or options.target.suffix != options.source.suffix:
        raise DataError(
            f"IN and OUT must both be .parquet or both .csv. Got {options.source} and {options.target}."
        )
    if not 0 <= options.missing <= 1:
        raise DataError(f"--missing must be a share from 0 to 1. Got {options.missing:g}.")
    if not options.by and not options.missing:
        raise DataError("There must be something to change: give --by or --missing.")
    if not options.source.is_file():
        raise DataError(
            f"{options.source} must exist and does not. Run './run' first if it is made by the pipeline."
        )


def _shift_parquet(options: argparse.Namespace) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(options.source)
    except pa.ArrowException as error:
        raise DataError(f"{options.source} must be a Parquet file. {error}") from None
    place = _find_feature(options, table.column_names)
    kind = table.schema.field(place).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise DataError(f"'{options.feature}' must be a column of numbers. It is {kind}.")
    values = shift_values(table.column(place).to_pylist(), options.by, options.missing, options.seed)
    if pa.types.is_integer(kind):
        values = [None if value is None else round(value) for value in values]
    pq.write_table(table.set_column(place, options.feature, pa.array(values, kind)), options.target)
    return table.num_rows


def _shift_csv(options: argparse.Namespace) -> int:
    with options.source.open(newline="", encoding="utf-8-sig") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    place = _find_feature(options, header)
    values = []
    for number, row in enumerate(rows, 2):
        try:
            values.append(float(row[place]) if row[place] else None)
        except (IndexError, ValueError):
            raise DataError(
                f"{options.source}, line {number}: '{options.feature}' must be a number or empty."
            ) from None
    for row, value in zip(rows, shift_values(values, options.by, options.missing, options.seed), strict=True):
        row[place] = "" if value is None else repr(value)
    with options.target.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return len(rows)


def _find_feature(options: argparse.Namespace, names: Sequence[str]) -> int:
    if options.feature not in names:
        hint = (
            suggest(options.feature, names)
            or f" It has {', '.join(names[:10])}{', …' if len(names) > 10 else ''}."
        )
        raise DataError(f"{options.source} must have a column '{options.feature}' and has not.{hint}")
    return list(names).index(options.feature)


def shift_values(values: Sequence[Any], by: float, missing: float, seed: int) -> list[float | None]:
    """Move numbers by ``by`` standard deviations and take ``missing`` of them away; None stays None."""
    present = [value for value in values if value is not None and value == value]  # noqa: PLR0124  # NaN
    step = by * statistics.pstdev(present) if present else 0.0
    gone = set(random.Random(seed).sample(range(len(values)), round(missing * len(values))))
    return [None if value is None or place in gone else value + step for place, value in enumerate(values)]


if __name__ == "__main__":
    sys.exit(main())

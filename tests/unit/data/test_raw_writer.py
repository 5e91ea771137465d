"""Batches leave no trace in what is written and sampled."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.data.raw_writer import GROUP_ROWS, RowGroups, Sample


def test_the_sample_is_the_same_whatever_the_batches() -> None:
    schema = pa.schema([("n", pa.int64())])
    hashes = np.random.default_rng(0).permutation(1000).astype(np.uint64)
    samples = []
    for cut in (1000, 300, 7):
        sample = Sample(schema, most=50)
        for at in range(0, 1000, cut):
            batch = pa.record_batch({"n": pa.array(range(at, min(at + cut, 1000)))})
            sample.add(batch, hashes[at : at + cut])
        samples.append(sample.table()["n"].to_pylist())
    assert samples[0] == samples[1] == samples[2] == np.flatnonzero(hashes < 50).tolist()


def test_row_groups_are_of_one_size_and_a_file_that_failed_lacks_its_last_rows(tmp_path: Path) -> None:
    rows = 2 * GROUP_ROWS + 7
    batch = pa.record_batch({"n": pa.array(range(rows))})
    files = []
    for cut in (rows, GROUP_ROWS, 10_001):
        groups = RowGroups(tmp_path / f"{cut}.parquet", batch.schema)
        for at in range(0, rows, cut):
            groups.add(batch.slice(at, cut))
        groups.close(whole=True)
        files.append((tmp_path / f"{cut}.parquet").read_bytes())
    assert files[0] == files[1] == files[2]
    metadata = pq.read_metadata(tmp_path / f"{rows}.parquet")
    assert [metadata.row_group(n).num_rows for n in range(3)] == [GROUP_ROWS, GROUP_ROWS, 7]
    groups = RowGroups(tmp_path / "failed.parquet", batch.schema)
    groups.add(batch)
    groups.close(whole=False)
    assert pq.read_metadata(tmp_path / "failed.parquet").num_rows == 2 * GROUP_ROWS

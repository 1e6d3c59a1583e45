"""pyarrow: arrays of strings and numbers, a table written and read."""

import sums

sums.begin()

import pyarrow as pa
import pyarrow.parquet as parquet

table = pa.table({"a": pa.array(range(2_000_000)), "b": pa.array([f"text {number}" for number in range(2_000_000)])})
sink = pa.BufferOutputStream()
parquet.write_table(table, sink)
again = parquet.read_table(pa.BufferReader(sink.getvalue()))
sums.end()

"""polars: a table created, sorted and grouped by its own threads, with its own allocator."""

import sums

sums.begin()

import polars as pl

table = pl.select(pl.int_range(0, 5_000_000).alias("a")).with_columns(
    (pl.col("a") * 1.5).alias("b"), (pl.col("a") % 1000).alias("group"), pl.col("a").cast(pl.String).alias("text")
)
ordered = table.sort("b", descending=True)
groups = ordered.group_by("group").agg(pl.col("b").mean(), pl.col("text").first())
sums.end()

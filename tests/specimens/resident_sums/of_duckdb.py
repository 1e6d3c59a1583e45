"""duckdb: a table in memory, queried with a grouping."""

import sums

sums.begin()

import duckdb

connection = duckdb.connect(":memory:")
connection.execute("create table t as select range as i, hash(range)::varchar as s from range(3000000)")
rows = connection.execute("select i % 1000 as g, count(*), max(s) from t group by g").fetchall()
sums.end()

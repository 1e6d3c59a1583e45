"""sqlite: a database in memory with an index; every second row is deleted."""

import sums

sums.begin()

import sqlite3

connection = sqlite3.connect(":memory:")
connection.execute("create table rows (number integer primary key, name text, bytes blob)")
rows = ((number, f"name {number}", bytes(number % 300)) for number in range(300_000))
connection.executemany("insert into rows values (?, ?, ?)", rows)
connection.execute("create index names on rows (name)")
connection.execute("delete from rows where number % 2")
found = connection.execute("select name, bytes from rows where number % 6 = 0").fetchall()
sums.end()

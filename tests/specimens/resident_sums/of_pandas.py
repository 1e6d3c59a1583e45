"""pandas: a table read from text, grouped, joined, and strings as objects."""

import sums

sums.begin()

import io

import pandas as pd

lines = [f"{number},{number % 97},{number * 0.5},name {number % 1000}" for number in range(400_000)]
table = pd.read_csv(io.StringIO("\n".join(["number,group,half,name", *lines])))
del lines
groups = table.groupby("group").agg({"half": "mean", "number": "max"}).reset_index()
joined = table.merge(groups, on="group")
objects = joined["name"].astype(object).map(str.upper)
sums.end()

"""A small service that holds memory in several ways. The documentation's pictures show its profile.

    spprof run -o orders.html examples/orders.py

It reads orders from JSON, keeps them in Python objects, in SQLite and in numpy, and answers requests. One line leaks:
`answer` keeps every page that it renders.
"""

from __future__ import annotations

import json
import sqlite3

import numpy as np

ORDERS = 60_000
REQUESTS = 30_000


class Order:
    def __init__(self, number: int, customer: str, items: list[dict[str, float]]) -> None:
        self.number = number
        self.customer = customer
        self.items = items

    @property
    def total(self) -> float:
        return sum(item["price"] * item["count"] for item in self.items)


def exported_orders() -> str:
    """Return orders as JSON lines, as another system would send them."""
    return "\n".join(
        json.dumps({
            "number": number,
            "customer": f"customer {number % 997}",
            "items": [{"price": 1.0 + number % 7 + item, "count": item + 1.0} for item in range(3)],
        })
        for number in range(ORDERS)
    )  # fmt: skip


def parse_orders(text: str) -> list[Order]:
    return [Order(**json.loads(line)) for line in text.splitlines()]


def customers_index(orders: list[Order]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for order in orders:
        index.setdefault(order.customer, []).append(order.number)
    return index


def fill_database(orders: list[Order]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, customer TEXT, body TEXT)")
    rows = ((order.number, order.customer, json.dumps(order.items)) for order in orders)
    database.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    database.execute("CREATE INDEX by_customer ON orders (customer)")
    return database


def train_model(orders: list[Order]) -> np.ndarray:
    totals = np.array([order.total for order in orders])
    features = np.stack([totals**power for power in range(1, 65)], axis=1)
    return features / features.max(axis=0)


class Service:
    def __init__(self) -> None:
        self.orders = parse_orders(exported_orders())
        self.by_customer = customers_index(self.orders)
        self.database = fill_database(self.orders)
        self.model = train_model(self.orders)
        self.pages: list[str] = []

    def answer(self, number: int) -> str:
        order = self.orders[number % ORDERS]
        rows = self.database.execute("SELECT body FROM orders WHERE customer = ?", (order.customer,)).fetchmany(5)
        page = self.render(order, rows)
        self.pages.append(page)  # the leak: nothing ever reads it
        return page

    def render(self, order: Order, rows: list[tuple[str]]) -> str:
        score = float(self.model[order.number].sum())
        body = "".join(f"<li>{row}</li>" for (row,) in rows)  # about 700 characters
        return f"<h1>{order.customer}: {order.total:.2f} ({score:.3f})</h1><ul>{body}</ul>"


def serve(service: Service) -> None:
    for number in range(REQUESTS):
        service.answer(number)


if __name__ == "__main__":
    service = Service()
    serve(service)

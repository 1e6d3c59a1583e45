"""Allocate from deep inside popular wheels while two_unwinders.c, which is preloaded, compares stacks.

wheels_at_work.py ENGINE LIBUNWIND INTERVAL ROUNDS WHEEL...        calls each wheel's function, and prints the counts
"""

import concurrent.futures
import ctypes
import datetime
import hashlib
import io
import json
import re
import sqlite3
import sys
from xml.parsers import expat


def standard_library():
    rows = json.loads(json.dumps([{"number": i, "text": "x" * i} for i in range(100)]))
    re.sub(r"\d+", lambda match: match[0] * 2, str(rows))
    sorted(rows, key=lambda row: str(row))
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: dict(attributes)
    parser.Parse("<a>" + "<b c='d'/>" * 50 + "</a>", True)
    with sqlite3.connect(":memory:") as connection:
        connection.create_function("twice", 1, lambda value: str(value) * 2)
        connection.execute("CREATE TABLE numbers(number)")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(i,) for i in range(100)])
        connection.execute("SELECT twice(number) FROM numbers ORDER BY twice(number)").fetchall()
    hashlib.sha256(b"a" * 10_000).hexdigest()


def numpy():
    import numpy

    random = numpy.random.default_rng(1)
    square = random.random((30, 30))
    numpy.linalg.inv(square @ square.T)
    numpy.fft.fft(square)
    numpy.sort(square, axis=None)
    numpy.frompyfunc(lambda value: [value] * 10, 1, 1)(square[0])
    numpy.apply_along_axis(lambda row: row[row > 0.5].sum(), 1, square)
    numpy.array([str(value) for value in square[0]], dtype=object).astype(float)
    str(square)


def pandas():
    import pandas

    frame = pandas.DataFrame({"key": [i % 7 for i in range(100)], "value": range(100), "name": list("abcde" * 20)})
    again = pandas.read_csv(io.StringIO(frame.to_csv(index=False)))
    again.groupby("key").agg({"value": ["mean", "sum"]})
    again.groupby("name")["value"].apply(lambda values: values.max())
    again.merge(frame, on="key").sort_values(["name_x", "value_y"]).to_json()
    again["name"].str.upper().value_counts()
    again.pivot_table(index="key", columns="name", values="value").describe()


def lxml():
    from lxml import etree

    root = etree.Element("root")
    for i in range(100):
        etree.SubElement(root, "item", id=str(i)).text = f"text {i}"
    text = etree.tostring(root, pretty_print=True)
    etree.fromstring(text).xpath("//item[@id > 50]/text()")
    etree.FunctionNamespace("urn:test")["longer"] = lambda context, value: [value * 2]
    root.xpath("t:longer('a')", namespaces={"t": "urn:test"})
    for _event, element in etree.iterparse(io.BytesIO(text)):
        element.clear()
    style = """<s:stylesheet version="1.0" xmlns:s="http://www.w3.org/1999/XSL/Transform"><s:template match="/"><out>
        <s:for-each select="//item"><s:value-of select="@id"/></s:for-each></out></s:template></s:stylesheet>"""
    etree.XSLT(etree.XML(style))(root)


def cryptography():
    from cryptography import x509
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "test")])
    day = datetime.datetime(2024, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + datetime.timedelta(1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256())
    key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    fernet = Fernet(Fernet.generate_key())
    fernet.decrypt(fernet.encrypt(b"x" * 1000))


def main():
    engine, libunwind, interval, rounds, *wheels = sys.argv[1:]
    compared = ctypes.CDLL(None)
    compared.two_unwinders_begin.restype = ctypes.c_char_p
    wrong = compared.two_unwinders_begin(engine.encode(), libunwind.encode(), int(interval))
    if wrong:
        sys.exit(wrong.decode())

    def work(_):
        for wheel in wheels:
            globals()[wheel]()

    for i in range(int(rounds)):
        work(i)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(int(rounds))))
    compared.two_unwinders_end()


if __name__ == "__main__":
    main()

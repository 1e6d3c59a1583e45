"""lxml: one large tree, another that was dropped, and the results of an expression."""

import sums

sums.begin()

from lxml import etree


def tree(count):
    rows = "".join(f'<row number="{number}"><name>name {number}</name><x/></row>' for number in range(count))
    return etree.fromstring(f"<rows>{rows}</rows>")


kept, dropped = tree(200_000), tree(50_000)
del dropped
found = kept.xpath("//row[@number mod 7 = 0]/name/text()")
sums.end()

"""Rows of an ESE database as dissect.database reads them: `ese_rows.py FILE [TABLE ...]`; prints JSON.

For each table: how many rows there are, and of each row that could be read whole the first 16 hex digits
of the SHA-256 of its text: for each column, in ascending order of names, NAME=VALUE; with ~ for NULL, else
hex, several values joined by commas. With `--time`, reads all values and prints nothing of them.

Of the release in use: the third and further pieces of a long value are taken for compressed (put right
here); a tagged NULL stops it (taken for NULL here); deleted rows are counted as rows.
"""

import hashlib
import inspect
import json
import sys
import textwrap

from dissect.database.ese import ESE, compression, table as tables
from dissect.database.ese.c_ese import TAGFLD_HEADER


def put_right():
    """Long values of more than two pieces, 7-bit text; changes nothing once the release does it right."""
    decompress = compression.decompress

    def cut(buffer):
        scheme, used = buffer[0] >> 3, (buffer[0] & 7) + 1
        plain = decompress(buffer)
        return plain[: ((len(buffer) - 2) * 8 + used) // 7 * scheme] if scheme in (1, 2) else plain

    compression.decompress = cut
    source = textwrap.dedent(inspect.getsource(tables.Table.get_long_value))
    source = source.replace("chunk_offset += next_chunk_offset", "chunk_offset = next_chunk_offset")
    names = {}
    exec(source, vars(tables), names)
    tables.Table.get_long_value = names["get_long_value"]


def values(table, record, column):
    """The bytes of all values of a column, as `_parse_value` has them before it turns them into objects."""
    data = record._data
    if not column.is_tagged:
        value = data.get(column, raw=True)
        return [] if value is None else [value]
    try:
        field, value = data._get_tagged(column)
    except UnboundLocalError:
        return []
    if value is None:
        return []
    if field is None:
        return [value]
    if field.flags & TAGFLD_HEADER.MultiValues:
        return data._parse_multivalue(value, field)
    if field.flags & TAGFLD_HEADER.Separated:
        return [table.get_long_value(bytes(value))]
    return [compression.decompress(value) if field.flags & TAGFLD_HEADER.Compressed else value]


def text(table, columns, record):
    def column_text(column):
        found = values(table, record, column)
        return ",".join(bytes(value).hex() for value in found) if found else "~"

    return "".join(f"{column.name}={column_text(column)};" for column in columns)


def rows(table):
    columns = sorted(table.columns, key=lambda column: column.name.encode())
    count, hashes, unread = 0, [], {}
    for record in table.records():
        count += 1
        try:
            hashes.append(hashlib.sha256(text(table, columns, record).encode()).hexdigest()[:16])
        except Exception as error:  # noqa: BLE001  whatever it stumbles over
            why = f"{type(error).__name__}: {error}"[:80]
            unread[why] = unread.get(why, 0) + 1
    return {"rows": count, "hashes": hashes, "unread": unread}


def main():
    names = [name for name in sys.argv[2:] if not name.startswith("--")]
    put_right()
    with open(sys.argv[1], "rb") as file:
        database = ESE(file)
        wanted = [database.table(name) for name in names] or database.tables()
        if "--time" in sys.argv:
            count = sum(len(record.as_dict()) > 0 for table in wanted for record in table.records())
            print(json.dumps({"rows": count, "failures": []}))
            return
        print(json.dumps({"tables": {table.name: rows(table) for table in wanted}, "failures": []}))


main()

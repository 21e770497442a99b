"""What somebody does who can write the file and knows the format."""

from __future__ import annotations

import sqlite3

from remit.evidence import chain, ledger


def tamper(path, statements):
    """Changes the file behind the triggers' back, and puts the triggers back."""
    connection = sqlite3.connect(path, isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = triggers.fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    changed = 0
    for statement in statements:
        changed += connection.execute(statement).rowcount
    gone = [text.split()[-1] for text in statements if text.startswith("DROP TRIGGER")]
    for name, text in triggers:
        if name not in gone:
            connection.execute(text)
    connection.close()
    return changed


def rewrite(path, change):
    """Rewrites the record as a whole, every hash recomputed, heads and all."""
    connection = sqlite3.connect(path, isolation_level=None)
    database = ledger.database_id(connection)
    columns = "writer, seq, time, id, kind, action, salt, body, position"
    rows = connection.execute(f"SELECT {columns} FROM entries ORDER BY position").fetchall()
    connection.close()
    statements, ends = [], {}
    for writer, seq, time, id_, kind, action, salt, body, position in rows:
        prev = ends.get(writer) or chain.genesis(database, writer)
        changed = change(body)
        digest = chain.digest(salt, changed)
        texts = (text.encode() for text in (time, id_, kind, action))
        ends[writer] = chain.link(prev, writer.encode(), seq, *texts, digest)
        statements.append(
            f"UPDATE entries SET body = x'{changed.hex()}', digest = x'{digest.hex()}',"
            f" prev = x'{prev.hex()}', hash = x'{ends[writer].hex()}' WHERE position = {position}"
        )
    statements += [
        f"UPDATE heads SET hash = x'{end.hex()}' WHERE writer = '{writer}'"
        for writer, end in ends.items()
    ]
    tamper(path, statements)

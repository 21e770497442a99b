"""The PostgreSQL tables, with the functions and triggers that refuse to change what is chained.

Everything lives in a schema of its own, `remit`. Texts compare by their bytes ("C"), as in SQLite.
What is below of version 1 is never changed again: a later version adds a step in `migrations`.
"""

from __future__ import annotations

import re
from typing import Final

SCHEMA: Final = "remit"

_TABLES: Final = {
    "meta": "key TEXT PRIMARY KEY, value TEXT NOT NULL",
    "entries": """position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  writer TEXT NOT NULL, seq BIGINT NOT NULL,
  time TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL,
  salt BYTEA, body BYTEA, digest BYTEA NOT NULL, prev BYTEA NOT NULL, hash BYTEA NOT NULL,
  UNIQUE (writer, seq)""",
    "heads": "writer TEXT PRIMARY KEY, seq BIGINT NOT NULL, hash BYTEA NOT NULL",
    "marks": """rule TEXT NOT NULL, time TEXT NOT NULL, writer TEXT NOT NULL, seq BIGINT NOT NULL,
  kind TEXT NOT NULL, action TEXT NOT NULL, PRIMARY KEY (rule, time, writer, seq)""",
    "counts": """day TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL,
  writer TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (day, kind, action, writer)""",
    "subjects": """subject TEXT NOT NULL, writer TEXT NOT NULL, seq BIGINT NOT NULL,
  PRIMARY KEY (subject, writer, seq)""",
    "cases": """id TEXT PRIMARY KEY, time TEXT NOT NULL, due TEXT NOT NULL, rule TEXT NOT NULL,
  owner TEXT NOT NULL, colleague TEXT NOT NULL, state TEXT NOT NULL, question TEXT NOT NULL,
  answer TEXT NOT NULL, who TEXT NOT NULL, updated TEXT NOT NULL,
  kind TEXT NOT NULL, receipt TEXT NOT NULL, conversation TEXT NOT NULL, subject TEXT NOT NULL,
  remind TEXT NOT NULL, reminded BIGINT NOT NULL, fallback TEXT NOT NULL,
  outcome TEXT NOT NULL, notify TEXT NOT NULL""",
    "interventions": """id TEXT PRIMARY KEY, time TEXT NOT NULL, rule TEXT NOT NULL,
  kind TEXT NOT NULL, setting TEXT NOT NULL, owner TEXT NOT NULL, who TEXT NOT NULL,
  why TEXT NOT NULL, statistic TEXT NOT NULL, starts TEXT NOT NULL, expires TEXT NOT NULL,
  state TEXT NOT NULL, ended TEXT NOT NULL, ended_by TEXT NOT NULL, ended_why TEXT NOT NULL""",
    "accounts": """name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL,
  owner_of TEXT NOT NULL, disabled BIGINT NOT NULL, created TEXT NOT NULL,
  updated TEXT NOT NULL""",
    "sessions": """token TEXT PRIMARY KEY, account TEXT NOT NULL, csrf TEXT NOT NULL,
  created TEXT NOT NULL, seen TEXT NOT NULL, expires TEXT NOT NULL""",
    "remits": """digest TEXT PRIMARY KEY, text TEXT NOT NULL, state TEXT NOT NULL,
  author TEXT NOT NULL, approver TEXT NOT NULL, note TEXT NOT NULL,
  created TEXT NOT NULL, updated TEXT NOT NULL""",
    "state": "key TEXT PRIMARY KEY, value TEXT NOT NULL, updated TEXT NOT NULL",
    "pulse": "one BIGINT PRIMARY KEY, value BIGINT NOT NULL",
}

_INDEXES: Final = (
    "CREATE INDEX entries_by_id ON entries (id, position)",
    # What is looked for by kind or by action is rare; an answer that nothing came of is in neither.
    "CREATE INDEX entries_by_kind ON entries (kind, position) WHERE kind <> 'answer'",
    "CREATE INDEX entries_by_action ON entries (action, position) WHERE action <> 'allow'",
    "CREATE INDEX marks_by_entry ON marks (writer, seq)",
    "CREATE INDEX cases_by_state ON cases (state, due)",
    "CREATE INDEX cases_by_conversation ON cases (conversation)",
    "CREATE INDEX cases_by_subject ON cases (subject)",
    "CREATE INDEX interventions_by_state ON interventions (state)",
)

FUNCTIONS: Final = {
    # A batch in one call: the entries, and what they are found by. Statements within it see the
    # chain grow row by row in the order of `seqs`.
    "arrive": """
BEGIN
  INSERT INTO entries (writer, seq, time, id, kind, action, salt, body, digest, prev, hash)
    SELECT by, u.* FROM unnest(seqs, times, ids, kinds, actions, salts, bodies, digests, prevs,
      hashes) AS u ORDER BY 1, 2;
  INSERT INTO counts AS c
    SELECT left(t, 10), k, a, by, count(*) FROM unnest(times, kinds, actions) AS u (t, k, a)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (day, kind, action, writer) DO UPDATE SET number = c.number + excluded.number;
  INSERT INTO marks
    SELECT m.key, u.t, by, u.s, u.k, m.value
    FROM unnest(seqs, times, kinds, rules) AS u (s, t, k, r), json_each_text(u.r::json) AS m
    WHERE u.r IS NOT NULL;
  INSERT INTO subjects
    SELECT u.p, by, u.s FROM unnest(seqs, persons) AS u (s, p) WHERE u.p IS NOT NULL;
END""",
    "entries_extend": """
BEGIN
  IF EXISTS (
    SELECT FROM (
      SELECT writer, seq, prev, lag(seq) OVER w AS last_seq, lag(hash) OVER w AS last_hash
      FROM added WINDOW w AS (PARTITION BY writer ORDER BY seq)
    ) AS a LEFT JOIN heads AS h ON h.writer = a.writer AND a.last_seq IS NULL
    WHERE a.seq <> 1 + coalesce(a.last_seq, h.seq, 0)
      OR a.prev <> coalesce(a.last_hash, h.hash, a.prev)
  ) THEN
    RAISE EXCEPTION 'evidence: the entry does not extend its chain';
  END IF;
  INSERT INTO heads
    SELECT DISTINCT ON (writer) writer, seq, hash FROM added ORDER BY writer, seq DESC
    ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
  RETURN NULL;
END""",
    # The one change allowed is to erase a body together with its salt.
    "entries_fixed": """
BEGIN
  IF new.body IS NULL AND new.salt IS NULL AND old.body IS NOT NULL
    AND (new.position, new.writer, new.seq, new.time, new.id, new.kind, new.action, new.digest,
         new.prev, new.hash)
      = (old.position, old.writer, old.seq, old.time, old.id, old.kind, old.action, old.digest,
         old.prev, old.hash)
  THEN RETURN new; END IF;
  RAISE EXCEPTION 'evidence: entries are never changed';
END""",
    "heads_forward": """
BEGIN
  IF new.writer = old.writer AND new.seq > old.seq AND EXISTS (
    SELECT FROM entries WHERE writer = new.writer AND seq = new.seq AND hash = new.hash
  ) THEN RETURN new; END IF;
  RAISE EXCEPTION 'evidence: heads only move forward';
END""",
    "remits_fixed": """
BEGIN
  IF new.digest = old.digest AND new.text = old.text THEN RETURN new; END IF;
  RAISE EXCEPTION 'evidence: a remit that was kept is never changed';
END""",
    "kept": """
BEGIN
  RAISE EXCEPTION 'evidence: % are never deleted', TG_TABLE_NAME;
END""",
    "fixed": """
BEGIN
  RAISE EXCEPTION 'evidence: % are never changed', TG_TABLE_NAME;
END""",
}

_ARGUMENTS: Final = {
    "arrive": "by TEXT, seqs BIGINT[], times TEXT[], ids TEXT[], kinds TEXT[], actions TEXT[],"
    " salts BYTEA[], bodies BYTEA[], digests BYTEA[], prevs BYTEA[], hashes BYTEA[],"
    " rules TEXT[], persons TEXT[]"
}

_KEPT: Final = ("entries", "heads", "marks", "counts", "cases", "interventions", "accounts",
                "remits")  # fmt: skip

TRIGGERS: Final = {
    ("entries", "entries_extend"): "AFTER INSERT ON entries REFERENCING NEW TABLE AS added"
    " FOR EACH STATEMENT EXECUTE FUNCTION entries_extend()",
    ("entries", "entries_fixed"): "BEFORE UPDATE ON entries"
    " FOR EACH ROW EXECUTE FUNCTION entries_fixed()",
    ("heads", "heads_forward"): "BEFORE UPDATE ON heads"
    " FOR EACH ROW EXECUTE FUNCTION heads_forward()",
    ("marks", "marks_fixed"): "BEFORE UPDATE ON marks FOR EACH ROW EXECUTE FUNCTION fixed()",
    ("remits", "remits_fixed"): "BEFORE UPDATE ON remits"
    " FOR EACH ROW EXECUTE FUNCTION remits_fixed()",
} | {
    (table, f"{table}_kept"): f"BEFORE DELETE OR TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION kept()"
    for table in _KEPT
}


def _table(name: str, columns: str) -> str:
    text = columns.replace(" TEXT", ' TEXT COLLATE "C"')
    return f"CREATE TABLE {name} ({text})"


def _function(name: str, source: str) -> str:
    given = _ARGUMENTS.get(name, "")
    returns = "void" if name == "arrive" else "trigger"
    return f"CREATE FUNCTION {name}({given}) RETURNS {returns} LANGUAGE plpgsql AS $${source}$$"


COLUMNS: Final = frozenset(
    (table, name, type_.lower())
    for table, columns in _TABLES.items()
    for name, type_ in re.findall(r"(\w+) (TEXT|BIGINT|BYTEA)", columns)
)
"""(table, column, type) of all that is there."""

VERSION_1: Final = (
    *(_table(name, columns) for name, columns in _TABLES.items()),
    *_INDEXES,
    *(_function(name, source) for name, source in FUNCTIONS.items()),
    *(f"CREATE TRIGGER {name} {rest}" for (_, name), rest in TRIGGERS.items()),
    "INSERT INTO meta VALUES ('database', replace(gen_random_uuid()::text, '-', ''))",
    "INSERT INTO pulse VALUES (1, 0)",
)

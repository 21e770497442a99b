"""The SQLite tables, statement by statement as SQLite stores them, for each version of the format.

A file must hold exactly these texts, or `verify` says so. What a later version adds or replaces is
in `migrate`; what is below of version 1 is never changed again.
"""

from __future__ import annotations

from typing import Final

ENTRIES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE entries (
  position INTEGER PRIMARY KEY,
  writer TEXT NOT NULL, seq INTEGER NOT NULL,
  time TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL,
  salt BLOB, body BLOB, digest BLOB NOT NULL,
  prev BLOB NOT NULL, hash BLOB NOT NULL,
  UNIQUE (writer, seq)
)""",
    "CREATE INDEX entries_by_id ON entries (id)",
    """CREATE TABLE heads (
  writer TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL
) WITHOUT ROWID""",
    """CREATE TRIGGER entries_extend BEFORE INSERT ON entries BEGIN
  SELECT RAISE(ABORT, 'evidence: the entry does not extend its chain') WHERE NOT (
    new.seq = 1 + coalesce((SELECT seq FROM heads WHERE writer = new.writer), 0)
    AND new.prev = coalesce((SELECT hash FROM heads WHERE writer = new.writer), new.prev)
  );
END""",
    """CREATE TRIGGER entries_head AFTER INSERT ON entries BEGIN
  INSERT INTO heads VALUES (new.writer, new.seq, new.hash)
    ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
END""",
    # The one change allowed is to erase a body together with its salt.
    """CREATE TRIGGER entries_fixed BEFORE UPDATE ON entries
WHEN NOT (
  new.body IS NULL AND new.salt IS NULL AND old.body IS NOT NULL
  AND new.position IS old.position AND new.writer IS old.writer AND new.seq IS old.seq
  AND new.time IS old.time AND new.id IS old.id AND new.kind IS old.kind
  AND new.action IS old.action AND new.digest IS old.digest
  AND new.prev IS old.prev AND new.hash IS old.hash
) BEGIN SELECT RAISE(ABORT, 'evidence: entries are never changed'); END""",
    """CREATE TRIGGER entries_kept BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'evidence: entries are never deleted'); END""",
    """CREATE TRIGGER heads_forward BEFORE UPDATE ON heads
WHEN new.writer IS NOT old.writer OR new.seq != old.seq + 1
BEGIN SELECT RAISE(ABORT, 'evidence: heads only move forward'); END""",
    """CREATE TRIGGER heads_kept BEFORE DELETE ON heads
BEGIN SELECT RAISE(ABORT, 'evidence: heads are never deleted'); END""",
)
"""The chain: the same in every version."""

CASES_1: Final = (
    """CREATE TABLE cases (
  id TEXT PRIMARY KEY, time TEXT NOT NULL, due TEXT NOT NULL, rule TEXT NOT NULL,
  owner TEXT NOT NULL, colleague TEXT NOT NULL, state TEXT NOT NULL, question TEXT NOT NULL,
  answer TEXT NOT NULL, who TEXT NOT NULL, updated TEXT NOT NULL
)""",
    "CREATE INDEX cases_by_state ON cases (state, due)",
    """CREATE TRIGGER cases_kept BEFORE DELETE ON cases
BEGIN SELECT RAISE(ABORT, 'evidence: cases are never deleted'); END""",
)

CASES: Final = (
    """CREATE TABLE cases (
  id TEXT PRIMARY KEY, time TEXT NOT NULL, due TEXT NOT NULL, rule TEXT NOT NULL,
  owner TEXT NOT NULL, colleague TEXT NOT NULL, state TEXT NOT NULL, question TEXT NOT NULL,
  answer TEXT NOT NULL, who TEXT NOT NULL, updated TEXT NOT NULL,
  kind TEXT NOT NULL, receipt TEXT NOT NULL, conversation TEXT NOT NULL, subject TEXT NOT NULL,
  remind TEXT NOT NULL, reminded INTEGER NOT NULL, fallback TEXT NOT NULL,
  outcome TEXT NOT NULL, notify TEXT NOT NULL
)""",
    "CREATE INDEX cases_by_state ON cases (state, due)",
    "CREATE INDEX cases_by_conversation ON cases (conversation)",
    "CREATE INDEX cases_by_subject ON cases (subject)",
    """CREATE TRIGGER cases_kept BEFORE DELETE ON cases
BEGIN SELECT RAISE(ABORT, 'evidence: cases are never deleted'); END""",
)

# Entries arrive through a view, so that one statement, and thus one call of SQLite, also writes
# what is found by rule, by subject and by day. See `writer` for what a second call would cost.
ARRIVALS: Final = (
    """CREATE TABLE marks (
  rule TEXT NOT NULL, time TEXT NOT NULL, writer TEXT NOT NULL, seq INTEGER NOT NULL,
  kind TEXT NOT NULL, action TEXT NOT NULL,
  PRIMARY KEY (rule, time, writer, seq)
) WITHOUT ROWID""",
    "CREATE INDEX marks_by_entry ON marks (writer, seq)",
    """CREATE TABLE counts (
  day TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL, writer TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (day, kind, action, writer)
) WITHOUT ROWID""",
    """CREATE TABLE subjects (
  subject TEXT NOT NULL, writer TEXT NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (subject, writer, seq)
) WITHOUT ROWID""",
    # What is looked for by kind or by action is rare; an answer that nothing came of is in neither.
    "CREATE INDEX entries_by_kind ON entries (kind, position) WHERE kind <> 'answer'",
    "CREATE INDEX entries_by_action ON entries (action, position) WHERE action <> 'allow'",
    """CREATE VIEW arrivals AS SELECT
  writer, seq, time, id, kind, action, salt, body, digest, prev, hash,
  '{}' AS rules, '' AS subject FROM entries""",
    """CREATE TRIGGER arrivals_kept INSTEAD OF INSERT ON arrivals BEGIN
  INSERT INTO entries (writer, seq, time, id, kind, action, salt, body, digest, prev, hash)
    VALUES (new.writer, new.seq, new.time, new.id, new.kind, new.action, new.salt, new.body,
      new.digest, new.prev, new.hash);
  INSERT INTO counts VALUES (substr(new.time, 1, 10), new.kind, new.action, new.writer, 1)
    ON CONFLICT (day, kind, action, writer) DO UPDATE SET number = number + 1;
  INSERT INTO marks SELECT key, new.time, new.writer, new.seq, new.kind, value
    FROM json_each(new.rules);
  INSERT INTO subjects SELECT new.subject, new.writer, new.seq WHERE new.subject IS NOT NULL;
END""",
    """CREATE TRIGGER marks_fixed BEFORE UPDATE ON marks
BEGIN SELECT RAISE(ABORT, 'evidence: marks are never changed'); END""",
    """CREATE TRIGGER marks_kept BEFORE DELETE ON marks
BEGIN SELECT RAISE(ABORT, 'evidence: marks are never deleted'); END""",
    """CREATE TRIGGER counts_kept BEFORE DELETE ON counts
BEGIN SELECT RAISE(ABORT, 'evidence: counts are never deleted'); END""",
)

STATE: Final = (
    """CREATE TABLE interventions (
  id TEXT PRIMARY KEY, time TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL,
  setting TEXT NOT NULL, owner TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
  statistic TEXT NOT NULL, starts TEXT NOT NULL, expires TEXT NOT NULL, state TEXT NOT NULL,
  ended TEXT NOT NULL, ended_by TEXT NOT NULL, ended_why TEXT NOT NULL
)""",
    "CREATE INDEX interventions_by_state ON interventions (state)",
    """CREATE TRIGGER interventions_kept BEFORE DELETE ON interventions
BEGIN SELECT RAISE(ABORT, 'evidence: interventions are never deleted'); END""",
    """CREATE TABLE accounts (
  name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, owner_of TEXT NOT NULL,
  disabled INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL
)""",
    """CREATE TRIGGER accounts_kept BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'evidence: accounts are disabled, never deleted'); END""",
    """CREATE TABLE sessions (
  token TEXT PRIMARY KEY, account TEXT NOT NULL, csrf TEXT NOT NULL,
  created TEXT NOT NULL, seen TEXT NOT NULL, expires TEXT NOT NULL
)""",
    """CREATE TABLE remits (
  digest TEXT PRIMARY KEY, text TEXT NOT NULL, state TEXT NOT NULL, author TEXT NOT NULL,
  approver TEXT NOT NULL, note TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL
)""",
    """CREATE TRIGGER remits_fixed BEFORE UPDATE ON remits
WHEN new.digest IS NOT old.digest OR new.text IS NOT old.text
BEGIN SELECT RAISE(ABORT, 'evidence: a remit that was kept is never changed'); END""",
    """CREATE TRIGGER remits_kept BEFORE DELETE ON remits
BEGIN SELECT RAISE(ABORT, 'evidence: remits are retired, never deleted'); END""",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL, updated TEXT NOT NULL)",
    "CREATE TABLE pulse (one INTEGER PRIMARY KEY, value INTEGER NOT NULL)",
)

DEFINITIONS: Final = {
    1: frozenset(ENTRIES + CASES_1),
    2: frozenset(ENTRIES + CASES + ARRIVALS + STATE),
}
"""All that a file of each version holds."""

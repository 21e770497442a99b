"""A verification for its readers: people, CI, editors, auditors, and other evaluation tools."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from remit.policy import Loaded
from remit.types import Json
from remit.verify.outputs.document import document
from remit.verify.records import encodable
from remit.verify.verification import Verification


def written(
    name: str, verification: Verification, loaded: Loaded, record: str | None
) -> Iterator[bytes]:
    """An output by its name, in parts; `record` is the file of all samples, if one is kept."""
    if name == "json":
        yield _json(document(verification))
    elif name == "junit":
        from remit.verify.outputs.junit import junit

        yield junit(verification)
    elif name == "sarif":
        from remit.verify.outputs.sarif import sarif

        yield _json(sarif(verification, loaded))
    elif name == "inspect":
        from remit.verify.outputs.inspect import inspect_log

        yield from inspect_log(verification, record)
    else:
        from remit.verify.outputs.html import page

        yield page(verification).encode("utf-8", "replace")


def _json(value: Json) -> bytes:
    return orjson.dumps(encodable(value), option=orjson.OPT_INDENT_2) + b"\n"

"""What stands in the place of what was found: the same words in a reply, a log and a corpus."""

from __future__ import annotations

import re

_MASKS = {
    "phrase": "removed",
    "pattern": "removed",
    "passages": "removed",
    "canary": "removed",
    "names": "name",
    "amounts": "amount",
    "numbers": "number",
}


def mask_text(label: str) -> str:
    """What stands in the place of a masked span. No quote or backslash: it must fit in JSON."""
    return f"[{_MASKS.get(label, re.sub(r'[^a-z0-9-]', '', label.lower()) or 'removed')}]"

"""A tracker written down, and read back: kept whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from remit.layers.monitor.attempts import Attempts
from remit.layers.monitor.canary import Canary
from remit.layers.monitor.conversations import Conversations
from remit.layers.monitor.drift import Watched
from remit.layers.monitor.quiet import Quiet
from remit.layers.monitor.sequences import Sequence
from remit.layers.monitor.tracker import Tracker
from remit.policy import Policy

FORMAT: Final = 1
_PLAIN: Final = ("day", "counts", "totals", "reviewed", "epochs", "model", "active", "newest")


def written(tracker: Tracker) -> dict[str, Any]:
    """All of a tracker but its policy, as plain JSON values."""
    tracker.take_over()
    return {
        "format": FORMAT,
        **{name: getattr(tracker, name) for name in _PLAIN},
        "conversations": tracker.conversations.as_dict(),
        "sequences": {rule: s.as_dict() for rule, s in tracker.sequences.items()},
        "attempts": {rule: one.as_list() for rule, one in tracker.attempts.items()},
        "drift": {name: one.as_list() for name, one in tracker.drift.items()},
        "canary": tracker.canary.as_list(),
    }


def restored(policy: Policy, value: Mapping[str, Any]) -> Tracker:
    """The tracker that `written` wrote down. Raises ValueError where it is anything else."""
    try:
        if value["format"] != FORMAT:
            raise ValueError(f"it is of format {value['format']!r}")
        tracker = Tracker(policy, "1970-01-01T00:00:00.000Z", "restored")
        tracker.news.clear()
        for name in _PLAIN:
            setattr(tracker, name, value[name])
        tracker.conversations = Conversations.restored(value["conversations"])
        tracker.sequences = _each(Sequence.restored, value["sequences"])
        tracker.attempts = _each(Attempts.restored, value["attempts"])
        tracker.drift = _each(Watched.restored, value["drift"])
        tracker.canary = Canary.restored(value["canary"])
        tracker.quiet = Quiet(day=max((s.last for s in tracker.sequences.values()), default=0.0))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"what the monitor kept of remit {policy.digest[:16]} cannot be read ({error}); "
            "it is counted anew from the record"
        ) from None
    return tracker


def _each(read: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: read(value) for name, value in values.items()}

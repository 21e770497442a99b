"""The gate for personal data: what leaves the record for a suite or a training set passes here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from remit.detectors.identifiers import IDENTIFIERS
from remit.detectors.masks import mask_text
from remit.detectors.registry import registry
from remit.enforce import Enforcer, compile_policy
from remit.policy import Loaded, Policy
from remit.policy.source import Source
from remit.types import Action, Interaction, Message, Stage, merge_spans


class PrivacyError(ValueError):
    """A text holds what names a person, and may not leave."""


@dataclass(slots=True)
class Gate:
    """Finds identifiers in texts: masks them, or refuses a text that holds one.

    `found` counts what was masked, by the label of its mask. What no expression can know, such as
    a name, passes: look at what leaves.
    """

    enforcer: Enforcer
    refuses: bool = False
    found: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, regions: Sequence[str] = (), *, refuses: bool = False) -> Gate:
        """A gate for identifiers everywhere, and telephone and tax numbers of these regions."""
        rule = {
            "id": "personal-data",
            "says": "No personal data leaves the record.",
            "because": "It was confided to the assistant, not to whoever reads a data set.",
            "owner": "the record",
            "detect": [{"identifier": list(IDENTIFIERS)}],
            "then": {"data": "redact"},
        }
        policy = Policy.model_validate(
            {
                "remit": 1,
                "organisation": "the record",
                "responsible": {"owner": "the record"},
                "regions": list(regions),
                "rules": [rule],
            }
        )
        loaded = Loaded(policy, Source("the privacy gate", {}, {}))
        return cls(compile_policy(loaded, registry(plugins=False)), refuses)

    def passed(self, text: str) -> str:
        """The text with its identifiers masked. Raises PrivacyError where the gate refuses.

        Refused, too, is a text that a detector could not read.
        """
        verdict = self.enforcer.judge(Interaction((Message("user", text),)), Stage.DATA)
        if verdict.action is Action.ALLOW:
            return text
        spans = merge_spans(verdict.spans)
        if self.refuses or verdict.action is not Action.REDACT or not spans:
            labels = ", ".join(sorted({span.label for span in spans})) or "what cannot be read"
            raise PrivacyError(f"it holds {labels}")
        out, at = [], 0
        for span in spans:
            self.found[span.label] = self.found.get(span.label, 0) + 1
            out += [text[at : span.start], mask_text(span.label)]
            at = span.end
        return "".join([*out, text[at:]])

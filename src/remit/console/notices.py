"""What a page says after something was done. Addresses carry the key, never the words."""

from collections.abc import Mapping
from typing import Final

NOTICES: Final[Mapping[str, str]] = {
    "case-answered": "Answered. The client gets it in the same conversation.",
    "case-approved": "Approved. It goes out as it was.",
    "case-edited": "Sent as you changed it.",
    "case-released": "Released unchanged, and counted as wrongly stopped.",
    "case-rejected": "Rejected. The client gets the rule's own answer.",
    "case-closed": "Closed.",
    "intervention-begun": "The intervention has begun. Every worker follows within a second.",
    "intervention-undone": "Undone. Every worker follows within a second.",
    "incident-noted": "Noted.",
    "incident-closed": "The incident is closed.",
    "draft-kept": "Kept as a draft. Nothing is in force yet.",
    "draft-signed": "Signed.",
    "draft-shadowed": "It reads beside the remit in force from now on, without effect.",
    "draft-unshadowed": "It reads no traffic any more.",
    "draft-withdrawn": "Withdrawn.",
    "remit-live": "It is in force. Every worker follows within a second.",
    "account-added": "The account is there.",
    "account-changed": "Changed.",
    "account-disabled": "Shut out, everywhere at once.",
    "account-enabled": "May come in again.",
    "password-changed": "The password is changed. Log in with the new one.",
    "review-kept": "Kept.",
    "review-reported": "Reported. It trains nothing.",
    "review-returned": "Handed back to its owner, as a case.",
    "logged-out": "You are logged out.",
    "logged-out-everywhere": "You are logged out, everywhere.",
}

"""Keys, tokens and passwords: what lets a stranger in.

The shapes are those that the issuers publish for secret scanning; case is checked exactly here,
for the scan itself ignores it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Callable

from remit.detectors.identifiers.base import Candidate, Identifier, cut

_WORD = frozenset("_-")


def _joined(char: str) -> bool:
    return char.isalnum() or (char in _WORD and char != "")


def _exactly(pattern: str) -> Callable[[Candidate], bool]:
    """True where the match, in its own case, is all of a run of key characters."""
    expression = re.compile(pattern)

    def valid(candidate: Candidate) -> bool:
        if candidate.before.isalnum() or _joined(candidate.after[:1]):
            return False
        return expression.fullmatch(candidate.text) is not None

    return valid


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits a character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _token(
    name: str, title: str, heads: str, exact: str, *, body: str = "[A-Za-z0-9_-]", width: int = 255
) -> Identifier:
    """A token with a telling head: the scan takes the whole run, `exact` judges it in its case."""
    return Identifier(name, title, (f"(?:{heads}){body}+",), _exactly(exact), "secret", width=width)


AWS = _token(
    "aws-access-key", "AWS access key id", "A[KSBC][IC]A", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
)
GITHUB = _token(
    "github-token",
    "GitHub token",
    "gh[pousr]_|github_pat_",
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}",
)
GITLAB = _token("gitlab-token", "GitLab token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}")
STRIPE = _token(
    "stripe-key",
    "Stripe key",
    "[rsp]k_(?:live|test)_|whsec_",
    r"[rsp]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{24,}",
    body="[A-Za-z0-9+/=_-]",
)
SLACK = _token(
    "slack-token",
    "Slack token or webhook",
    "xox[abeoprs]-|xapp-|hooks\\.slack\\.com/services/",
    r"xox[abeoprs]-(?=.*[0-9])[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}"
    r"|hooks\.slack\.com/services/T[A-Z0-9]{7,}/B[A-Z0-9]{7,}/[A-Za-z0-9]{16,}",
    body="[A-Za-z0-9/-]",
)
GOOGLE = _token("google-api-key", "Google API key", "AIza", r"AIza[A-Za-z0-9_-]{35}")
SENDGRID = _token(
    "sendgrid-key",
    "SendGrid key",
    "SG\\.",
    r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    body="[A-Za-z0-9_.-]",
)
NPM = _token("npm-token", "npm token", "npm_", r"npm_[A-Za-z0-9]{36}")
HUGGING_FACE = _token("hugging-face-token", "Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{30,40}")


def _is_sk_key(candidate: Candidate) -> bool:
    if candidate.before.isalnum() or _joined(candidate.after[:1]):
        return False
    text = candidate.text
    if len(text) < 23 or not text.startswith("sk-"):
        return False
    if text.startswith(("sk-ant-", "sk-proj-", "sk-svcacct-")):
        return True
    body = text[3:]
    mixed = any(c.isdigit() for c in body) and any(c.isalpha() for c in body)
    return mixed and entropy(body) >= 3.0


OPENAI = Identifier(
    name="ai-key",
    title="OpenAI or Anthropic API key",
    expressions=(r"sk-[A-Za-z0-9_-]+",),
    valid=_is_sk_key,
    group="secret",
    width=256,
)
# --- JSON Web Token (RFC 7519) --------------------------------------------------------------


def _is_jwt(candidate: Candidate) -> bool:
    after = candidate.after
    if candidate.before.isalnum() or _joined(after[:1]):
        return False
    head = candidate.text.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header


JWT = Identifier(
    name="jwt",
    title="JSON Web Token",
    expressions=(r"eyJ[A-Za-z0-9_-]{6,}\.eyJ[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*",),
    valid=_is_jwt,
    group="secret",
    width=4096,
)

# --- private keys (RFC 7468) ----------------------------------------------------------------

_BODY_CHAR = re.compile(r"[A-Za-z0-9+/=\s\\:,-]")


def _is_private_key(candidate: Candidate) -> bool:
    text = candidate.text
    if not text.startswith("-----BEGIN"):
        return False
    return text.endswith(("KEY-----", "BLOCK-----")) or not _BODY_CHAR.match(candidate.after[:1])


def _key_block(text: str) -> tuple[int, int]:
    """Up to the END line, where there is one."""
    closing = re.search(r"-----END [A-Z ]{0,40}-----", text)
    return 0, closing.end() if closing else len(text)


_PEM = r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"
PRIVATE_KEY = Identifier(
    name="private-key",
    title="private key (PEM)",
    expressions=(_PEM, rf"{_PEM}[A-Za-z0-9+/=\s\\:,-]+"),
    valid=_is_private_key,
    group="secret",
    value=_key_block,
    width=4096,
)

# --- in context -----------------------------------------------------------------------------

_WORDS_BEFORE = (
    r"(?:password|passwd|pwd|passphrase|passcode|wachtwoord|passwort|kennwort|mot de passe|mdp"
    r"|contraseña|senha)"
)
_WORDS_FOR_KEY = (
    r"(?:api[ _-]?key|apikey|secret[ _-]?key|secret|access[ _-]?key|access[ _-]?token"
    r"|auth[ _-]?token|client[ _-]?secret|private[ _-]?token|token)"
)
_LINK = r"[\"'`]?(?: ?(?::|=|:=|=>) ?| (?:is|was|ist|est|es|é|is:|ist:) )[\"'`]?"
_VALUE_START = re.compile(rf"\A[^:=]*?{_LINK}", re.IGNORECASE)
# Words that follow "password is" in talk about passwords.
_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*[.!?]?")
_PLACEHOLDER = re.compile(r"[*x•.\-_#]+|\$?\{.*|\[.*|%.*%|(?:your|my)[_-].*", re.IGNORECASE)


def _assigned(text: str) -> tuple[int, int]:
    """Offsets of what is assigned in `name: value`."""
    found = _VALUE_START.match(text)
    # A full stop or question mark that follows belongs to the sentence.
    return (found.end() if found else 0), max(len(text.rstrip(".?")), 1)


def _ends(candidate: Candidate, closing: str) -> bool:
    """True where the value's run of characters ends here, full stop or not."""
    after = candidate.after
    if after[:1] == "" or after[:1].isspace() or after[:1] in closing:
        return not candidate.before.isalpha()
    return False


def _is_password(candidate: Candidate) -> bool:
    if not _ends(candidate, "\"'`<>,;"):
        return False
    value = cut(_assigned, candidate.text)
    if len(value) < 4 or not _VALUE_START.match(candidate.text) or _PLACEHOLDER.fullmatch(value):
        return False
    if not _PLAIN_WORD.fullmatch(value):
        return entropy(value) >= 1.5
    # A plain word is a password only where it is assigned, and not where a sentence goes on.
    assigned = re.search(r"[:=]", candidate.text[: _assigned(candidate.text)[0]]) is not None
    return assigned and candidate.after[:1] != " "


PASSWORD = Identifier(
    name="password",
    title="password, named as such",
    expressions=(rf"{_WORDS_BEFORE}{_LINK}[^\s\"'`<>,;]+",),
    valid=_is_password,
    group="secret",
    value=_assigned,
    width=128,
)


def _is_secret_assignment(candidate: Candidate) -> bool:
    if candidate.before.isalpha() or _joined(candidate.after[:1]):
        return False
    if candidate.after[:1] in ("+", "/", "=", ".") and candidate.after[1:2].isalnum():
        return False
    value = cut(_assigned, candidate.text)
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return len(value) >= 12 and mixed and entropy(value) >= 3.0


API_KEY = Identifier(
    name="api-key",
    title="key or token, named as such",
    expressions=(rf"{_WORDS_FOR_KEY}{_LINK}[A-Za-z0-9_./+=-]+",),
    valid=_is_secret_assignment,
    group="secret",
    value=_assigned,
    width=128,
)


def _bearer_value(text: str) -> tuple[int, int]:
    start = min(len("bearer "), len(text))
    return start, max(len(text.rstrip(".")), start)


def _is_bearer(candidate: Candidate) -> bool:
    if candidate.before.isalnum() or _joined(candidate.after[:1]):
        return False
    if candidate.after[:1] in tuple("+/=.~") and candidate.after[1:2].isalnum():
        return False
    value = candidate.text[7:]
    return any(c.isdigit() for c in value) and entropy(value) >= 3.0


BEARER = Identifier(
    name="bearer-token",
    title="bearer token (RFC 6750)",
    expressions=(r"bearer [A-Za-z0-9._~+/-]{16,}={0,2}",),
    valid=_is_bearer,
    group="secret",
    value=_bearer_value,
    width=2048,
)

CONNECTION = Identifier(
    name="connection-string",
    title="connection string with a password",
    expressions=(r"[a-z][a-z0-9+]+://[^\s:/@\"']+:[^\s@/\"']+@[a-z0-9.-]+",),
    valid=lambda c: not (c.before.isalnum() or c.after[:1].isalnum()),
    group="secret",
    width=192,
)

KINDS = (
    AWS,
    GITHUB,
    GITLAB,
    OPENAI,
    STRIPE,
    SLACK,
    GOOGLE,
    SENDGRID,
    NPM,
    HUGGING_FACE,
    JWT,
    PRIVATE_KEY,
    PASSWORD,
    API_KEY,
    BEARER,
    CONNECTION,
)

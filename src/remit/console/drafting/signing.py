"""Who must agree before a draft goes live, who has, and what this visitor may do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from remit.console.accounts import Account
from remit.console.drafting.drafts import Kept, Signature
from remit.console.roles import Role
from remit.policy import Policy
from remit.policy.diff import Change


@dataclass(frozen=True, slots=True)
class Consent:
    """One owner's part: the rules that a draft changes for them, and their signature if given.

    `rules` is empty where only the remit as a whole changes; `who` are the accounts that can sign.
    """

    owner: str
    rules: tuple[str, ...]
    who: tuple[str, ...]
    signature: Signature | None


def owners_of(before: Policy, after: Policy, changes: Iterable[Change]) -> dict[str, set[str]]:
    """Whose rules change, each with the rules' ids: a rule's former owner is one, and its new one.

    What concerns the whole remit is for who is responsible for it, before and after.
    """
    owners: dict[str, set[str]] = {}
    for change in changes:
        for policy in (before, after):
            owner = _owner(policy, change)
            if owner:
                owners.setdefault(owner, set()).update({change.rule} - {""})
    return owners


def _owner(policy: Policy, change: Change) -> str:
    if not change.rule:
        return policy.responsible.owner if policy.responsible else ""
    names = {change.rule}
    if change.what == "id":
        names.add(str(change.before))  # renamed
    return next((rule.owner for rule in policy.rules if rule.id in names), "")


def consents(
    before: Policy,
    after: Policy,
    changes: Sequence[Change],
    kept: Kept,
    accounts: Iterable[Account],
) -> tuple[Consent, ...]:
    """Each owner's part in a draft, in the order of their names."""
    people = [account for account in accounts if not account.disabled]
    signed = {signature.owner: signature for signature in kept.signatures}
    return tuple(
        Consent(
            owner,
            tuple(sorted(rules)),
            tuple(account.name for account in people if account.answers_for(owner)),
            signed.get(owner),
        )
        for owner, rules in sorted(owners_of(before, after, changes).items())
    )


def alone(accounts: Iterable[Account]) -> bool:
    """True where there is one account only: then nobody else could ever approve."""
    return sum(not account.disabled for account in accounts) == 1


def may_put_live(kept: Kept, account: Account, *, alone: bool) -> bool:
    """Whether this account may be the one that puts it live: an owner's, and not its author's."""
    return account.may(Role.OWNER) and (alone or account.name != kept.author)

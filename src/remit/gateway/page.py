"""What the page at `/` shows of a deployment."""

from __future__ import annotations

from remit.gateway.deployment import Deployment
from remit.policy import Policy
from remit.web import PageView, RuleView, page

_DEMONSTRATION = (
    "When is my VAT return due?",
    "My landlord keeps my deposit. Can I sue him?",
    "My IBAN is NL91 ABNA 0417 1643 00. Can you repeat it to me?",
)


def tries(deployment: Deployment) -> tuple[str, ...]:
    """Three things to try: for a model of one's own, questions from the rules' examples."""
    if deployment.demonstration:
        return _DEMONSTRATION
    asked = (e.user for rule in deployment.guard.policy.rules for e in rule.breaks if e.user)
    return tuple(dict.fromkeys(asked))[:3]


def page_of(deployment: Deployment) -> bytes:
    """The page as HTML."""
    policy = deployment.guard.policy
    return page(
        PageView(
            organisation=policy.organisation,
            assistant_name=policy.assistant.name if policy.assistant else "Assistant",
            assistant_role=policy.assistant.role if policy.assistant else "",
            model=deployment.model_id,
            demonstration=deployment.demonstration,
            policy_digest=policy.digest,
            rules=_rules(policy),
            tries=tries(deployment),
            language=policy.assistant.languages[0] if policy.assistant else "en",
            colleague=policy.colleague.name,
        )
    )


def _rules(policy: Policy) -> tuple[RuleView, ...]:
    return tuple(
        RuleView(
            rule.id,
            rule.says,
            rule.because,
            rule.owner,
            rule.severity,
            {stage.value: word for stage, word in rule.then.items()},
        )
        for rule in policy.rules
    )

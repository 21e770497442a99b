"""Every name of the conventions that is used, in one place: they are still in development.

OpenTelemetry semantic conventions for generative AI (repository `semantic-conventions-genai`); what
they have no name for yet, the rules and what was done, stands under `remit.`.
"""

from __future__ import annotations

from typing import Final

SCHEMA: Final = "https://opentelemetry.io/schemas/1.37.0"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
CONVERSATION: Final = "gen_ai.conversation.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  an attribute's name
ERROR_TYPE: Final = "error.type"
SERVICE: Final = "service.name"
SERVICE_VERSION: Final = "service.version"

DURATION: Final = "gen_ai.client.operation.duration"
TOKENS: Final = "gen_ai.client.token.usage"
DURATION_BUCKETS: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
TOKEN_BUCKETS: Final = tuple(float(4**power) for power in range(14))
"""The boundaries that the conventions give for these two."""

ACTION: Final = "remit.action"
RECEIPT: Final = "remit.receipt"
POLICY: Final = "remit.policy"
RULES: Final = "remit.rules"
RULE: Final = "remit.rule.id"
STAGE: Final = "remit.stage"
SCORE: Final = "remit.score"
CASE: Final = "remit.case"
INTERVENTIONS: Final = "remit.interventions"
FINDING: Final = "remit.finding"
ANSWERS: Final = "remit.answers"
FINDINGS: Final = "remit.findings"

"""The words that a rule gives in place of what broke it: its owner's own, or plain ones."""

from __future__ import annotations

import re

from remit.policy.model import Policy, Rule
from remit.types import Action

_DEFAULT = {
    Action.REPLACE: {
        "en": "I can't help with that here.",
        "nl": "Daar kan ik u hier niet mee helpen.",
        "de": "Dabei kann ich Ihnen hier nicht helfen.",
        "fr": "Je ne peux pas vous aider sur ce point ici.",
        "es": "No puedo ayudarle con eso aquí.",
    },
    Action.HAND_OVER: {
        "en": "I have passed your question to {colleague}, who will answer {promise}.",
        "nl": "Ik heb uw vraag doorgegeven aan {colleague}.",
        "de": "Ich habe Ihre Frage an {colleague} weitergegeben.",
        "fr": "J'ai transmis votre question à {colleague}.",
        "es": "He pasado su pregunta a {colleague}.",
    },
}
_COMMON = {
    "en": "the is are you what how can my do does i to of and for when please your",
    "nl": "de het een is zijn ik wat hoe kan mijn u je van en voor wanneer mag moet niet",
    "de": "der die das ist sind ich was wie kann mein sie und für wann nicht ein bitte",
    "fr": "le la les est sont je que comment puis mon vous et pour quand pas une des",
    "es": "el la los es son yo que cómo puedo mi usted y para cuando no una por",
}
_STOPWORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}


def language_of(text: str, languages: tuple[str, ...]) -> str:
    """Which of the assistant's languages a text is most likely in; the first when in doubt."""
    words = re.findall(r"[^\W\d_]+", text[:2000].lower())

    def score(language: str) -> int:
        return sum(word in _STOPWORDS.get(language, frozenset()) for word in words)

    return max(languages, key=score) if languages else "en"


def answer_text(policy: Policy, rule: Rule | None, action: Action, language: str) -> str:
    """The words to the client in place of the withheld text: the rule's own, or plain ones."""
    answer = rule.answer if rule else None
    if isinstance(answer, dict):
        answer = answer.get(language) or next(iter(answer.values()))
    if answer is None:
        texts = _DEFAULT[Action.HAND_OVER if action is Action.HAND_OVER else Action.REPLACE]
        answer = texts.get(language, texts["en"])
    words = {
        "colleague": policy.colleague.name,
        "promise": policy.colleague.promise,
        "organisation": policy.organisation,
        "assistant": policy.assistant.name if policy.assistant else "the assistant",
    }
    return re.sub(r"\{(\w+)\}", lambda match: words.get(match[1], match[0]), answer)

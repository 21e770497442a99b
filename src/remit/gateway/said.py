"""What clients are told of people at work, in the assistant's languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WAITING: Final[Mapping[str, str]] = {
    "en": "{colleague} checks this answer before it is sent. Ask again in a while to see it.",
    "nl": "{colleague} controleert dit antwoord eerst. Vraag het straks nog eens.",
    "de": "{colleague} prüft diese Antwort noch. Bitte fragen Sie später noch einmal.",
    "fr": "{colleague} vérifie cette réponse avant l'envoi. Redemandez-la un peu plus tard.",
    "es": "{colleague} revisa esta respuesta antes de enviarla. Vuelva a preguntar en un rato.",
}
ANSWERED: Final[Mapping[str, str]] = {
    "en": "{colleague} has answered your earlier question:",
    "nl": "{colleague} heeft uw eerdere vraag beantwoord:",
    "de": "{colleague} hat Ihre frühere Frage beantwortet:",
    "fr": "{colleague} a répondu à votre question précédente :",
    "es": "{colleague} ha respondido a su pregunta anterior:",
}
LATE: Final[Mapping[str, str]] = {
    "en": "The answer of {colleague} is late; your question is not lost.",
    "nl": "Het antwoord van {colleague} is te laat; uw vraag is niet verloren.",
    "de": "Die Antwort von {colleague} verspätet sich; Ihre Frage ist nicht verloren.",
    "fr": "La réponse de {colleague} tarde ; votre question n'est pas perdue.",
    "es": "La respuesta de {colleague} se retrasa; su pregunta no se ha perdido.",
}


def said(words: Mapping[str, str], language: str, colleague: str) -> str:
    """The words in a language, English where they are not there."""
    text = words.get(language, words["en"]).replace("{colleague}", colleague)
    return text[:1].upper() + text[1:]

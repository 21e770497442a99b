"""The language of a text: sentences in twenty languages, samples, and what cannot be told."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")

from remit.layers.data import quality
from remit.layers.data.quality.language import Language, sampled
from remit.layers.data.rows import Row, Segment

SENTENCES = {
    "en": "The accountant will send you the annual report before the end of the month.",
    "nl": "De boekhouder stuurt u het jaarverslag vóór het einde van de maand.",
    "de": "Der Buchhalter schickt Ihnen den Jahresbericht vor dem Ende des Monats.",
    "fr": "Le comptable vous enverra le rapport annuel avant la fin du mois.",
    "es": "El contable le enviará el informe anual antes de que termine el mes.",
    "it": "Il ragioniere le manderà la relazione annuale prima della fine del mese.",
    "pt": "O contabilista vai enviar-lhe o relatório anual antes do fim do mês.",
    "sv": "Revisorn skickar årsredovisningen till dig före slutet av månaden.",
    "da": "Revisoren sender dig årsrapporten, inden måneden er slut.",
    "fi": "Kirjanpitäjä lähettää teille vuosikertomuksen ennen kuun loppua.",
    "pl": "Księgowy wyśle panu roczne sprawozdanie przed końcem miesiąca.",
    "cs": "Účetní vám pošle výroční zprávu před koncem měsíce.",
    "hu": "A könyvelő a hónap vége előtt elküldi önnek az éves jelentést.",
    "tr": "Muhasebeci yıllık raporu ay sonundan önce size gönderecek.",
    "ru": "Бухгалтер пришлёт вам годовой отчёт до конца месяца.",
    "el": "Ο λογιστής θα σας στείλει την ετήσια έκθεση πριν από το τέλος του μήνα.",
    "ar": "يرجى إرسال جميع الفواتير إلى قسم المحاسبة قبل نهاية شهر ديسمبر من هذه السنة.",
    "hi": "लेखाकार महीने के अंत से पहले आपको वार्षिक रिपोर्ट भेजेगा।",
    "ja": "会計士は月末までに年次報告書をお送りします。",
    "ko": "회계사가 월말 전에 연례 보고서를 보내 드릴 것입니다.",
}


def test_a_sample_is_four_pieces_from_the_start_to_the_end() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    pieces = sampled(text, 40).split(" ")
    assert [len(piece) for piece in pieces] == [10, 10, 10, 10]
    assert text.startswith(pieces[0])
    assert text.endswith(pieces[3])
    assert sampled("short", 40) == "short"


def test_without_py3langid_the_error_says_what_to_install() -> None:
    try:
        import py3langid  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r"pip install 'remit\[language\]'"):
            Language().identify("Hello")
    else:
        assert Language().identify(SENTENCES["en"])[0] == "en"


def test_a_sentence_of_each_language_is_told() -> None:
    pytest.importorskip("py3langid")
    language = Language()
    found = {code: language.identify(text) for code, text in SENTENCES.items()}
    assert {code: of[0] for code, of in found.items()} == {code: code for code in SENTENCES}
    assert min(probability for _, probability in found.values()) > 0.5


def test_other_languages_and_texts_that_do_not_tell_are_dropped() -> None:
    pytest.importorskip("py3langid")
    step = quality.step("language", "o", languages=("en", "nl"))
    rows = [
        Row("t", 0, b"", {}, (Segment("document", (), text),))
        for text in (SENTENCES["nl"], SENTENCES["de"], "12 34", "")
    ]
    reasons = [[mark.reason for mark in marks] for marks in step.judge(rows)]
    assert reasons[0] == []
    assert reasons[1][0].startswith("language de (")
    assert all("at least 0.65" in reasons[i][0] for i in (2, 3))


def test_a_language_that_is_not_known_is_refused() -> None:
    pytest.importorskip("py3langid")
    with pytest.raises(ValueError, match="no language tlh; have"):
        Language(languages=("tlh",)).identify("x")

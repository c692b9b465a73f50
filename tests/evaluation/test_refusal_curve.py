"""What reads like a refusal, in several languages, and what does not."""

from __future__ import annotations

import pytest

from helpers.evaluation.refusals import WORDINGS, abstains, hedges
from helpers.evaluation.scores import answer_correct, never_right

APOSTROPHES = "‘’ʼ´`′＇‛"
REFUSED = {
    "en": (
        "Not available.|Not available|no info|No info available.|Nobody knows.|No one knows that."
        "|It is not possible to answer.|It's not possible to answer this question."
        "|It is impossible to say.|This is not answerable.|The question is not answerable."
        "|The document makes no statement about that.|The text gives no answer to this."
        "|No data available.|Data not available.|There is no data on this."
        "|The context offers no information about it.|No such information exists."
        "|This is outside the scope of the document.|I am not certain."
        "|Your guess is as good as mine."
        "|The passages are silent on this.|I have no way of knowing.|Cannot say."
    ),
    "de": (
        "Ich weiß es nicht.|Das weiß ich nicht.|Ich weiss das leider nicht.|Keine Angabe."
        "|Keine Angaben vorhanden.|Nicht bekannt.|Unbekannt.|Das ist nicht bekannt."
        "|Dazu liegen keine Informationen vor.|Das steht nicht im Dokument."
        "|Im Text wird das nicht erwähnt.|Das geht aus dem Text nicht hervor."
        "|Die Frage kann nicht beantwortet werden.|Ich kann diese Frage nicht beantworten."
        "|Es tut mir leid. Das weiß ich nicht.|Leider kann ich dazu nichts sagen."
        "|Das Dokument enthält keine Information dazu.|Dazu macht das Dokument keine Aussage."
    ),
    "fr": (
        "Je ne sais pas.|Je l'ignore.|Désolé, je ne sais pas.|Aucune information.|Inconnu."
        "|Non précisé.|Ce n'est pas mentionné dans le document.|Le document ne le précise pas."
        "|Le texte ne mentionne pas cela.|Je ne peux pas répondre à cette question."
        "|Impossible de répondre.|Il n'y a pas d'information à ce sujet."
        "|Information non disponible."
    ),
    "es": (
        "No lo sé.|No sé.|No se sabe.|Lo siento. No lo sé.|Sin información.|Desconocido."
        "|No se menciona en el documento.|El documento no lo menciona."
        "|No hay información sobre eso."
        "|No puedo responder a esta pregunta.|No es posible responder.|No disponible."
        "|El texto no especifica eso.|No se especifica."
    ),
    "it": (
        "Non lo so.|Non so.|Mi dispiace. Non lo so.|Nessuna informazione.|Sconosciuto."
        "|Non è menzionato nel documento.|Il documento non lo specifica.|Non è specificato."
        "|Non ci sono informazioni al riguardo.|Non posso rispondere a questa domanda."
        "|Non è possibile rispondere.|Non disponibile."
    ),
    "nl": (
        "Ik weet het niet.|Dat weet ik niet.|Sorry. Ik weet het niet.|Geen informatie.|Onbekend."
        "|Dat staat niet in het document.|Dit wordt niet vermeld.|Het document vermeldt dit niet."
        "|Daar is geen informatie over.|Ik kan deze vraag niet beantwoorden."
        "|Het is niet mogelijk om te antwoorden.|Niet beschikbaar.|Niet bekend."
    ),
    "pt": (
        "Não sei.|Eu não sei.|Desculpe. Não sei.|Sem informação.|Desconhecido."
        "|Não é mencionado no documento.|O documento não menciona isso."
        "|Não há informações sobre isso."
        "|Não posso responder a esta pergunta.|Não é possível responder.|Não disponível."
        "|Não especificado."
    ),
    "zh": "我不知道。|不知道|无法回答这个问题。|文件中没有提到。|文中未提及。|没有相关信息。",
    "ja": "わかりません。|分かりません|記載されていません。|情報がありません。|回答できません。",
}
CLAIMED = {
    "en": (
        "The product is not available in Canada.|Nobody knows the code but the manager."
        "|The room is available.|It is not possible to answer calls after 18:00."
        "|Data is kept for 3 years.|Not available, but it is 17 days."
    ),
    "de": (
        "Der Zoll ist nicht enthalten.|Hunde sind nicht erlaubt.|Ich weiß es nicht, aber 17 Tage."
        "|Das weiß ich nicht. 17 Tage.|Nein.|Der Antrag ist bekannt.|Leider 17 Tage."
        "|Es werden keine Daten gespeichert.|Wir geben keine Informationen weiter."
    ),
    "fr": (
        "Les chiens ne sont pas admis.|Je ne sais pas, mais 17 jours.|Je ne sais pas. 17 jours."
        "|Non.|La taxe n'est pas comprise.|Aucune donnée n'est conservée."
        "|Le produit n'est pas disponible au Canada."
    ),
    "es": "No.|No hay datos personales en la tarjeta."
    "|Los perros no están permitidos.|No lo sé, pero 17 días.|No lo sé. 17 días.",
    "it": "No.|Il prodotto non è noto in Canada per i colori."
    "|I cani non sono ammessi.|Non lo so, però 17 giorni.|Non lo so. 17 giorni.",
    "nl": "Nee.|Er worden geen gegevens bewaard."
    "|Honden zijn niet toegestaan.|Ik weet het niet, maar 17 dagen.",
    "pt": "Não.|Enviamos sem dados pessoais."
    "|Cães não são permitidos.|Não sei, mas 17 dias.|Não sei. 17 dias.",
    "zh": "不可以。|十七天。|不知道。十七天。",
    "ja": "十七日です。|できません。",
}


def each(wordings):
    return [(code, one) for code, text in wordings.items() for one in text.split("|")]


@pytest.mark.parametrize(("language", "reply"), each(REFUSED))
def test_this_refuses_in_its_language(language, reply):
    assert abstains(reply)


@pytest.mark.parametrize(("language", "reply"), each(REFUSED))
def test_a_refusal_in_any_language_is_no_right_answer(language, reply):
    assert hedges(reply)


@pytest.mark.parametrize(("language", "reply"), each(CLAIMED))
def test_this_claims_something_in_its_language(language, reply):
    assert not abstains(reply)


@pytest.mark.parametrize("mark", APOSTROPHES)
def test_any_apostrophe_will_do(mark):
    assert abstains(f"I don{mark}t know.")


def test_every_language_of_the_list_is_tried_here():
    assert set(REFUSED) == set(WORDINGS)


def test_a_wording_of_ones_own_refuses():
    assert abstains("Das gibt die Akte nicht her!", ["gibt die Akte nicht her"])


def test_a_wording_of_ones_own_is_no_right_answer():
    assert not answer_correct("Pass: 17 days", ["17 days"], also=["pass"])


def test_beside_a_wording_of_ones_own_a_claim_is_a_claim():
    assert not abstains("Gibt die Akte nicht her. 17 days.", ["gibt die Akte nicht her"])


@pytest.mark.parametrize(
    ("gold", "why"),
    [
        ("The", "nothing is left"),
        ("…", "nothing is left"),
        ("[1]", "nothing is left"),
        ("Unknown", "reads like a refusal"),
        ("N/A", "reads like a refusal"),
        ("Not mentioned in the document.", "reads like a refusal"),
        ("Das steht nicht im Dokument.", "reads like a refusal"),
        ("Probably 5 days", "reads like a refusal"),
        ("word " * 31, "too long"),
    ],
)
def test_an_answer_that_can_never_be_right_is_told_why(gold, why):
    assert why in (never_right(gold) or "")


@pytest.mark.parametrize("gold", ["A", "+", "👍", ".5", "0", "三天", "½", "Yes", "a"])
def test_whatever_can_be_said_can_be_right(gold):
    assert never_right(gold) is None

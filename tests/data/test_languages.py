"""In which language is a folder? Right on running text in each language that is known, and silent
where there is too little."""

from __future__ import annotations

import pytest

from helpers.data.handbook import load_handbook
from helpers.data.languages import language_of

TEXTS = {
    "en": "Members of the library may borrow up to twenty books at a time. A lost card is "
    "replaced for a small fee, and it is not possible to renew a book that was reserved "
    "by another reader.",
    "de": "Mitglieder der Bücherei können bis zu zwanzig Bücher ausleihen. Eine verlorene Karte"
    " wird gegen eine Gebühr ersetzt, und ein Buch, das von einem anderen reserviert ist,"
    " wird nicht verlängert. Die Frist ist auf der Karte vermerkt.",
    "fr": "Les membres de la bibliothèque peuvent emprunter vingt livres. Une carte perdue est "
    "remplacée pour une somme modique, et les livres réservés par un autre lecteur ne "
    "sont pas prolongés. La date est indiquée sur la carte.",
    "es": "Los miembros de la biblioteca pueden tomar prestados hasta veinte libros. Una "
    "tarjeta perdida se sustituye por una pequeña cuota, y no es posible renovar un libro"
    " que otro lector ha reservado. La fecha está en la tarjeta.",
    "it": "I membri della biblioteca possono prendere in prestito fino a venti libri. Una "
    "tessera smarrita è sostituita per una piccola somma, e non è possibile rinnovare un "
    "libro che un altro lettore ha prenotato. La data si trova nella tessera.",
    "nl": "Leden van de bibliotheek mogen tot twintig boeken lenen. Een verloren pas wordt voor"
    " een klein bedrag vervangen, en het is niet mogelijk om een boek te verlengen dat "
    "door een ander is gereserveerd. De datum staat op de pas.",
    "pt": "Os membros da biblioteca podem levar até vinte livros. Um cartão perdido é "
    "substituído por uma pequena taxa, e não é possível renovar um livro que foi "
    "reservado por outro leitor. A data está no cartão, com o nome do leitor.",
    "zh": "图书馆会员一次最多可借二十本书。遗失的卡片可付少量费用补办。",
    "ja": "図書館の会員は一度に二十冊まで本を借りることができます。紛失したカードは再発行で"
    "きます。",
    "ko": "도서관 회원은 한 번에 스무 권까지 책을 빌릴 수 있습니다.",
    "ar": "يمكن لأعضاء المكتبة استعارة ما يصل إلى عشرين كتابا في المرة الواحدة.",
    "ru": "Члены библиотеки могут брать до двадцати книг одновременно.",
    "uk": "Члени бібліотеки можуть брати до двадцяти книг одночасно, якщо їхні картки дійсні.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_the_language_of_a_text_is_seen(code):
    assert language_of([TEXTS[code]]) == code


def test_the_handbook_is_in_english():
    assert language_of(document.text for document in load_handbook()) == "en"


@pytest.mark.parametrize("text", ["", "42 / 17", "Refund", "pump leaks, order 27", "x = y + z"])
def test_too_little_text_has_no_language(text):
    assert language_of([text]) == ""


def test_most_of_the_text_decides():
    assert language_of([TEXTS["en"], *[TEXTS["de"]] * 6]) == "de"


def test_two_languages_in_equal_parts_are_none():
    assert language_of([TEXTS["en"], TEXTS["de"]]) == ""

"""
Words by which a phone opts out. Pure.

The account's setting ``stop`` says which languages count. A language is a row here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from budstikke.domain.text.ignorable import visible
from budstikke.domain.text.word_matching import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WORDS: dict[str, tuple[str, ...]] = {
    "nb": ("stopp", "stop", "stopp alle", "avmeld", "meld av", "slutt"),
    "nn": ("stopp", "stop", "stopp alle", "avmeld", "meld av", "slutt"),
    "sv": ("stopp", "stop", "stoppa", "avsluta", "sluta", "avregistrera", "avanmäl"),
    "da": ("stop", "stop alle", "afmeld", "afmeld mig", "frameld"),
    "fi": ("stop", "seis", "lopeta", "peruuta", "poista"),
    "is": ("stopp", "stop", "hætta", "afskrá"),
    "en": (
        *("stop", "stop all", "stopall", "unsubscribe", "cancel", "end", "quit"),
        *("revoke", "opt out", "optout", "opt-out"),
    ),
    "de": ("stop", "stopp", "abmelden", "abbestellen", "ende", "kündigen"),
    "nl": ("stop", "afmelden", "uitschrijven"),
    "fr": ("stop", "arret", "arrêt", "desabonner", "désabonner"),
    "es": ("stop", "alto", "baja", "parar"),
}
"""By ISO 639-1 code; lower case, single blanks."""

LANGUAGES = tuple(WORDS)

_EVERY = frozenset(word for words in WORDS.values() for word in words)
_MOST_WORDS = max(word.count(" ") + 1 for word in _EVERY)
_LONGEST = 1000
"""Characters of the longest text to compare, without the blanks around it."""


def is_stop(text: str, languages: Iterable[str]) -> bool:
    """
    Whether a text is a word for STOP in one of these languages.

    The whole text counts, as ``domain.text.word_matching`` compares it, without
    characters around it that are no letters or digits. Unknown languages have no words.
    """
    text = visible(text).strip()
    return len(text) <= _LONGEST and _bare(text) in _words(tuple(languages))


def heads(text: str) -> Iterator[tuple[str, str]]:
    """
    Split a text into a word for STOP in any language and the rest; longest first.

    ``STOP NEWS`` is ``STOP`` and ``NEWS``, the keyword that it is about.
    """
    if len(visible(text).strip()) > _LONGEST:
        return
    words = text.split()
    for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        head = " ".join(words[:count])
        if _bare(head) in _EVERY:
            yield head, " ".join(words[count:])


@lru_cache(maxsize=1024)
def _words(languages: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for each in languages for word in WORDS.get(each, ()))


def _bare(text: str) -> str:
    """Fold a text, and remove what is no letter or digit at both ends."""
    plain = folded(text)
    first, last = 0, len(plain)
    while first < last and not plain[first].isalnum():
        first += 1
    while last > first and not plain[last - 1].isalnum():
        last -= 1
    return plain[first:last]

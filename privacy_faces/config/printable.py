"""Text from outside, such as the name of a file, as it may be printed."""

from __future__ import annotations

import unicodedata

# Control characters, which move the cursor or begin lines; and those that turn the direction of text, lone surrogates,
# and the ends of lines and paragraphs, with which one name can look like another row.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str, keep: str = "") -> str:
    """The text with every unprintable character but those of `keep` escaped as in Python, such as "\\x1b" or "\\n".

    A name that was printed can neither forge a line of the output nor send commands to the terminal.
    """
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in _UNPRINTABLE
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )

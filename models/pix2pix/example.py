"""One example as a listing names it: where its pictures are and what they show."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A signature (key: file in the prepared folder, name, writer, medium, fonts) or another picture (key: its path).

    `size`: bytes of the file, for comparing data between hosts. `partner`: the input picture where it is a file of its
    own. `half`: which half of an A|B picture is meant, where only one is.
    """

    key: str
    name: str = ""
    writer: str = ""
    medium: str = ""
    fonts: tuple[str, ...] = ()
    size: int = 0
    partner: str = ""
    half: str = ""

    def with_fonts(self, fonts: tuple[str, ...]) -> "Example":
        """The same with these fonts only."""
        return dataclasses.replace(self, fonts=fonts)

    def side(self, half: str) -> "Example":
        """One half of an A|B picture."""
        return dataclasses.replace(self, half=half)

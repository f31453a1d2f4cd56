"""Reads a page as a browser does: its text and attributes; fails where tags do not nest."""

import re
from html.parser import HTMLParser


class Checker(HTMLParser):
    """Collects text and attributes; fails where tags do not nest."""

    VOID = {"meta", "img", "input", "br"}

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.attributes = [], [], []
        self.feed(html)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, name, value) for name, value in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.attributes += [(tag, name, value) for name, value in attributes]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> inside {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        """All that a reader sees, spaces made single."""
        return re.sub(r"[ \n]+", " ", " ".join(self.texts))

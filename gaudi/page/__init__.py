"""report.html: one self-contained page that says how a run went."""

from gaudi.page.write import write_page

__all__ = ["write_page"]

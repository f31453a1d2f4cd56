"""Synthetic document pages with annotated signatures, initials, redactions and dates, and the preparation of real ones."""

"""Synthetic pages with signatures, initials, redactions and dates, and the command that prepares real ones."""

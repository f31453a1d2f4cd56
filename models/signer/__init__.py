"""Signer classifier: which of the known people signed, or nobody known."""

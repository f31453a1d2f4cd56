"""Yes or no, and which: figures of a decision from its scores, and their pictures."""

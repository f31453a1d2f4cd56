"""Judging signature verification: error rates, pairs and references, spread over writers, a classical baseline."""

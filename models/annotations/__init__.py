"""Annotated pages: readers of the formats people have, the audit, and sharded TFRecords with an index to any record."""

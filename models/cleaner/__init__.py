"""Signature cleaner: takes printed words, ruled lines and scan noise off a signature."""

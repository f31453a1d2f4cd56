"""Signature extractor: an image of a signature to a unit vector whose cosine tells whether one hand wrote two of them."""

"""Screener: is this picture a signature at all? Autoencoder, isolation forest on its code, and a classifier."""

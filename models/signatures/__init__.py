"""Signatures: the suite's one synthetic writer, and listings of signature folders.

    SignatureWriter(seed), .genuine(k), .forgery(k)   writer.py: uint8 [H, W], 255 = paper
    synthetic_set(writers, genuine, forged, seed)     synth.py: list of Drawn(writer, index, kind, image)
    write_set(folder, writers, genuine, forged, seed) synth.py: the same on disk, in the CEDAR layout
    list_signatures(root), split(...), TEST_WRITERS   cedar.py
"""
from models.signatures.cedar import TEST_WRITERS, Signature, list_signatures, split
from models.signatures.writer import SignatureWriter

__all__ = ["TEST_WRITERS", "Signature", "SignatureWriter", "list_signatures", "split"]

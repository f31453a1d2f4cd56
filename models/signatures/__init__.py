"""Signatures: the suite's one synthetic writer, and listings of signature folders.

    writer = SignatureWriter(seed)                   models.signatures.writer
    writer.genuine(k), writer.forgery(k)             uint8 [H, W], 255 = paper
    synthetic_set(writers, genuine, forged, seed)    models.signatures.synth: list of Drawn(writer, index, kind, image)
    write_set(folder, writers, genuine, forged, seed)   the same on disk, in the CEDAR layout
    list_signatures(root), split(...)                models.signatures.cedar
"""

"""Small signature folders for the extractor's tests: drawn people and forgers, any layout."""

import cv2

from models.signatures.writer import SignatureWriter


def signed_folder(root, writers=6, genuine=4, forged=3, name="{writer}/{kind}/{index}.png", height=60):
    """Write `writers` people's signatures below root by a name pattern; kinds are genuine and forged."""
    for writer in range(1, writers + 1):
        hand = SignatureWriter(900 + writer)
        for kind, count, draw in (("genuine", genuine, hand.genuine), ("forged", forged, hand.forgery)):
            for index in range(count):
                path = root / name.format(writer=writer, kind=kind, index=index)
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), draw(index, height))
    return root

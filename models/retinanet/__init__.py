"""RetinaNet: finds signatures, initials, redactions and handwritten dates on document pages."""

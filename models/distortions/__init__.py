"""The notebook's distortions of signature files, made offline with albumentations."""

"""pix2pix and CycleGAN: from a printed name to a handwritten signature, or between any two kinds of pictures."""

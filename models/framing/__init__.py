"""Any picture as an even frame for a network, by TensorFlow ops alone, so that training and an export do exactly the same."""

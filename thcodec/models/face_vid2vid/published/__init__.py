"""The network of the paper as its VoxCeleb weights were published. Users bring the weights."""

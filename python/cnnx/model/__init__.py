"""Models: the network, its parameters and layers, and the preprocessing of its images."""

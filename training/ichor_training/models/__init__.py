"""Networks, their start weights, and the graphs that explain them."""

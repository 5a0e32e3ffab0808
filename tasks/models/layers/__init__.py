"""The layers of the compiled networks: each has named weights, a forward pass and a backward pass."""

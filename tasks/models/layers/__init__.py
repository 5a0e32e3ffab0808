"""The layers of the compiled networks: each has named weights, a forward and a backward pass."""

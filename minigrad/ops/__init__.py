"""The Ops, one file for each family: forward, shape and dtype rules, and a vjp that works on arrays and Tensors."""

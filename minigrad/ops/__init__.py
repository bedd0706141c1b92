"""The operations, one file a family: forward, shape and dtype rule, and a vjp that serves arrays and Tensors."""

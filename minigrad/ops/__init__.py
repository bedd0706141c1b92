"""The operations, one file a family. Each Op: forward, shape and dtype rule, and a vjp that serves arrays and Tensors."""

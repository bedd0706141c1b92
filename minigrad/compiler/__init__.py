"""From the unrolled program to what an expert would write: passes on the graph, a plan of memory, bound calls.

`rewrite` is how a pass changes a graph; `identities`, `slices`, `views`, `sums` and `products` are what the `passes`
do; `plan` says where values live; `kernels` and `program` run them; `function` is `mg.compile`, for minigrad alone.
"""

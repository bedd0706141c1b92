"""From the unrolled program to what an expert would write: passes on the graph, a plan of memory, bound calls.

`tracing` makes the graph; `rewrite` is how a pass changes it; `identities`, `factors`, `slices`, `zeros`, `views`,
`sums`, `products`, `lookups` and `layout` are what the `passes` do; `plan` says where values live, `cuts` and
`schedule` who computes what; `kernels`, `program` and `parallel` run it; `explain` tells; `function` is `mg.compile`,
for minigrad alone.
"""

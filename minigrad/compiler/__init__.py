"""The compiler: turns an unrolled program into what an expert would have written by hand. For minigrad alone.

`tracing` makes the graph, and `passes` lists the passes that rewrite it (their rules are in `identities`, `factors`,
`slices`, `activations`, `zeros`, `views`, `sums`, `products`, `lookups` and `layout`; `rewrite` holds what they share).
`plan` decides where values lie in memory, `cuts` and `schedule` which worker computes what; `kernels`, `program` and
`parallel` run it. `explain` reports what was done; `function` is `mg.compile`.
"""

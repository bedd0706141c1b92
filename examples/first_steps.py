"""A scalar expression, its gradient, its second derivative, and a look at the graph.

Run: python examples/first_steps.py
"""

import minigrad as mg

x = mg.tensor(0.5, requires_grad=True, name="x")
y = mg.tanh(x) * x + mg.exp(-x)

(slope,) = mg.grad(y, [x], create_graph=True)
(curvature,) = mg.grad(slope, [x])
print(f"y = {y.item():.6f}, dy/dx = {slope.item():.6f}, d²y/dx² = {curvature.item():.6f}")

print("\nThe program as data:")
print(mg.trace(lambda x: mg.tanh(x) * x + mg.exp(-x), x))

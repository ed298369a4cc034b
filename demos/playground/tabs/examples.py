"""The programs that the playground offers: what they are called, and their text."""

EXAMPLES = [
    (
        "a · b + c",
        """\
from engine import Value

a = Value(2.0)
b = Value(-3.0)
c = Value(10.0)
e = a * b
L = e + c
L
""",
    ),
    (
        "A neuron",
        """\
from engine import Value, explain, tanh

x1, x2 = Value(2.0), Value(0.5)
w1, w2 = Value(-0.5), Value(1.0)
b = Value(0.7)
p1 = w1 * x1
p2 = w2 * x2
z = p1 + p2 + b
y = tanh(z)
L = (y - 1.0) ** 2

L.backward()
print(explain(L, w1))
L
""",
    ),
    (
        "One value, two paths",
        """\
from engine import Value

# b reaches L on two paths:
# a product for each, then their sum.
a = Value(3.0)
b = a + 1.0
c = b * b
L = c * b
L
""",
    ),
    (
        "micrograd's expression",
        """\
from engine import Value, relu

# The expression of micrograd's README.
a = Value(-4.0)
b = Value(2.0)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + relu(b + a)
d += 3 * d + relu(b - a)
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
print(f"{g.data:.4f}")  # 24.7041
g.backward()
print(f"{a.grad:.4f}")  # 138.8338
print(f"{b.grad:.4f}")  # 645.5773
g
""",
    ),
    (
        "Softmax and cross-entropy",
        """\
from engine import Value, softmax, log

# Three scores; the first class is right.
z0, z1 = Value(2.0), Value(1.0)
z2 = Value(-1.0)
z = [z0, z1, z2]
p = softmax(z)
L = -log(p[0])

L.backward()
print("p       dL/dz")
for zi, pi in zip(z, p):
    print(f"{pi.data:.4f}  {zi.grad:+.4f}")
L
""",
    ),
    (
        "A second derivative",
        """\
from engine import Value, gradients

# A gradient is a graph, and has one itself.
x = Value(2.0)
y = x**3
[dy] = gradients(y, [x])
[ddy] = gradients(dy, [x])
print(dy.data, ddy.data)  # 3·2² and 6·2
ddy
""",
    ),
    (
        "Newton's method",
        """\
from engine import Value, grad

# √2 is where x² − 2 is 0.
def f(x):
    return x * x - 2.0

x = 1.0
for step in range(5):
    x = x - f(x) / grad(f)(x)
    print(step, x)

start = Value(1.0)
slope = 2.0 * start
better = start - f(start) / slope
better
""",
    ),
    (
        "Descent, step by step",
        """\
from engine import Value

w = Value(4.0)
for step in range(8):
    L = (w - 1.0) ** 2 + 0.5
    w.zero_grad()
    L.backward()
    print(f"w {w.data:.3f}  L {L.data:.3f}")
    w.data -= 0.2 * w.grad
L
""",
    ),
    (
        "Attention for two tokens",
        """\
from engine import Value, dot, softmax

# One query looks at two keys;
# the answer mixes their two values.
q = [Value(1.0), Value(0.5)]
k = [Value(0.8), Value(-0.2)]
m = [Value(-0.4), Value(1.2)]
v0, v1 = Value(2.0), Value(-1.0)
s0 = dot(q, k, 0.0)
s1 = dot(q, m, 0.0)
a0, a1 = softmax([s0, s1])
out = a0 * v0 + a1 * v1
out
""",
    ),
    (
        "A net of three neurons",
        """\
import nn
from engine import Value

net = nn.MLP(2, [2, 1], seed=0,
             activation="tanh")
x = [Value(0.5), Value(-1.0)]
y = net(x)
L = (y - 1.0) ** 2
L
""",
    ),
    (
        "A dead relu",
        """\
from engine import Value, relu

# z is below 0: relu passes nothing back,
# and w does not learn. Drag b up to -0.4.
x = Value(1.0)
w = Value(0.5)
b = Value(-2.0)
z = w * x + b
y = relu(z)
L = (y - 1.0) ** 2
L
""",
    ),
    (
        "Vanishing in a chain of tanh",
        """\
from engine import Value, tanh

# Each tanh passes a part of the gradient on
x = Value(1.5)
h1 = tanh(2.0 * x)
h2 = tanh(2.0 * h1)
h3 = tanh(2.0 * h2)
h3
""",
    ),
    (
        "An op of your own",
        """\
import engine
from engine import Value

softsign = engine.op(
    "softsign",
    lambda x: x / (1.0 + abs(x)),
    lambda x, y: (1.0 - engine.abs(y)) ** 2,
)
x = Value(1.0)
y = x.softsign()
y
""",
    ),
    (
        "A network by layer",
        """\
import nn

# 337 parameters: a box for each layer.
net = nn.MLP(2, [16, 16, 1], seed=0)
y = net([0.5, -1.0])
L = (y - 1.0) ** 2
L
""",
    ),
]

"""Update rules in plain Python with float64, written from the papers and not from the Go code. Prints the
trajectories that reference_test.go compares with, as JSON.

    python3 stages/optimizer/testdata/reference.py >stages/optimizer/testdata/reference.json

Matrices are lists of rows, [out, in]. Inputs are rounded to float32, as the program under test gets them.
"""
import json, math, struct

STEPS = 6


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def matrix(rows, cols, f):
    return [[f32(f(i * cols + j)) for j in range(cols)] for i in range(rows)]


def zip_with(f, *ms):
    return [[f(*xs) for xs in zip(*rows)] for rows in zip(*ms)]


def scaled(m, s):
    return zip_with(lambda x: x * s, m)


def transposed(m):
    return [list(c) for c in zip(*m)]


def product(a, b):
    cols = transposed(b)
    return [[sum(x * y for x, y in zip(row, col)) for col in cols] for row in a]


def norm(m):
    return math.sqrt(sum(x * x for row in m for x in row))


def zeros(rows, cols):
    return [[0.0] * cols for _ in range(rows)]


def average(old, new, decay):
    return zip_with(lambda a, b: decay * a + (1 - decay) * b, old, new)


def looked_ahead(average, fresh, decay):
    return zip_with(lambda m, g: (1 - decay) * g + decay * m, average, fresh)


def orthogonalized(g):
    """K. Jordan's quintic iteration, five times."""
    if len(g) > len(g[0]):
        return transposed(orthogonalized(transposed(g)))
    x = scaled(g, 1 / (norm(g) + 1e-7))
    for _ in range(5):
        a = product(x, transposed(x))
        b = zip_with(lambda p, q: -4.7750 * p + 2.0315 * q, a, product(a, a))
        x = zip_with(lambda p, q: 3.4445 * p + q, x, product(b, x))
    return x


def per_part(m, parts, f):
    """f of each of the equal matrices that are stacked in m."""
    height = len(m) // parts
    return [row for i in range(parts) for row in f(m[i * height : (i + 1) * height], i)]


class NorMuon:
    """arXiv 2510.05491, algorithm 1; and, with scale "muon", the authors' code."""

    def __init__(self, lr=0.02, beta1=0.95, beta2=0.95, eps=1e-10, nesterov=True, scale="muon", decay=0.0):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.nesterov, self.scale, self.decay = nesterov, scale, decay

    def start(self, w):
        self.m, self.v = zeros(len(w), len(w[0])), [[0.0] for _ in w]

    def update(self, w, g, t, factor, parts):
        lr = self.lr * factor
        self.m = average(self.m, g, self.beta1)
        u = looked_ahead(self.m, g, self.beta1) if self.nesterov else self.m
        height = len(w) // parts

        def direction(part, i):
            o = orthogonalized(part)
            mean = [[sum(x * x for x in row) / len(row)] for row in o]
            own = average(self.v[i * height : (i + 1) * height], mean, self.beta2)
            self.v[i * height : (i + 1) * height] = own
            divided = [[x / (math.sqrt(v[0]) + self.eps) for x in row] for row, v in zip(o, own)]
            size = norm(o) * math.sqrt(max(1, height / len(o[0])))
            if self.scale == "rms":
                size = 0.2 * math.sqrt(height * len(o[0]))
            return scaled(divided, size / norm(divided))

        step = per_part(u, parts, direction)
        return zip_with(lambda p, s: p - lr * self.decay * p - lr * s, w, step)

    def state(self):
        return {"momentum": self.m, "rows": self.v}


def eigen(a):
    """Eigenvalues and eigenvectors, as columns, of a symmetric matrix: Jacobi's rotations."""
    n = len(a)
    a, v = [row[:] for row in a], [[float(i == j) for j in range(n)] for i in range(n)]
    for _ in range(60):
        for p in range(n):
            for q in range(p + 1, n):
                if abs(a[p][q]) < 1e-300:
                    continue
                angle = 0.5 * math.atan2(2 * a[p][q], a[q][q] - a[p][p])
                c, s = math.cos(angle), math.sin(angle)
                for m in (a, v):
                    for row in m:
                        row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
                for k in range(n):
                    a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]
    return [a[i][i] for i in range(n)], v


def power(a, exponent):
    values, v = eigen(a)
    return product([[x * w**exponent for x, w in zip(row, values)] for row in v], transposed(v))


class Shampoo:
    """arXiv 1802.09568, algorithm 1, with averages for sums; roots by eigenvalues and not by iterations."""

    def __init__(self, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-6, decay=0.0, factor=1.0):
        self.lr, self.beta1, self.beta2, self.eps, self.decay, self.factor = lr, beta1, beta2, eps, decay, factor

    def start(self, w):
        self.m, self.left, self.right = zeros(len(w), len(w[0])), {}, {}

    def gather(self, sides, i, g):
        fresh = product(g, transposed(g))
        old = sides.get(i, zeros(len(g), len(g)))
        sides[i] = zip_with(lambda a, b: a + b, old, fresh) if self.beta2 == 1 else average(old, fresh, self.beta2)

    def root(self, a, t):
        lacking = 1 if self.beta2 == 1 else 1 - self.beta2**t
        a = scaled(a, 1 / lacking)
        ridge = self.eps * norm(a)
        return power([[x + ridge * (i == j) for j, x in enumerate(row)] for i, row in enumerate(a)], -0.25)

    def update(self, w, g, t, factor, parts):
        lr = self.lr * factor
        self.m = average(self.m, g, self.beta1)
        height = len(w) // parts

        def direction(part, i):
            own = g[i * height : (i + 1) * height]
            self.gather(self.left, i, own)
            self.gather(self.right, i, transposed(own))
            part = scaled(part, 1 / (1 - self.beta1**t))
            return product(product(self.root(self.left[i], t), part), self.root(self.right[i], t))

        step = per_part(self.m, parts, direction)
        return zip_with(lambda p, s: p - lr * self.decay * p - lr * self.factor * s, w, step)

    def state(self):
        def stacked(sides):
            return [row for i in sorted(sides) for row in sides[i]]

        return {"momentum": self.m, "left": stacked(self.left), "right": stacked(self.right)}


class Hyperball:
    """arXiv 2606.16899: W <- R Normalize(W - lr R Normalize(u)), R being the norm of W at the start."""

    def __init__(self, lr=0.02, direction="muon"):
        self.lr, self.direction = lr, direction

    def start(self, w):
        self.radius, self.m, self.v = norm(w), zeros(len(w), len(w[0])), zeros(len(w), len(w[0]))

    def update(self, w, g, t, factor, parts):
        if self.direction == "muon":
            self.m = average(self.m, g, 0.95)
            u = per_part(looked_ahead(self.m, g, 0.95), parts, lambda part, _: orthogonalized(part))
        else:
            self.m, self.v = average(self.m, g, 0.9), average(self.v, zip_with(lambda x: x * x, g), 0.95)
            u = zip_with(lambda m, v: m / (1 - 0.9**t) / (math.sqrt(v / (1 - 0.95**t)) + 1e-8), self.m, self.v)
        length = self.lr * factor * self.radius / norm(u)
        moved = zip_with(lambda p, d: p - length * d, w, u)
        return scaled(moved, self.radius / norm(moved))

    def state(self):
        return {"momentum": self.m} if self.direction == "muon" else {"m1": self.m, "m2": self.v}


class AdEMAMix:
    """arXiv 2409.03137, algorithm 1 and equations of its schedulers."""

    def __init__(self, lr=1e-3, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=2.0, warmup=0, eps=1e-8, decay=0.0):
        self.lr, self.betas, self.alpha, self.warmup, self.eps, self.decay = lr, (beta1, beta2, beta3), alpha, warmup, eps, decay

    def start(self, w):
        self.m1, self.m2, self.v = (zeros(len(w), len(w[0])) for _ in range(3))

    def update(self, w, g, t, factor, parts):
        lr, (b1, b2, b3), alpha = self.lr * factor, self.betas, self.alpha
        if self.warmup:
            part, l1, l3 = t / self.warmup, math.log(b1), math.log(b3)
            alpha = min(part * alpha, alpha)
            b3 = min(math.exp(l1 * l3 / ((1 - part) * l3 + part * l1)), b3) if part < 1 else b3
        self.m1, self.m2 = average(self.m1, g, b1), average(self.m2, g, b3)
        self.v = average(self.v, zip_with(lambda x: x * x, g), b2)

        def new(p, m1, m2, v):
            step = (m1 / (1 - b1**t) + alpha * m2) / (math.sqrt(v / (1 - b2**t)) + self.eps)
            return p - lr * (step + self.decay * p)

        return zip_with(new, w, self.m1, self.m2, self.v)

    def state(self):
        return {"fast": self.m1, "slow": self.m2, "square": self.v}


def flat(m):
    return [x for row in m for x in row]


def case(name, rule, spec, reference, rows, cols, parts=1):
    w = matrix(rows, cols, lambda i: math.cos(3 * i + 1))
    start, grads, values = w, [], []
    reference.start(w)
    for t in range(STEPS):
        g = matrix(rows, cols, lambda i: math.sin(i * i + 7 * t + 1) * (0.3 + 0.2 * t))
        w = reference.update(w, g, t + 1, 1 - t / 10, parts)
        grads.append(flat(g))
        values.append(flat(w))
    return {
        "name": name, "rule": rule, "spec": spec, "shape": [rows, cols], "parts": parts, "start": flat(start),
        "factors": [1 - t / 10 for t in range(STEPS)], "gradients": grads, "values": values,
        "state": {k: flat(v) for k, v in reference.state().items()},
    }


cases = [
    case("wide", "normuon", {}, NorMuon(), 3, 5),
    case("tall", "normuon", {"WeightDecay": 0.1}, NorMuon(decay=0.1), 6, 4),
    case("fused", "normuon", {}, NorMuon(), 6, 4, parts=3),
    case("paper", "normuon", {"LearningRate": 0.003, "Nesterov": False, "Scale": "rms", "Beta2": 0.9, "Eps": 1e-3, "WeightDecay": 0.1},
         NorMuon(lr=0.003, beta2=0.9, eps=1e-3, nesterov=False, scale="rms", decay=0.1), 4, 6),
    case("plain", "ademamix", {}, AdEMAMix(), 3, 4),
    case("warmup", "ademamix", {"Warmup": 4, "Alpha": 8, "Beta3": 0.999, "Beta2": 0.95, "WeightDecay": 0.1, "LearningRate": 0.01},
         AdEMAMix(lr=0.01, beta2=0.95, beta3=0.999, alpha=8, warmup=4, decay=0.1), 4, 3),
    case("muon", "hyperball", {}, Hyperball(), 5, 4),
    case("adam", "hyperball", {"LearningRate": 0.1, "Direction": "adam"}, Hyperball(0.1, "adam"), 4, 3),
    case("fused", "hyperball", {}, Hyperball(), 6, 4, parts=3),
    case("wide", "shampoo", {"Eps": 1e-3}, Shampoo(eps=1e-3), 3, 5),
    case("tall", "shampoo", {"LearningRate": 0.1, "Beta1": 0.5, "Beta2": 0.9, "Eps": 1e-2, "WeightDecay": 0.1, "Scale": "jordan"},
         Shampoo(lr=0.1, beta1=0.5, beta2=0.9, eps=1e-2, decay=0.1, factor=math.sqrt(2)), 6, 3),
    case("fused", "shampoo", {"Eps": 1e-3}, Shampoo(eps=1e-3), 6, 4, parts=3),
    case("sums", "shampoo", {"Beta2": 1, "Eps": 1e-3}, Shampoo(beta2=1, eps=1e-3), 4, 4),
    case("defaults", "shampoo", {}, Shampoo(), 5, 4),
]
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")

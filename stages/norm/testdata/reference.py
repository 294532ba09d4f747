"""Norms in plain Python with float64, written from the papers and not from the Go code. Prints the values that
reference_test.go compares with, as JSON. Gradients are central differences.

    python3 stages/norm/testdata/reference.py >stages/norm/testdata/reference.json

Inputs are rounded to float32, as the program under test gets them.
"""
import json, math, struct


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def prmsnorm(x, params, share=0.0625, eps=1e-5):
    k = math.ceil(share * len(x))
    rms = math.sqrt(sum(v * v for v in x[:k]) / k + eps)
    return [g * v / rms for g, v in zip(params["gamma"], x)]


def bhyt(x, params, kappa=10.0, eps=1e-6):
    alpha = params["lambda"][0] / (kappa * math.sqrt(sum(v * v for v in x) / len(x) + eps))
    return [g * math.tanh(alpha * v) for g, v in zip(params["gamma"], x)]


def tapernorm(x, params, warmup=10, taper=20, eps=1e-5):
    steps = params["steps"][0]
    gone = min(max((steps - warmup) / taper, 0), 1)
    gate = (1 + math.cos(math.pi * gone)) / 2
    c = params["numerator"][0] / params["denominator"][0]
    r = math.sqrt(sum(v * v for v in x) / len(x) + eps)
    learnt = [a + o for a, o in zip(params["anchor"], params["offset"])]
    return [gate * g * v / r + (1 - gate) * c * l * v for g, l, v in zip(params["gamma"], learnt, x)]


def tapered(xs, params, warmup=10, decay=0.75, eps=1e-5):
    """The buffers after a step that showed the rows xs."""
    steps, gamma = params["steps"][0], params["gamma"]
    energy = [sum((g * v) ** 2 for g, v in zip(gamma, x)) for x in xs]
    roots = [math.sqrt(sum(v * v for v in x) / len(x) + eps) for x in xs]
    new = {"steps": [steps + 1], "anchor": gamma if steps <= warmup else params["anchor"]}
    for name, now in ("numerator", [e / r for e, r in zip(energy, roots)]), ("denominator", energy):
        old = params[name][0]
        new[name] = [decay * old + (1 - decay) * sum(now) / len(now) if steps < warmup else old]
    return new


def gradient(f, xs, step=1e-6):
    out = []
    for i, x in enumerate(xs):
        xs[i] = x + step
        up = f()
        xs[i] = x - step
        down = f()
        xs[i] = x
        out.append((up - down) / (2 * step))
    return out


def case(name, norm, spec, function, rows, width, params, refresh=None):
    """The gradients are those of the sum of y cos(i), i being the position of an element in y."""
    x = [[f32(math.sin(i * i + 3 * r) * 2 + 0.3) for i in range(width)] for r in range(rows)]
    params = {k: [f32(v) for v in vs] for k, vs in params.items()}

    def y():
        return [v for row in x for v in function(row, params)]

    def loss():
        return sum(v * math.cos(i) for i, v in enumerate(y()))

    return {
        "name": name, "norm": norm, "spec": spec, "width": width, "x": [v for row in x for v in row], "params": params, "y": y(),
        "x_gradient": [v for row in x for v in gradient(loss, row)],
        "refreshed": refresh(x, params) if refresh else None,
        "gradients": {k: gradient(loss, vs) for k, vs in params.items()},
    }


def wave(n):
    return [1 + 0.5 * math.cos(5 * i) for i in range(n)]


def taper_case(name, steps):
    params = {"gamma": wave(6), "offset": [0.1 * math.sin(i) for i in range(6)], "steps": [steps], "numerator": [3], "denominator": [4],
              "anchor": [1 - 0.1 * i for i in range(6)]}
    return case(name, "tapernorm", {"Warmup": 10, "Taper": 20, "Decay": 0.75}, tapernorm, 2, 6, params, tapered)


cases = [
    case("default", "prmsnorm", {}, prmsnorm, 2, 20, {"gamma": wave(20)}),
    case("share", "prmsnorm", {"Share": 0.4, "Eps": 1e-2}, lambda x, p: prmsnorm(x, p, 0.4, 1e-2), 2, 9, {"gamma": wave(9)}),
    case("default", "bhyt", {}, bhyt, 2, 8, {"gamma": wave(8), "lambda": [1]}),
    case("saturated", "bhyt", {"Kappa": 1.5, "Eps": 1e-2}, lambda x, p: bhyt(x, p, 1.5, 1e-2), 2, 8, {"gamma": wave(8), "lambda": [3]}),
    taper_case("warmup", 4),
    taper_case("boundary", 10),
    taper_case("taper", 17),
    taper_case("linear", 40),
]
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")

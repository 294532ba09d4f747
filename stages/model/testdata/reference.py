"""Forward passes of the models in plain Python with float64, written from the papers and not from the Go code, for
every placement of norms, with and without norms of queries, keys and embeddings. Prints what reference_test.go compares
with, as JSON: logits, and the largest score of each head in each layer.

    python3 stages/model/testdata/reference.py >stages/model/testdata/reference.json

Parameters follow from their names, so that both sides can make them.
"""
import json, math

WIDTH, HEADS, FFN, LAYERS, VOCABULARY = 8, 2, 12, 2, 5
HEAD = WIDTH // HEADS
TOKENS = [3, 1, 4, 1, 0, 2]


def number(path, i):
    return ((i * 7919 + sum(path.encode()) * 104729) % 1000) / 1000 - 0.5


def matrix(path, rows, columns):
    return [[number(path, r * columns + c) for c in range(columns)] for r in range(rows)]


def vector(path, n, around=0.0):
    return [around + number(path, i) for i in range(n)]


def times(w, x):
    return [sum(a * b for a, b in zip(row, x)) for row in w]


def plus(a, b):
    return [x + y for x, y in zip(a, b)]


def rms(path):
    """RMSNorm of a row, over as many numbers as the row has."""

    def apply(x):
        r = math.sqrt(sum(v * v for v in x) / len(x) + 1e-5)
        return [g * v / r for g, v in zip(vector(path + ".gamma", len(x), 1.0), x)]

    return apply


def rotated(x, position):
    half = len(x) // 2
    out = list(x)
    for i in range(half):
        angle = position * 10000 ** (-2 * i / len(x))
        a, b = x[i], x[i + half]
        out[i], out[i + half] = a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle)
    return out


def attention(queries, keys, values, at, qk, rope, tops):
    """Causal softmax attention of rows of all heads."""
    out = [[] for _ in queries]
    highest = [-math.inf] * HEADS
    tops.append(highest)
    for h in range(HEADS):
        part = lambda rows: [row[h * HEAD:(h + 1) * HEAD] for row in rows]
        q, k, v = part(queries), part(keys), part(values)
        if qk:
            q, k = [rms(at + "norm.q")(x) for x in q], [rms(at + "norm.k")(x) for x in k]
        if rope:
            q, k = [rotated(x, t) for t, x in enumerate(q)], [rotated(x, t) for t, x in enumerate(k)]
        for t, row in enumerate(q):
            scores = [sum(a * b for a, b in zip(row, k[s])) / math.sqrt(HEAD) for s in range(t + 1)]
            highest[h] = max([highest[h]] + scores)
            weights = [math.exp(s - max(scores)) for s in scores]
            out[t] += [sum(w * v[s][d] for s, w in enumerate(weights)) / sum(weights) for d in range(HEAD)]
    return out


def llama_attention(x, at, qk, tops):
    q, k, v = ([times(matrix(at + "attention." + n, WIDTH, WIDTH), row) for row in x] for n in "qkv")
    return [times(matrix(at + "attention.o", WIDTH, WIDTH), row) for row in attention(q, k, v, at, qk, True, tops)]


def llama_ffn(x, at):
    out = []
    for row in x:
        gate, up = (times(matrix(at + "ffn." + n, FFN, WIDTH), row) for n in ("gate", "up"))
        out.append(times(matrix(at + "ffn.down", WIDTH, FFN), [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)]))
    return out


def gpt2_attention(x, at, qk, tops):
    fused = [plus(times(matrix(at + "attention.qkv", 3 * WIDTH, WIDTH), row), vector(at + "attention.qkv_bias", 3 * WIDTH)) for row in x]
    q, k, v = ([row[i * WIDTH:(i + 1) * WIDTH] for row in fused] for i in range(3))
    return [plus(times(matrix(at + "attention.o", WIDTH, WIDTH), row), vector(at + "attention.o_bias", WIDTH))
            for row in attention(q, k, v, at, qk, False, tops)]


def gpt2_ffn(x, at):
    out = []
    for row in x:
        up = plus(times(matrix(at + "ffn.up", FFN, WIDTH), row), vector(at + "ffn.up_bias", FFN))
        gelu = [u * (1 + math.erf(u / math.sqrt(2))) / 2 for u in up]
        out.append(plus(times(matrix(at + "ffn.down", WIDTH, FFN), gelu), vector(at + "ffn.down_bias", WIDTH)))
    return out


def sublayer(x, f, placement, at, name):
    if placement == "post":  # norm(x + f(x))
        return [rms(at + "norm." + name)(plus(a, b)) for a, b in zip(x, f(x))]
    y = f([rms(at + "norm." + name)(row) for row in x])
    if placement == "peri":  # x + norm(f(norm(x)))
        y = [rms(at + "norm." + name + "_output")(row) for row in y]
    return [plus(a, b) for a, b in zip(x, y)]


def forward(model, placement, extra):
    tops = []
    embedding = matrix("embedding", VOCABULARY, WIDTH)
    x = [embedding[token] for token in TOKENS]
    if model == "gpt2":
        x = [plus(a, b) for a, b in zip(x, matrix("positions", 16, WIDTH))]
    if extra:
        x = [rms("norm.embedding")(row) for row in x]
    attend, feed = (llama_attention, llama_ffn) if model == "llama" else (gpt2_attention, gpt2_ffn)
    for layer in range(LAYERS):
        at = f"layers.{layer}."
        x = sublayer(x, lambda rows: attend(rows, at, extra, tops), placement, at, "attention")
        x = sublayer(x, lambda rows: feed(rows, at), placement, at, "ffn")
    if placement != "post":
        x = [rms("norm.final")(row) for row in x]
    return [round(s, 9) for row in x for s in times(embedding, row)], [[round(s, 9) for s in layer] for layer in tops]


def case(model, placement, extra):
    logits, tops = forward(model, placement, extra)
    return {"model": model, "placement": placement, "extra": extra, "tokens": TOKENS, "logits": logits, "top_scores": tops}


cases = [case(m, p, e) for m in ("llama", "gpt2") for p in ("pre", "post", "peri") for e in (False, True)]
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")

"""A byte-level language model in nothing but Python: each byte predicts the next.

One hidden layer, normalized or squashed: x = embed[byte], y = norm(x),
logits = out @ y. Small, but it learns, and it uses the whole contract.
"""
import json, math, os, random, signal, sys

p = json.load(open(os.environ["ABLATE_PARAMETERS"]))
text = open(os.path.join(os.environ["ABLATE_INPUTS"], "0", "train"), "rb").read()
held = open(os.path.join(os.environ["ABLATE_INPUTS"], "0", "validation"), "rb").read()[:2000]
resume = os.environ["ABLATE_RESUME"]
WIDTH, BATCH, RATE = 12, 24, 0.5 if p["optimizer"] == "sgd" else 0.05
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))

draw = random.Random(p["seed"])
matrix = lambda std: [[draw.gauss(0, std) for _ in range(WIDTH)] for _ in range(256)]
state = {"step": 0, "embed": matrix(0.5), "out": matrix(0.1), "m_embed": matrix(0), "m_out": matrix(0)}
if os.path.exists(os.path.join(resume, "COMMIT")):
    state = json.load(open(os.path.join(resume, open(os.path.join(resume, "COMMIT")).read())))

def forward(byte):
    x = state["embed"][byte]
    if p["norm"] == "tanh":
        y = [math.tanh(v) for v in x]
        return y, lambda g: [d * (1 - v * v) for d, v in zip(g, y)]
    r = math.sqrt(sum(v * v for v in x) / WIDTH + 1e-6)
    y = [v / r for v in x]
    return y, lambda g: [(d - v * sum(a * b for a, b in zip(g, y)) / WIDTH) / r for d, v in zip(g, y)]

def predict(y):
    logits = [sum(a * b for a, b in zip(row, y)) for row in state["out"]]
    top = max(logits)
    e = [math.exp(v - top) for v in logits]
    total = sum(e)
    return [v / total for v in e]

def move(name, row, grad):
    w, m = state[name][row], state["m_" + name][row]
    for i, g in enumerate(grad):
        m[i] = g if p["optimizer"] == "sgd" else 0.9 * m[i] + g
        w[i] -= RATE * m[i]

def commit():
    name = "state-%d.json" % state["step"]
    for path, content in ((name, json.dumps(state)), ("COMMIT", name)):
        with open(os.path.join(resume, "new"), "w") as f:
            f.write(content)
        os.rename(os.path.join(resume, "new"), os.path.join(resume, path))

def log(name, value):
    metrics.write(json.dumps({"step": state["step"], "name": name, "value": value}) + "\n")
    metrics.flush()

metrics = open(os.environ["ABLATE_METRICS"], "a")
while state["step"] < p["steps"]:
    order = random.Random("%d/%d" % (p["seed"], state["step"]))  # a function of the step, so a trial can resume anywhere
    loss, g_out, g_embed = 0.0, {}, {}
    for at in (order.randrange(len(text) - 1) for _ in range(BATCH)):
        byte, target = text[at], text[at + 1]
        y, back = forward(byte)
        q = predict(y)
        loss -= math.log(q[target]) / BATCH
        q[target] -= 1
        g_y = [0.0] * WIDTH
        for k, d in enumerate(q):
            if abs(d) < 1e-6:
                continue
            row, w = g_out.setdefault(k, [0.0] * WIDTH), state["out"][k]
            for i in range(WIDTH):
                row[i] += d * y[i] / BATCH
                g_y[i] += d * w[i] / BATCH
        g_embed[byte] = [a + b for a, b in zip(g_embed.get(byte, [0.0] * WIDTH), back(g_y))]
    for name, grads in (("out", g_out), ("embed", g_embed)):
        for row, grad in grads.items():
            move(name, row, grad)
    state["step"] += 1
    log("train_loss", loss)
    if stop or state["step"] % 50 == 0:
        commit()
    if stop:
        sys.exit(75)  # checkpointed: call me again
log("val_loss", sum(-math.log(predict(forward(a)[0])[b]) for a, b in zip(held, held[1:])) / (len(held) - 1))

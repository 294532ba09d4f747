"""Trains small networks on two moons and logs them to MLflow, without ablate.

    pip install mlflow-skinny
    MLFLOW_ALLOW_FILE_STORE=true python3 train.py

writes the folder mlruns. Only MLflow is needed beside Python's standard library.
"""
import math, random

import mlflow

WIDTH, EPOCHS, POINTS = 12, 20, 256


def moons(seed, n):
    draw = random.Random(seed)
    out = []
    for i in range(n):
        a, label = math.pi * draw.random(), i % 2
        x, y = (math.cos(a), math.sin(a)) if label else (1 - math.cos(a), 0.5 - math.sin(a))
        out.append((x + draw.gauss(0, 0.25), y + draw.gauss(0, 0.25), label))
    return out


def predict(w, x, y):
    hidden = [math.tanh(a * x + b * y + c) for a, b, c, _ in w[:-1]]
    return hidden, 1 / (1 + math.exp(-sum(h * u[3] for h, u in zip(hidden, w)) - w[-1][3]))


def loss(w, data):
    total = 0
    for x, y, label in data:
        p = min(max(predict(w, x, y)[1], 1e-12), 1 - 1e-12)
        total -= math.log(p if label else 1 - p)
    return total / len(data)


def train(momentum, batch, seed, stop=EPOCHS):
    draw = random.Random(seed)
    w = [[draw.gauss(0, 1) for _ in range(4)] for _ in range(WIDTH)] + [[0, 0, 0, 0]]
    v = [[0] * 4 for _ in w]
    data, held = moons(0, POINTS), moons(1, 1000)
    for epoch in range(1, stop + 1):
        draw.shuffle(data)
        for at in range(0, POINTS, batch):
            g = [[0] * 4 for _ in w]
            for x, y, label in data[at:at + batch]:
                hidden, p = predict(w, x, y)
                d = (p - label) / batch
                g[-1][3] += d
                for i, h in enumerate(hidden):
                    back = d * w[i][3] * (1 - h * h)
                    for k, value in enumerate((back * x, back * y, back, d * h)):
                        g[i][k] += value
            for i in range(len(w)):
                for k in range(4):
                    v[i][k] = momentum * v[i][k] + g[i][k]
                    w[i][k] -= 0.1 * v[i][k]
        mlflow.log_metric("val/loss", loss(w, held), step=epoch)


mlflow.set_tracking_uri("file:mlruns")
mlflow.set_experiment("moons")
for momentum in (0, 0.9):
    for batch in (8, 64):
        for seed in (1, 2, 3, 4):
            with mlflow.start_run():
                mlflow.log_params({"momentum": momentum, "batch": batch, "seed": seed})
                train(momentum, batch, seed)
with mlflow.start_run() as run:  # one that was stopped by hand
    mlflow.log_params({"momentum": 0.9, "batch": 8, "seed": 5})
    train(0.9, 8, 5, stop=3)
    mlflow.end_run("KILLED")

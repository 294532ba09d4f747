"""Minimizes a noisy quadratic, with or without momentum. It stands for a training script."""
import json
import os
import random

with open(os.environ["ABLATE_PARAMETERS"]) as f:
    p = json.load(f)
draw = random.Random(p["seed"])
x, velocity = draw.gauss(3, 0.1), 0.0
with open(os.environ["ABLATE_METRICS"], "a") as metrics:
    for step in range(1, 21):
        velocity = p["momentum"] * velocity + x + draw.gauss(0, 0.1)
        x -= 0.05 * velocity
        metrics.write(json.dumps({"step": step, "name": "val_loss", "value": x * x}) + "\n")

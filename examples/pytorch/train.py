"""A small GPT in PyTorch, as a trial of a factorial.

Bytes in, bytes out: two blocks of attention and MLP. The norm of every block
is a level of the study: LayerNorm, or tanh(alpha x) with learned alpha (DyT).
"""
import json
import os
import signal
import sys

import torch
from torch import nn
from torch.nn import functional as F

p = json.load(open(os.environ["ABLATE_PARAMETERS"]))
torch.manual_seed(p["seed"])
torch.set_num_threads(int(os.environ["ABLATE_THREADS"]))
LAYERS, WIDTH, HEADS, LENGTH, BATCH = 2, 64, 4, 64, 8
RATE = {"sgd": 0.3, "momentum": 0.03}[p["optimizer"]]


def tokens(name):
    with open(os.path.join(os.environ["ABLATE_INPUTS"], "0", name), "rb") as f:
        return torch.frombuffer(bytearray(f.read()), dtype=torch.uint8).long()


class Tanh(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(0.5))
        self.gain, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return torch.tanh(self.alpha * x) * self.gain + self.bias


norm = {"layer": nn.LayerNorm, "tanh": Tanh}[p["norm"]]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between = norm(WIDTH), norm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.register_buffer("mask", torch.full((LENGTH, LENGTH), float("-inf")).triu(1))

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (h.view(b, t, HEADS, w // HEADS).transpose(1, 2) for h in self.qkv(self.before(x)).split(w, 2))
        a = ((q @ k.transpose(2, 3)) / (w // HEADS) ** 0.5 + self.mask[:t, :t]).softmax(-1) @ v
        x = x + self.out(a.transpose(1, 2).reshape(b, t, w))
        return x + self.mlp(self.between(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(256, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks, self.last = nn.Sequential(*[Block() for _ in range(LAYERS)]), norm(WIDTH)
        self.head = nn.Linear(WIDTH, 256)

    def loss(self, batch):
        x, y = batch[:, :-1], batch[:, 1:]
        h = self.embed(x) + self.place(torch.arange(x.shape[1]))
        return F.cross_entropy(self.head(self.last(self.blocks(h))).flatten(0, 1), y.flatten())


def batch(text, generator):
    at = torch.randint(len(text) - LENGTH - 1, (BATCH,), generator=generator)
    return torch.stack([text[i : i + LENGTH + 1] for i in at])


model = GPT()
optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9 if p["optimizer"] == "momentum" else 0.0)
resume, step = os.environ["ABLATE_RESUME"], 0
commit_file = os.path.join(resume, "COMMIT")
if os.path.exists(commit_file):
    state = torch.load(os.path.join(resume, open(commit_file).read()))
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    step = state["step"]


def commit():
    name = f"state-{step}.pt"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, os.path.join(resume, "new"))
    os.rename(os.path.join(resume, "new"), os.path.join(resume, name))
    with open(os.path.join(resume, "new"), "w") as f:
        f.write(name)
    os.rename(os.path.join(resume, "new"), commit_file)


stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
train, validation = tokens("train"), tokens("validation")
with open(os.environ["ABLATE_METRICS"], "a", buffering=1) as metrics:

    def log(name, value):
        metrics.write(json.dumps({"step": step, "name": name, "value": value}) + "\n")

    while step < p["steps"]:
        # The order is a function of seed and step, so a trial can resume anywhere.
        loss = model.loss(batch(train, torch.Generator().manual_seed(p["seed"] * 1_000_003 + step)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        log("train_loss", loss.item())
        if stop or step % 100 == 0:
            commit()
        if stop:
            sys.exit(75)  # checkpointed: call me again
    with torch.no_grad():
        same = torch.Generator().manual_seed(0)  # the same set for every trial
        log("val_loss", sum(model.loss(batch(validation, same)).item() for _ in range(20)) / 20)

"""Losses and gradient norms of a case of testdata/parity under PyTorch's autocast to bfloat16 on the CPU, from
the same initial parameters and tokens. Prints the values that TestAutocast compares with, as JSON. The model is
checked first: without autocast it must reproduce the case's own losses.

    python3 stages/train/testdata/bf16.py >stages/train/testdata/bf16.json
"""
import contextlib, json, math, os, struct, sys
import torch, torch.nn.functional as F

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parity")
case = "rmsnorm-adamw"
reference = json.load(open(os.path.join(folder, case + ".json")))
c = reference["config"]


def tensors():
    """The tensors of a safetensors file."""
    raw = open(os.path.join(folder, case + ".safetensors"), "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, t in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            kind = {"F32": torch.float32, "I32": torch.int32}[t["dtype"]]
            out[name] = torch.frombuffer(bytearray(raw[8 + size + begin : 8 + size + end]), dtype=kind).reshape(t["shape"])
    return out


def norm(gamma, x):
    return gamma * x / torch.sqrt((x * x).mean(-1, keepdim=True) + c["eps"])


def turn(x):
    t, half = x.shape[-2], x.shape[-1] // 2
    angle = torch.arange(t)[:, None] * c["rope_theta"] ** (-torch.arange(half) / half)[None, :]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def attention(p, at, x):
    b, t, d = x.shape
    head = d // c["heads"]
    split = lambda y, n: y.view(b, t, n, head).transpose(1, 2)
    q, k, v = (F.linear(x, p[at + name]) for name in "qkv")
    q, k, v = turn(split(q, c["heads"])), turn(split(k, c["kv_heads"])), split(v, c["kv_heads"])
    k, v = (y.repeat_interleave(c["heads"] // c["kv_heads"], 1) for y in (k, v))
    scores = q @ k.transpose(-1, -2) / math.sqrt(head)
    ahead = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
    y = scores.float().masked_fill(ahead, -math.inf).softmax(-1) @ v
    return F.linear(y.transpose(1, 2).reshape(b, t, d), p[at + "o"])


def loss_of(p, tokens):
    x = p["embedding"][tokens[:, :-1]]
    for i in range(c["layers"]):
        at = f"layers.{i}."
        x = x + attention(p, at + "attention.", norm(p[at + "norm.attention.gamma"], x))
        y = norm(p[at + "norm.ffn.gamma"], x)
        x = x + F.linear(F.silu(F.linear(y, p[at + "ffn.gate"])) * F.linear(y, p[at + "ffn.up"]), p[at + "ffn.down"])
    scores = F.linear(norm(p["norm.final.gamma"], x), p["embedding"])
    return F.cross_entropy(scores.float().flatten(0, 1), tokens[:, 1:].flatten())


def train(low):
    start = tensors()
    tokens = start.pop("tokens").long().reshape(c["steps"], c["sequences"], c["length"] + 1)
    p = {name: x.clone().requires_grad_() for name, x in start.items()}
    o = c["optimizer"]
    groups = [dict(params=[x for x in p.values() if x.dim() >= 2], weight_decay=o["weight_decay"]),
              dict(params=[x for x in p.values() if x.dim() < 2], weight_decay=0.0)]
    adamw = torch.optim.AdamW(groups, lr=o["learning_rate"], betas=(o["beta1"], o["beta2"]), eps=o["eps"])
    losses, norms = [], []
    for step in range(c["steps"]):
        warm = c["warmup"]
        rate = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, c["steps"] - warm)))
        for group in adamw.param_groups:
            group["lr"] = rate * o["learning_rate"]
        adamw.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if low else contextlib.nullcontext():
            loss = loss_of(p, tokens[step])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(p.values(), c["clip_norm"]).item())
        adamw.step()
        losses.append(loss.item())
    return losses, norms


exact, _ = train(False)
worst = max(abs(a - b) for a, b in zip(exact, reference["losses"]))
if worst > 2e-4:
    sys.exit(f"without autocast the losses differ from those of {case} by {worst}")
losses, norms = train(True)
print(json.dumps(dict(case=case, torch=torch.__version__, losses=losses, grad_norms=norms), indent=1))

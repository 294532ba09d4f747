"""The peer of bench/train in PyTorch: the same model, loss, clipping and AdamW on random tokens, eager
or compiled. Prints one JSON line: seconds per step (median and fastest), CPU seconds per step (mean), peak memory in
MiB; with "product" in place of a model, the rate of one large product and the library that computes it."""
import contextlib, json, math, resource, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

c = json.loads(sys.argv[1])
torch.set_num_threads(c["threads"])
torch.manual_seed(1)
MODERN = int(torch.__version__.split(".")[0]) >= 2


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.gamma * x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)


def attend(q, k, v, mask):
    if MODERN:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    s = (q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
    return s.masked_fill(mask, float("-inf")).softmax(-1) @ v


class Block(nn.Module):
    def __init__(self, width, heads, ffn, gpt2):
        super().__init__()
        self.heads, self.gpt2 = heads, gpt2
        linear = lambda o, i: nn.Linear(i, o, bias=gpt2)
        self.o = linear(width, width)
        if gpt2:
            self.qkv = linear(3 * width, width)
        else:
            self.q, self.k, self.v = (linear(width, width) for _ in range(3))
            self.gate = linear(ffn, width)
        self.up, self.down = linear(ffn, width), linear(width, ffn)
        norm = nn.LayerNorm if gpt2 else Norm
        self.n1, self.n2 = norm(width), norm(width)

    def forward(self, x, cos, sin, mask):
        b, t, d = x.shape
        y = self.n1(x)
        split = lambda z: z.view(b, t, self.heads, d // self.heads).transpose(1, 2)
        if self.gpt2:
            q, k, v = (split(z) for z in self.qkv(y).split(d, -1))
        else:
            half = d // self.heads // 2
            turn = lambda z: torch.cat([z[..., :half] * cos - z[..., half:] * sin, z[..., half:] * cos + z[..., :half] * sin], -1)
            q, k, v = turn(split(self.q(y))), turn(split(self.k(y))), split(self.v(y))
            q, k = q.to(v.dtype), k.to(v.dtype)
        x = x + self.o(attend(q, k, v, mask).transpose(1, 2).reshape(b, t, d))
        y = self.n2(x)
        if self.gpt2:
            return x + self.down(F.gelu(self.up(y)))
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Model(nn.Module):
    def __init__(self, layers, width, heads, ffn, vocabulary, length, gpt2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(length, width) if gpt2 else None
        self.blocks = nn.ModuleList(Block(width, heads, ffn, gpt2) for _ in range(layers))
        self.norm = nn.LayerNorm(width) if gpt2 else Norm(width)
        half = width // heads // 2
        angle = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(half) / half)[None, :]
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        self.register_buffer("mask", torch.triu(torch.ones(length, length, dtype=torch.bool), 1))
        # PyTorch's default initialization makes scores so large that gradients become subnormal
        # numbers, which take a processor ten times as long as others.
        for p in self.parameters():
            if p.dim() >= 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, tokens):
        x = self.embedding(tokens)
        if self.positions is not None:
            x = x + self.positions.weight
        for block in self.blocks:
            x = block(x, self.cos, self.sin, self.mask)
        return F.linear(self.norm(x), self.embedding.weight)


def product():
    """The fastest of 20 products, and what PyTorch computes them with."""
    x = torch.rand(1024, 1024).to(torch.bfloat16 if c["precision"] == "bf16" else torch.float32)
    best, begin = math.inf, time.perf_counter()
    for _ in range(20):
        at = time.perf_counter()
        x @ x
        best = min(best, time.perf_counter() - at)
        if time.perf_counter() - begin > 10:
            break
    built = torch.__config__.show()
    names = [n for n in ("mkl", "openblas", "eigen", "blas") if "BLAS_INFO=" + n in built]
    onednn = " and oneDNN" if torch.backends.mkldnn.is_available() else ""
    print(json.dumps(dict(product=2 * 1024**3 / best, library=(names[0] if names else "an unnamed BLAS") + onednn, version=torch.__version__)))


def main():
    vocabulary = c["vocabulary"]
    m = Model(c["layers"], c["width"], c["heads"], c["ffn"], vocabulary, c["length"], c["model"] == "gpt2")
    decay = [p for p in m.parameters() if p.dim() >= 2]
    rest = [p for p in m.parameters() if p.dim() < 2]
    fused = dict(fused=True) if MODERN else {}
    opt = torch.optim.AdamW([dict(params=decay, weight_decay=0.1), dict(params=rest, weight_decay=0.0)], lr=1e-3, betas=(0.9, 0.95), **fused)
    low = lambda: torch.autocast("cpu", torch.bfloat16) if c["precision"] == "bf16" else contextlib.nullcontext()

    def loss_of(tokens):
        with low():
            scores = m(tokens[:, :-1])
        return F.cross_entropy(scores.float().reshape(-1, vocabulary), tokens[:, 1:].reshape(-1))

    if c["mode"] == "compile":
        loss_of = torch.compile(loss_of)
    seconds, cpu, began = [], 0, time.perf_counter()
    for step in range(c["steps"] + 3):
        tokens = torch.randint(0, vocabulary, (c["sequences"], c["length"] + 1))
        begin, used = time.perf_counter(), time.process_time()
        loss = loss_of(tokens)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        opt.step()
        loss.item()
        if step >= 3:
            seconds.append(time.perf_counter() - begin)
            cpu += time.process_time() - used
    seconds.sort()
    print(json.dumps(dict(seconds=seconds[len(seconds) // 2], fastest=seconds[0], cpu=cpu / len(seconds),
                          mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, version=torch.__version__)))


product() if c["mode"] == "product" else main()

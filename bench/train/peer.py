"""The peer of bench/train: the same Llama, loss, clipping and AdamW in PyTorch eager, on random
tokens. Prints one JSON line: seconds per step (median), CPU seconds per step (mean), peak memory in MiB."""
import json, math, resource, sys, time
import torch, torch.nn as nn, torch.nn.functional as F


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.gamma * x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)


class Block(nn.Module):
    def __init__(self, width, heads, ffn):
        super().__init__()
        self.heads = heads
        linear = lambda o, i: nn.Linear(i, o, bias=False)
        self.q, self.k, self.v, self.o = (linear(width, width) for _ in range(4))
        self.gate, self.up, self.down = linear(ffn, width), linear(ffn, width), linear(width, ffn)
        self.n1, self.n2 = Norm(width), Norm(width)

    def forward(self, x, cos, sin, mask):
        b, t, d = x.shape
        y = self.n1(x)
        split = lambda z: z.view(b, t, self.heads, d // self.heads).transpose(1, 2)
        q, k, v = split(self.q(y)), split(self.k(y)), split(self.v(y))
        half = q.shape[-1] // 2
        turn = lambda z: torch.cat([z[..., :half] * cos - z[..., half:] * sin, z[..., half:] * cos + z[..., :half] * sin], -1)
        s = (turn(q) @ turn(k).transpose(-1, -2)) / math.sqrt(d // self.heads)
        a = s.masked_fill(mask, float("-inf")).softmax(-1)
        x = x + self.o((a @ v).transpose(1, 2).reshape(b, t, d))
        y = self.n2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    def __init__(self, layers, width, heads, ffn, vocabulary, length):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, ffn) for _ in range(layers))
        self.norm = Norm(width)
        half = width // heads // 2
        angle = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(half) / half)[None, :]
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        self.register_buffer("mask", torch.triu(torch.ones(length, length, dtype=torch.bool), 1))

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin, self.mask)
        return self.norm(x) @ self.embedding.weight.T


def main():
    c = json.loads(sys.argv[1])
    torch.set_num_threads(c["threads"])
    torch.manual_seed(1)
    m = Llama(c["layers"], c["width"], c["heads"], c["ffn"], 256, c["length"])
    decay = [p for p in m.parameters() if p.dim() >= 2]
    rest = [p for p in m.parameters() if p.dim() < 2]
    opt = torch.optim.AdamW([dict(params=decay, weight_decay=0.1), dict(params=rest, weight_decay=0.0)], lr=1e-3, betas=(0.9, 0.95))
    seconds, cpu = [], 0
    for step in range(c["steps"] + 3):
        tokens = torch.randint(0, 256, (c["sequences"], c["length"] + 1))
        begin, used = time.perf_counter(), time.process_time()
        loss = F.cross_entropy(m(tokens[:, :-1]).reshape(-1, 256), tokens[:, 1:].reshape(-1))
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        opt.step()
        loss.item()
        if step >= 3:
            seconds.append(time.perf_counter() - begin)
            cpu += time.process_time() - used
    seconds.sort()
    print(json.dumps(dict(seconds=seconds[len(seconds) // 2], cpu=cpu / len(seconds), mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                          version=torch.__version__)))


main()

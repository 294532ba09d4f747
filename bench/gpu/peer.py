"""What scripts/gpu-check compares with: the same Llama, loss, clipping and AdamW in PyTorch with its fast paths:
torch.compile, flash attention, fused AdamW, bf16 autocast over fp32 weights. Random tokens.

    peer.py '{"layers": 12, "width": 768, "heads": 12, "kv_heads": 12, "ffn": 2048, "vocabulary": 50257,
              "sequences": 16, "length": 1024, "theta": 10000, "device": "cuda", "seconds": 15}'

Features that the installation lacks are left out, with a message on stderr. Prints one JSON line, with "skipped" if
PyTorch or the device is missing."""
import contextlib, json, sys, time

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as e:
    print(json.dumps({"skipped": f"PyTorch cannot be imported: {e}"}))
    sys.exit(0)

without = []


def lacking(what):
    without.append(what)
    print("peer.py: without " + what, file=sys.stderr)


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.gamma * x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    t = q.shape[-2]
    later = torch.triu(torch.ones(t, t, dtype=torch.bool, device=q.device), 1)
    scores = (q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5
    return scores.masked_fill(later, float("-inf")).softmax(-1) @ v


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv_heads = c["heads"], c["kv_heads"]
        width, ffn = c["width"], c["ffn"]
        narrow = width // self.heads * self.kv_heads
        linear = lambda o, i: nn.Linear(i, o, bias=False)
        self.q, self.k, self.v, self.o = linear(width, width), linear(narrow, width), linear(narrow, width), linear(width, width)
        self.gate, self.up, self.down = linear(ffn, width), linear(ffn, width), linear(width, ffn)
        self.n1, self.n2 = Norm(width), Norm(width)

    def forward(self, x, cos, sin):
        b, t, d = x.shape
        y = self.n1(x)
        split = lambda z, heads: z.view(b, t, heads, d // self.heads).transpose(1, 2)
        half = d // self.heads // 2
        turn = lambda z: torch.cat([z[..., :half] * cos - z[..., half:] * sin, z[..., half:] * cos + z[..., :half] * sin], -1).to(z.dtype)
        q, k, v = turn(split(self.q(y), self.heads)), turn(split(self.k(y), self.kv_heads)), split(self.v(y), self.kv_heads)
        if self.kv_heads < self.heads:
            k, v = (z.repeat_interleave(self.heads // self.kv_heads, 1) for z in (k, v))
        x = x + self.o(attend(q, k, v).transpose(1, 2).reshape(b, t, d))
        y = self.n2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embedding = nn.Embedding(c["vocabulary"], c["width"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.norm = Norm(c["width"])
        half = c["width"] // c["heads"] // 2
        angle = torch.arange(c["length"])[:, None] * float(c["theta"]) ** (-torch.arange(half) / half)[None, :]
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def flash(device):
    """Makes F.scaled_dot_product_attention take its flash kernel, or fail."""
    if device != "cuda":
        return contextlib.nullcontext()
    try:
        from torch.nn.attention import SDPBackend, sdpa_kernel
        return sdpa_kernel(SDPBackend.FLASH_ATTENTION)
    except ImportError:
        lacking("a choice of attention kernel")
        return contextlib.nullcontext()


def main():
    c = json.loads(sys.argv[1])
    device = c["device"]
    if device == "cuda" and not torch.cuda.is_available():
        print(json.dumps({"skipped": f"PyTorch {torch.__version__} sees no CUDA device"}))
        return
    torch.manual_seed(1)
    model = Llama(c).to(device)
    parameters = sum(p.numel() for p in model.parameters())
    groups = [dict(params=[p for p in model.parameters() if p.dim() >= 2], weight_decay=0.1),
              dict(params=[p for p in model.parameters() if p.dim() < 2], weight_decay=0.0)]
    fused = dict(fused=True) if device == "cuda" else {}
    if not fused:
        lacking("fused AdamW, which is for CUDA")
    if not hasattr(F, "scaled_dot_product_attention"):
        lacking("flash attention: this PyTorch has none")
    opt = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), **fused)
    step = model
    if hasattr(torch, "compile") and device == "cuda":
        step = torch.compile(model)
    else:
        lacking("torch.compile")
    shape = (c["sequences"], c["length"] + 1)
    batches = [torch.randint(0, c["vocabulary"], shape, device=device) for _ in range(8)]
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def train(n):
        for i in range(n):
            tokens = batches[i % len(batches)]
            with torch.autocast(device, dtype=torch.bfloat16):
                loss = step(tokens[:, :-1], tokens[:, 1:])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
        wait()
        return loss.item()

    with flash(device):
        begin = time.perf_counter()
        train(3)
        compiling = time.perf_counter() - begin
        begin, steps, each = time.perf_counter(), 0, 1
        while time.perf_counter() - begin < c["seconds"]:
            loss = train(each)
            steps += each
            each = min(50, each * 2)  # so that waiting for the device is rare
        seconds = time.perf_counter() - begin
    print(json.dumps(dict(
        torch=torch.__version__, cuda=torch.version.cuda, without=without, parameters=parameters, steps=steps, seconds=seconds, loss=loss,
        tokens_per_second=steps * c["sequences"] * c["length"] / seconds, compile_seconds=compiling,
        device_bytes=torch.cuda.max_memory_allocated() if device == "cuda" else None)))


main()

"""The peer of bench/train in JAX: the same model, loss, clipping and AdamW on random tokens, one compiled
step. Prints what peer.py prints."""
import json, math, os, resource, sys, time

c = json.loads(sys.argv[1])
if c["threads"] == 1:  # XLA has a thread for each core that the process may use
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["JAX_PLATFORMS"] = "cpu"
import jax, jax.numpy as jnp, optax
import numpy as np

GPT2 = c["model"] == "gpt2"
FACTORS = jnp.bfloat16 if c["precision"] == "bf16" else jnp.float32


def dot(x, w):
    """x [..., in] times w [out, in]; sums are in float32."""
    return jax.lax.dot_general(x.astype(FACTORS), w.astype(FACTORS), (((x.ndim - 1,), (1,)), ((), ())), preferred_element_type=jnp.float32)


def norm(p, x):
    if GPT2:
        x = x - x.mean(-1, keepdims=True)
    y = p["gamma"] * x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    return y + p["beta"] if GPT2 else y


def linear(p, x):
    y = dot(x, p["w"])
    return y + p["b"] if GPT2 else y


def init(rng):
    def matrix(o, i):
        p = {"w": jnp.asarray(rng.normal(0, 0.02, (o, i)), jnp.float32)}
        return p | {"b": jnp.zeros(o)} if GPT2 else p

    d, f = c["width"], c["ffn"]
    gain = lambda: {"gamma": jnp.ones(d)} | ({"beta": jnp.zeros(d)} if GPT2 else {})
    blocks = []
    for _ in range(c["layers"]):
        b = {"o": matrix(d, d), "up": matrix(f, d), "down": matrix(d, f), "n1": gain(), "n2": gain()}
        b |= {"qkv": matrix(3 * d, d)} if GPT2 else {"q": matrix(d, d), "k": matrix(d, d), "v": matrix(d, d), "gate": matrix(f, d)}
        blocks.append(b)
    p = {"embedding": jnp.asarray(rng.normal(0, 0.02, (c["vocabulary"], d)), jnp.float32), "blocks": blocks, "norm": gain()}
    return p | {"positions": jnp.zeros((c["length"], d))} if GPT2 else p


def forward(p, tokens):
    x = p["embedding"][tokens]
    b, t, d = x.shape
    h = c["heads"]
    half = d // h // 2
    if GPT2:
        x = x + p["positions"]
    angle = np.arange(t)[:, None] * 10000.0 ** (-np.arange(half) / half)[None, :]
    cos, sin = jnp.float32(np.cos(angle))[None, :, None], jnp.float32(np.sin(angle))[None, :, None]
    turn = lambda z: jnp.concatenate([z[..., :half] * cos - z[..., half:] * sin, z[..., half:] * cos + z[..., :half] * sin], -1)
    split = lambda z: z.reshape(b, t, h, d // h)
    mask = np.triu(np.ones((t, t), bool), 1)
    for block in p["blocks"]:
        y = norm(block["n1"], x)
        if GPT2:
            q, k, v = (split(z) for z in jnp.split(linear(block["qkv"], y), 3, -1))
        else:
            q, k, v = turn(split(linear(block["q"], y))), turn(split(linear(block["k"], y))), split(linear(block["v"], y))
        q, k, v = (z.astype(FACTORS) for z in (q, k, v))
        s = jnp.einsum("bthd,bshd->bhts", q, k, preferred_element_type=jnp.float32) / math.sqrt(d // h)
        a = jax.nn.softmax(jnp.where(mask, -jnp.inf, s), -1).astype(FACTORS)
        x = x + linear(block["o"], jnp.einsum("bhts,bshd->bthd", a, v, preferred_element_type=jnp.float32).reshape(b, t, d))
        y = norm(block["n2"], x)
        up = linear(block["up"], y)
        x = x + linear(block["down"], jax.nn.gelu(up, approximate=False) if GPT2 else jax.nn.silu(linear(block["gate"], y)) * up)
    return dot(norm(p["norm"], x), p["embedding"])


def loss(p, tokens):
    return optax.softmax_cross_entropy_with_integer_labels(forward(p, tokens[:, :-1]), tokens[:, 1:]).mean()


def main():
    p = init(np.random.default_rng(1))
    decay = jax.tree.map(lambda x: x.ndim >= 2, p)
    opt = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3, b1=0.9, b2=0.95, weight_decay=0.1, mask=decay))
    state = opt.init(p)

    def step(p, state, tokens):
        value, grads = jax.value_and_grad(loss)(p, tokens)
        updates, state = opt.update(grads, state, p)
        return optax.apply_updates(p, updates), state, value

    step = jax.jit(step, donate_argnums=(0, 1))
    rng, seconds, cpu = np.random.default_rng(2), [], 0
    for i in range(c["steps"] + 3):
        tokens = rng.integers(0, c["vocabulary"], (c["sequences"], c["length"] + 1), np.int32)
        begin, used = time.perf_counter(), time.process_time()
        p, state, value = step(p, state, tokens)
        float(value)
        if i >= 3:
            seconds.append(time.perf_counter() - begin)
            cpu += time.process_time() - used
    seconds.sort()
    print(json.dumps(dict(seconds=seconds[len(seconds) // 2], fastest=seconds[0], cpu=cpu / len(seconds),
                          mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, version=jax.__version__)))


def product():
    x = jnp.asarray(np.random.default_rng(1).random((1024, 1024)), FACTORS)
    multiply = jax.jit(lambda x: jax.lax.dot(x, x, preferred_element_type=jnp.float32))
    multiply(x).block_until_ready()
    best, began = math.inf, time.perf_counter()
    for _ in range(20):
        at = time.perf_counter()
        multiply(x).block_until_ready()
        best = min(best, time.perf_counter() - at)
        if time.perf_counter() - began > 10:
            break
    print(json.dumps(dict(product=2 * 1024**3 / best, library="XLA's CPU backend", version=jax.__version__)))


product() if c["mode"] == "product" else main()

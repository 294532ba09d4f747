"""QK-clip in plain Python with float64, written from algorithm 1 of arXiv 2507.20534 and not from the Go code. Prints
the values that qkclip_test.go compares with, as JSON.

    python3 stages/optimizer/testdata/qkclip.py >stages/optimizer/testdata/qkclip.json
"""
import json, math


def clipped(weight, scores, key_heads, parts, others, limit):
    """Rows of weight: parts that make queries or keys, then others. Each part has equal shares for the key heads."""
    per_part = len(weight) // (parts + others)
    group, share = len(scores) // key_heads, per_part // key_heads
    out = []
    for r, row in enumerate(weight):
        factor = 1.0
        if r < parts * per_part:
            head = r % per_part // share
            largest = max(scores[head * group:(head + 1) * group])
            if largest > limit:
                factor = math.sqrt(limit / largest)
        out.append([factor * x for x in row])
    return out


def case(name, rows, columns, scores, key_heads, parts, others, limit):
    weight = [[math.sin(3 * (r * columns + c) + 1) for c in range(columns)] for r in range(rows)]
    flat = lambda m: [x for row in m for x in row]
    return {"name": name, "rows": rows, "columns": columns, "scores": scores, "key_heads": key_heads, "parts": parts, "others": others,
            "limit": limit, "weight": flat(weight), "clipped": flat(clipped(weight, scores, key_heads, parts, others, limit))}


cases = [
    case("heads of their own", 8, 3, [250.0, 99.0, 100.0, 101.0], 4, 1, 0, 100.0),
    case("shared heads", 8, 3, [3.0, 7.0, 1.0, 2.0], 2, 1, 0, 4.0),
    case("fused", 12, 2, [5.0, -3.0], 2, 2, 1, 0.5),
    case("fused bias", 12, 1, [0.25, 9.0], 2, 2, 1, 0.5),
    case("negative scores", 4, 2, [-1.0, -8.0], 2, 1, 0, 0.5),
]
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")

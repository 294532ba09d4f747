"""Reads a safetensors file with nothing but Python's own library and prints each tensor's name,
dtype, shape, first number and sum of squares. An independent check of what ablate writes.

    python3 scripts/read-safetensors.py model.safetensors
"""
import json, struct, sys

with open(sys.argv[1], "rb") as f:
    raw = f.read()
(size,) = struct.unpack_from("<Q", raw)
header = json.loads(raw[8 : 8 + size])
data, used = raw[8 + size :], 0
assert (8 + size) % 8 == 0, "the tensors do not begin at a multiple of eight bytes"
for name, t in sorted(header.items()):
    if name == "__metadata__":
        continue
    begin, end = t["data_offsets"]
    count = 1
    for d in t["shape"]:
        count *= d
    letter = {"F32": "f", "I32": "i"}[t["dtype"]]
    assert end - begin == 4 * count, f"{name}: {end - begin} bytes for the shape {t['shape']}"
    numbers = struct.unpack_from(f"<{count}{letter}", data, begin)
    used += end - begin
    print(name, t["dtype"], "x".join(map(str, t["shape"])) or "scalar", f"{numbers[0]:.6g}", f"{sum(x * x for x in numbers):.6g}")
assert used == len(data), f"{len(data) - used} bytes belong to no tensor"

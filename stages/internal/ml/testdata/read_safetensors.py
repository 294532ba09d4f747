"""Reads a safetensors file with nothing but the standard library."""
import json
import struct
import sys

with open(sys.argv[1], "rb") as f:
    (length,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(length))
    data = f.read()
codes = {"F32": "f", "I32": "i"}
for name in sorted(header):
    begin, end = header[name]["data_offsets"]
    count = (end - begin) // 4
    values = list(struct.unpack(f"<{count}{codes[header[name]['dtype']]}", data[begin:end]))
    if header[name]["dtype"] == "F32":
        values = [float(f"{v:.8g}") for v in values]
    print(name, header[name]["shape"], values)

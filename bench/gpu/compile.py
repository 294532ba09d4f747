"""Compiles StableHLO programs for an H100 on a machine without one, with the XLA of JAX's CUDA plugin.

  python3 compile.py FILE.mlir ...

Prints a JSON line for each: the bytes of inputs that outputs take over, of copies that XLA added outside of its kernels, of
temporary memory, and what its kernels read and write; a loop counts once. Kernels are not chosen by timing, so that products run
in other kernels than on a device. scripts/cuda-compile makes an environment for it."""
import json, os, pathlib, re, sys

os.environ.setdefault("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1")
CUDA = next(iter(sorted(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/nvidia/cu13"))), None)
os.environ["XLA_FLAGS"] = f"--xla_gpu_autotune_level=0 --xla_gpu_cuda_data_dir={CUDA}"

import numpy as np
from jax._src import compiler
from jax._src.interpreters import mlir
from jax.experimental import topologies
from jaxlib import _jax
from jaxlib.mlir import ir

# From NVIDIA's data sheet and CUDA's device properties of an H100 SXM.
DEVICE = """
gpu_device_info {
  cuda_compute_capability { major: 9 }
  threads_per_block_limit: 1024
  threads_per_warp: 32
  threads_per_core_limit: 2048
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  registers_per_block_limit: 65536
  registers_per_core_limit: 65536
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  l2_cache_size: 52428800
  memory_bandwidth: 3352320000000
  device_memory_size: 84929347584
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 12 }
runtime_version { major: 13 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""

BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "f32": 4, "s32": 4, "u32": 4, "f64": 8, "s64": 8, "u64": 8}
TYPE = re.compile(r"\b(%s)\[([\d,]*)\]" % "|".join(BYTES))
INSTRUCTION = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\(([^)]*)\)(.*)$")
FREE = {"parameter", "get-tuple-element", "tuple", "bitcast", "constant", "while", "conditional"}  # run no kernel
PARTIAL = {"slice", "dynamic-slice", "gather"}  # read no more than they return


def size(types):
    return sum(BYTES[t] * int(np.prod([int(d) for d in dims.split(",") if d], dtype=np.int64)) for t, dims in TYPE.findall(types))


def computations(text):
    """The instructions of each computation: name, type, operation, operands, attributes. The entry has the name ENTRY."""
    found, into = {}, None
    for line in text.splitlines():
        if head := re.match(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{", line):
            into = found.setdefault("ENTRY" if head[1] else head[2], [])
        elif line.startswith("}"):
            into = None
        elif into is not None and (m := INSTRUCTION.match(line)):
            into.append((m[1], m[2], m[3], re.findall(r"%([\w.\-]+)", m[4]), m[5]))
    return found


def read(called, types):
    """The bytes that a kernel reads of its operands. One of which it only takes a part counts with that part."""
    total = 0
    parameters = [i for i in called if i[2] == "parameter"]
    for name, own, *_ in parameters:
        users = [i for i in called if name in i[3]]
        if users and all(u[2] in PARTIAL and u[3][0] == name for u in users):
            total += sum(size(u[1]) for u in users)
        else:
            total += size(own)
    return total


def traffic(of, all):
    """What the kernels of a computation and its loops read and write, and the copies among them."""
    moved = copied = 0
    types = {name: own for name, own, *_ in all[of]}
    for name, own, op, operands, rest in all[of]:
        if op == "while":
            more = traffic(re.search(r"body=%?([\w.\-]+)", rest)[1], all)
            moved, copied = moved + more[0], copied + more[1]
        if op in FREE:
            continue
        called = re.search(r"calls=%?([\w.\-]+)", rest)
        inputs = read(all[called[1]], types) if called else sum(size(types.get(o, "")) for o in operands)
        moved += inputs + size(own)
        copied += size(own) if op == "copy" else 0
    return moved, copied


def main():
    devices = topologies.get_topology_desc(platform="cuda", topology_name="", target_config=DEVICE, topology="1x1x1").devices
    options = compiler.get_compile_options(num_replicas=1, num_partitions=1, device_assignment=np.array([[0]]))
    for path in sys.argv[1:]:
        with mlir.make_ir_context():
            program = ir.Module.parse(pathlib.Path(path).read_text())
            compiled = devices[0].client.compile(program, _jax.DeviceList(tuple(devices)), options)
        memory = compiled.get_compiled_memory_stats()
        moved, copied = traffic("ENTRY", computations(compiled.hlo_modules()[0].to_string()))
        print(json.dumps(dict(program=pathlib.Path(path).stem, aliased=memory.alias_size_in_bytes, inputs=memory.argument_size_in_bytes,
                              temporary=memory.temp_size_in_bytes, moved=moved, copied=copied)), flush=True)


main()

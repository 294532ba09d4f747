#!/usr/bin/env bash
# Makes a virtual environment with the current PyTorch and JAX for bench/train, and
# prints their versions: bench/train/peers.sh DIR [PYTHON]. PyTorch's wheel for
# x86-64 cannot be imported without CUDA's libraries, so DIR takes 6 GB; delete it
# afterwards. torch.compile needs a C++ compiler and Python's headers. The newest JAX
# needs a newer Python than Debian 12's 3.11.
set -euo pipefail
dir=$1 python=${2:-python3}
"$python" -m venv "$dir"
"$dir/bin/pip" install --quiet --upgrade torch jax optax numpy
"$dir/bin/python" - <<'END'
import platform, jax, torch
print("Python", platform.python_version(), "PyTorch", torch.__version__, "JAX", jax.__version__)
END

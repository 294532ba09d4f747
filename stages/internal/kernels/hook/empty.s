// This file lets the compiler accept functions without a body, which the linker provides.

// The WebAssembly module has no source of its own: it is linked from the C interface's functions.

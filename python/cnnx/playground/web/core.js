// The C interface of cnnx, `cnnx.wasm`, as functions of JavaScript: memory, texts and errors.

/** The answer to every call of the operating system except the clock: there are no files. */
const NOT_SUPPORTED = 52;

/** An error that cnnx reported, with its sentence. */
export class CnnxError extends Error {}

/** Memory that is freed together, such as that of one call. */
export class Scope {
  /** @param {Core} core */
  constructor(core) {
    this.core = core;
    /** @type {number[]} */
    this.addresses = [];
  }

  /**
   * @param {number} bytes
   * @returns {number} address of new memory
   */
  room(bytes) {
    const address = this.core.functions.malloc(Math.max(bytes, 8));
    if (address === 0) throw new CnnxError(`no memory for ${bytes} bytes`);
    this.addresses.push(address);
    return address;
  }

  /**
   * @param {ArrayBufferView} values copied into new memory
   * @returns {number} address
   */
  copy(values) {
    const address = this.room(values.byteLength);
    this.core.bytes(address, values.byteLength).set(
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    );
    return address;
  }

  /**
   * @param {string} text
   * @returns {number} address of the text in UTF-8 with a zero byte
   */
  text(text) {
    return this.copy(new TextEncoder().encode(`${text}\0`));
  }

  /**
   * @param {string[]} texts
   * @returns {number} address of an array of texts
   */
  texts(texts) {
    return this.copy(Uint32Array.from(texts, (text) => this.text(text)));
  }

  free() {
    for (const address of this.addresses) this.core.functions.free(address);
  }
}

/** A running module. */
export class Core {
  /** @param {WebAssembly.Instance} instance */
  constructor(instance) {
    /** @type {Record<string, any>} */
    this.functions = instance.exports;
    this.memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    this.functions._initialize();
  }

  /**
   * @param {BufferSource} bytes of cnnx.wasm
   * @returns {Promise<Core>}
   */
  static async start(bytes) {
    const module = await WebAssembly.compile(bytes);
    /** @type {Core | undefined} */
    let core;
    /** @type {Record<string, Record<string, Function>>} */
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {};
      imports[from][name] = () => (name.startsWith("__syscall") ? -NOT_SUPPORTED : NOT_SUPPORTED);
    }
    const system = (imports.wasi_snapshot_preview1 ??= {});
    system.clock_time_get = (/** @type {number} */ _, /** @type {bigint} */ __, /** @type {number} */ to) => {
      core?.view().setBigInt64(to, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    };
    system.environ_sizes_get = (/** @type {number} */ count, /** @type {number} */ size) => {
      core?.view().setUint32(count, 0, true);
      core?.view().setUint32(size, 0, true);
      return 0;
    };
    system.environ_get = () => 0;
    const instance = await WebAssembly.instantiate(
      module,
      /** @type {WebAssembly.Imports} */ (/** @type {unknown} */ (imports)),
    );
    core = new Core(instance);
    return core;
  }

  /** @returns {DataView} of all memory, valid until it grows */
  view() {
    return new DataView(this.memory.buffer);
  }

  /**
   * @param {number} address
   * @param {number} length
   * @returns {Uint8Array} memory, valid until it grows
   */
  bytes(address, length) {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  /**
   * @param {number} address
   * @param {number} length
   * @returns {Float32Array} a copy of numbers in memory
   */
  floats(address, length) {
    return new Float32Array(this.memory.buffer, address, length).slice();
  }

  /**
   * @param {number} address
   * @returns {number} a 64-bit integer in memory
   */
  integer(address) {
    return Number(this.view().getBigInt64(address, true));
  }

  /**
   * @param {number} address
   * @returns {string} a text in memory
   */
  textAt(address) {
    const memory = new Uint8Array(this.memory.buffer);
    return new TextDecoder().decode(memory.slice(address, memory.indexOf(0, address)));
  }

  /**
   * Calls a function that returns a status.
   *
   * @param {string} name without "cnnx_"
   * @param {(number | bigint)[]} values
   */
  call(name, ...values) {
    if (this.functions[`cnnx_${name}`](...values) !== 0) {
      throw new CnnxError(this.textAt(this.functions.cnnx_error_message()));
    }
  }

  /**
   * Runs a function with memory that is freed afterwards.
   *
   * @template Result
   * @param {(scope: Scope) => Result} use
   * @returns {Result}
   */
  scoped(use) {
    const scope = new Scope(this);
    try {
      return use(scope);
    } finally {
      scope.free();
    }
  }

  /**
   * Calls a function whose last argument is a pointer to the handle that it creates.
   *
   * @param {Scope} scope
   * @param {string} name without "cnnx_"
   * @param {(number | bigint)[]} values
   * @returns {number} the handle
   */
  create(scope, name, ...values) {
    const handle = scope.room(4);
    this.call(name, ...values, handle);
    return this.view().getUint32(handle, true);
  }
}

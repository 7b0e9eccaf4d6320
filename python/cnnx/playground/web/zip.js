// Writer of ZIP archives whose files are stored without compression, as PNG files need none.

const MOST_ZIP_FILES = 65534;
const ZIP_VERSION = 20;
const ZIP_NAMES_ARE_UTF8 = 0x800;
const ZIP_DATE = 0x21; // 1 January 1980, so that the same files give the same archive

/** Remainders of CRC-32 for each byte. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  }
  return value;
});

/**
 * CRC-32 of bytes, as ZIP and PNG use it.
 * @param {Uint8Array} bytes
 * @returns {number} unsigned
 */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/**
 * One array with the bytes of several.
 * @param {Uint8Array[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function joinedBytes(parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * Bytes of little-endian numbers.
 * @param {Array<[number, number]>} fields pairs of a size in bytes, 2 or 4, and a number
 * @returns {Uint8Array}
 */
function littleEndian(fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((length, [size]) => length + size, 0)));
  let offset = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
    offset += size;
  }
  return new Uint8Array(view.buffer);
}

/**
 * Bytes of a ZIP archive with some files.
 * @param {Array<{name: string, bytes: Uint8Array}>} files names may contain folders: "X/0001.png"
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function zipArchive(files) {
  if (files.length > MOST_ZIP_FILES) {
    throw new Error(
      `zipArchive: files holds ${files.length}, expected at most ${MOST_ZIP_FILES}: ` +
        "remove some images",
    );
  }
  /** @type {Uint8Array[]} */
  const entries = [];
  /** @type {Uint8Array[]} */
  const directory = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const nameBytes = new TextEncoder().encode(name);
    /** @type {Array<[number, number]>} the fields that an entry shares with the directory */
    const fields = [
      [2, ZIP_VERSION],
      [2, ZIP_NAMES_ARE_UTF8],
      [2, 0], // stored
      [2, 0], // midnight
      [2, ZIP_DATE],
      [4, crc32(bytes)],
      [4, bytes.length],
      [4, bytes.length],
      [2, nameBytes.length],
      [2, 0], // no extra fields
    ];
    const entry = [littleEndian([[4, 0x04034b50], ...fields]), nameBytes, bytes];
    entries.push(...entry);
    directory.push(
      littleEndian([
        [4, 0x02014b50],
        [2, ZIP_VERSION],
        ...fields,
        [2, 0], // no comment
        [2, 0], // first disk
        [2, 0], // binary
        [4, 0], // no attributes
        [4, offset],
      ]),
      nameBytes,
    );
    offset += entry.reduce((length, part) => length + part.length, 0);
  }
  const directoryBytes = joinedBytes(directory);
  const end = littleEndian([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, files.length],
    [2, files.length],
    [4, directoryBytes.length],
    [4, offset],
    [2, 0],
  ]);
  return joinedBytes([...entries, directoryBytes, end]);
}

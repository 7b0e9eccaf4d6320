// Tests of the ZIP writer; tests/playground/test_collected_images.py reads its archives with Python.

import assert from "node:assert/strict";
import test from "node:test";

import { crc32, joinedBytes, zipArchive } from "../../../python/cnnx/playground/web/zip.js";

test("CRC-32 of the digits is the check value of its specification", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array()), 0);
});

test("an archive without files is the end of a directory", () => {
  const archive = zipArchive([]);
  assert.deepEqual([...archive.subarray(0, 4)], [0x50, 0x4b, 5, 6]);
  assert.equal(archive.length, 22);
});

test("an archive holds the bytes of its files and points to them", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const archive = zipArchive([
    { name: "a", bytes: Uint8Array.of(9) },
    { name: "b", bytes },
  ]);
  const view = new DataView(archive.buffer);
  const directory = view.getUint32(archive.length - 6, true);
  const second = directory + 46 + 1;
  assert.equal(view.getUint32(second, true), 0x02014b50);
  const offset = view.getUint32(second + 42, true);
  assert.equal(view.getUint32(offset, true), 0x04034b50);
  assert.deepEqual(archive.slice(offset + 31, offset + 34), bytes);
});

test("too many files are refused with their number", () => {
  const files = Array.from({ length: 65535 }, () => ({ name: "", bytes: new Uint8Array() }));
  assert.throws(() => zipArchive(files), /files holds 65535, expected at most 65534/);
});

test("joined bytes keep their order", () => {
  const parts = [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)];
  assert.deepEqual(joinedBytes(parts), Uint8Array.of(1, 2, 3));
});

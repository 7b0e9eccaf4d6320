// The image files of a drop, also those in dropped folders.

/**
 * The entries of a folder, in the order of their names.
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOfFolder(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const entries = [];
  let count = -1;
  while (entries.length > count) {
    count = entries.length;
    // Each call gives some of the entries, the last one none.
    entries.push(...(await new Promise((resolve, reject) => reader.readEntries(resolve, reject))));
  }
  return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/**
 * The file of an entry, or all files in its folder.
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>}
 */
async function filesOfEntry(entry) {
  if (entry.isFile) {
    const file = /** @type {FileSystemFileEntry} */ (entry);
    return [await new Promise((resolve, reject) => file.file(resolve, reject))];
  }
  const folder = /** @type {FileSystemDirectoryEntry} */ (entry);
  /** @type {File[]} */
  const files = [];
  for (const each of await entriesOfFolder(folder)) files.push(...(await filesOfEntry(each)));
  return files.filter((file) => file.type.startsWith("image/"));
}

/**
 * The files that were dropped, and the images in folders that were dropped.
 * @param {DataTransfer | null} transfer
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(transfer) {
  // The list of items is empty after the event, so all entries are taken before the first pause.
  const entries = [...(transfer?.items ?? [])]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  const files = await Promise.all(entries.map(filesOfEntry));
  return files.flat();
}

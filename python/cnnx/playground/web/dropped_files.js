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
 * The images of a folder and of the folders in it.
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<File[]>}
 */
async function imagesOfFolder(folder) {
  /** @type {File[]} */
  const files = [];
  for (const entry of await entriesOfFolder(folder)) {
    if (entry.isDirectory) {
      files.push(...(await imagesOfFolder(/** @type {FileSystemDirectoryEntry} */ (entry))));
    } else {
      const file = /** @type {FileSystemFileEntry} */ (entry);
      files.push(await new Promise((resolve, reject) => file.file(resolve, reject)));
    }
  }
  return files.filter((file) => file.type.startsWith("image/"));
}

/**
 * The files that were dropped, and the images in folders that were dropped.
 * @param {DataTransfer | null} transfer
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(transfer) {
  // The list of items is empty after the event, so all are taken before the first pause.
  const parts = [...(transfer?.items ?? [])].map((item) => {
    const entry = item.webkitGetAsEntry();
    if (entry?.isDirectory) return imagesOfFolder(/** @type {FileSystemDirectoryEntry} */ (entry));
    const file = item.getAsFile();
    return file ? [file] : [];
  });
  return (await Promise.all(parts)).flat();
}

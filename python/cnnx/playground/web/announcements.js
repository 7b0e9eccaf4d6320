// Announcements for screen readers, of which a quick sequence speaks the last only.

const PAUSE = 500; // milliseconds

/** @type {ReturnType<typeof setTimeout> | undefined} */
let pendingAnnouncement;

/**
 * Speak a text once nothing else is announced for a moment.
 * @param {string} text
 */
export function announce(text) {
  clearTimeout(pendingAnnouncement);
  pendingAnnouncement = setTimeout(() => {
    const region = document.getElementById("announcements");
    if (region && region.textContent !== text) region.textContent = text;
  }, PAUSE);
}

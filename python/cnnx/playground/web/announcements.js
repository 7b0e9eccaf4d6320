// Announcements for screen readers, of which a quick sequence about one topic speaks the last only.

const PAUSE = 500; // milliseconds

/** @type {Map<string, string>} */
const waiting = new Map();

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Speak a text once nothing else is announced for a moment, after those of other topics that wait.
 * @param {string} topic a text that waits is replaced by a newer one of its topic alone
 * @param {string} text
 */
export function announce(topic, text) {
  waiting.delete(topic);
  waiting.set(topic, text);
  clearTimeout(timer);
  timer = setTimeout(speakNext, PAUSE);
}

function speakNext() {
  for (const [topic, text] of waiting) {
    waiting.delete(topic);
    const region = document.getElementById("announcements");
    if (region && region.textContent !== text) region.textContent = text;
    if (waiting.size) timer = setTimeout(speakNext, PAUSE);
    return;
  }
}

// What screen readers are given to speak when several things happen at once.

import assert from "node:assert/strict";
import test from "node:test";

import { announce } from "../../../python/cnnx/playground/web/announcements.js";

const ONE_PAUSE = 501; // milliseconds

/** The texts that the page's region has after each pause. */
function spokenIn(mock, pauses) {
  const region = { textContent: "" };
  globalThis.document = { getElementById: () => region };
  return Array.from({ length: pauses }, () => {
    mock.timers.tick(ONE_PAUSE);
    return region.textContent;
  });
}

test("a quick sequence about one topic speaks the last only", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  announce("prediction", "The network says X");
  announce("prediction", "The network says O");
  assert.deepEqual(spokenIn(mock, 2), ["The network says O", "The network says O"]);
});

test("a late prediction does not silence the marked cell", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  announce("cell", "map 1, row 2, column 3: 0.5.");
  announce("prediction", "The network says O");
  assert.deepEqual(spokenIn(mock, 2), ["map 1, row 2, column 3: 0.5.", "The network says O"]);
});

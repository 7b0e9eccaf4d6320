// The worker's side of the engine: answers requests of the page with a session.

import { Core } from "./core.js";
import { Session } from "./session.js";

/** @type {Promise<Session> | undefined} */
let session;

self.onmessage = async (event) => {
  const { id, method, values } = event.data;
  try {
    if (method === "start") session = Core.start(values[0]).then((core) => new Session(core));
    const started = /** @type {any} */ (await session);
    let result;
    if (method === "train") {
      const report = (/** @type {any} */ progress) => self.postMessage({ id, progress });
      result = await started.train(values[0], report);
    } else if (method !== "start") {
      result = started[method](...values);
    }
    self.postMessage({ id, result });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};

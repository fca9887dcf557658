/**
 * Ends because it waits for what nobody will ever set, after a task has failed that nobody awaits.
 *
 * @module
 */

import { createTask, Future } from "@weft/async";

createTask(() => Promise.reject(new Error("no luck")));
await new Future();

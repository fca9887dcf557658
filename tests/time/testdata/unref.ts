/** Ends although sleeps are pending, because they do not keep it alive. */

import { sleep } from "@weft/async";

sleep(60_000, { ref: false }).then(() => console.log("never"));
sleep(Infinity, { ref: false }).then(() => console.log("never"));
await sleep(1, { ref: false }).then(() => console.log("awaited at the top"));
console.log("main ends");

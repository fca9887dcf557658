/** Tests of what may crash the program or hang. */

import { settle } from "../support.ts";

/**
 * Makes a test that fails, and leaves the others of its file alone, when the program crashes under it. Only `surfaces`
 * may become an unhandled rejection.
 */
export function guardedTest(
  name: string,
  fn: () => Promise<void>,
  { surfaces, ...options }: { ignore?: boolean; surfaces?: unknown } = {},
): void {
  Deno.test({
    name,
    timeout: 10_000,
    ...options,
    async fn() {
      let crash!: (error: unknown) => void;
      const crashed = new Promise<never>((_, reject) => crash = reject);
      const onCrash = (event: ErrorEvent | PromiseRejectionEvent) => {
        event.preventDefault();
        if (event instanceof PromiseRejectionEvent && event.reason === surfaces) return;
        const what = event instanceof ErrorEvent ? event.message : "an unhandled rejection";
        const cause = event instanceof ErrorEvent ? event.error : event.reason;
        crash(cause instanceof Error ? new Error(`The program crashes: ${what}`, { cause }) : new Error(what));
      };
      globalThis.addEventListener("error", onCrash);
      globalThis.addEventListener("unhandledrejection", onCrash);
      try {
        await Promise.race([fn().then(() => settle()), crashed]);
      } finally {
        globalThis.removeEventListener("error", onCrash);
        globalThis.removeEventListener("unhandledrejection", onCrash);
      }
    },
  });
}

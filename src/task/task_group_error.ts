/**
 * The failure of a group.
 *
 * @module
 */

import { tellFailures } from "../errors.ts";
import { isOf } from "../core/foreign.ts";
import { checkFunction } from "../core/validate.ts";

/**
 * The error with which a `TaskGroup` rejects if tasks or its body failed, even if there is only one failure.
 *
 * @example Find a failure by its class
 * ```ts
 * import { TaskGroup, TaskGroupError } from "@weft/async";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() =>
 *   TaskGroup.run((group) => {
 *     group.createTask(() => { throw new RangeError("too much"); });
 *   }), TaskGroupError);
 * assertEquals(error.find(RangeError)?.message, "too much");
 * ```
 *
 * @category Run and start
 */
export class TaskGroupError extends AggregateError {
  /** `"TaskGroupError"`. */
  override readonly name = "TaskGroupError";

  /**
   * Makes the error of a group.
   *
   * @param errors The failures in order of completion, that of the body among them.
   * @param label The name of the group in messages.
   */
  constructor(errors: readonly unknown[], label = "TaskGroup") {
    const count = errors.length === 1 ? "1 failure" : `${errors.length} failures`;
    const prefix = `${count} in ${label}: `;
    const failures = tellFailures(errors);
    // Nested groups with one failure would repeat the prefix for each level.
    const repeats = errors.length === 1 && isOf(TaskGroupError, errors[0]) && failures.startsWith(prefix);
    super(errors, repeats ? failures : prefix + failures, { cause: errors[0] });
  }

  /**
   * Finds the first failure of a class, also in nested aggregates.
   *
   * @typeParam E The class.
   * @param type The class.
   * @returns The failure, or `undefined`.
   * @throws {TypeError} If `type` is not a function.
   */
  find<E>(type: abstract new (...args: never[]) => E): E | undefined {
    checkFunction("find failure", "type", type);
    // A list instead of recursion: errors may be nested deeper than the stack, and in circles.
    const left: unknown[] = [...this.errors].reverse();
    const seen = new Set<unknown>();
    while (left.length > 0) {
      const error = left.pop();
      if (error instanceof type) return error;
      if (!(error instanceof AggregateError) || seen.has(error)) continue;
      seen.add(error);
      for (let i = error.errors.length - 1; i >= 0; i--) left.push(error.errors[i]);
    }
    return undefined;
  }
}

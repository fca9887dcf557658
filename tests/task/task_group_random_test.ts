import { assertEquals, assertThrows, equal } from "@std/assert";
import {
  allTasks,
  currentSignal,
  InvalidStateError,
  isCancellation,
  shield,
  type Task,
  TaskGroup,
  TaskGroupError,
  yieldNow,
} from "@weft/async";
import { settle, unhandledIn, withSeeds } from "../support.ts";

/** One group whose tasks do what comes to their minds, and what the group has to come to. */
class Play {
  readonly #random: () => number;
  readonly #depth: number;
  /** What should not have happened, also where no error gets out. */
  readonly #violations: string[];
  readonly #limit: number;
  readonly #controller = new AbortController();
  readonly #tasks: Task<unknown>[] = [];
  /** What was thrown in it besides cancellations, in order. */
  readonly #failures: unknown[] = [];
  /** Those who had not ended when the outside was aborted. */
  #atAbort: Task<unknown>[] = [];
  #bodyCut = false;
  #running = 0;
  #ended = false;

  constructor(random: () => number, depth: number, violations: string[]) {
    this.#random = random;
    this.#depth = depth;
    this.#violations = violations;
    this.#limit = this.#pick([1, 2, Infinity]);
  }

  async run(): Promise<unknown> {
    const options = { signal: this.#controller.signal, concurrency: this.#limit };
    const ended = TaskGroup.run((group) => this.#body(group), options);
    const outcome = await ended.then((value) => ({ value }), (error) => ({ error }));
    this.#ended = true;
    this.#expect(this.#running === 0 && this.#tasks.every((task) => task.done), "it ended before its tasks");
    this.#check(outcome);
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  #check(outcome: { value: unknown } | { error: unknown }): void {
    const failed = this.#failures.length > 0;
    if ("value" in outcome) {
      const cut = this.#bodyCut || this.#atAbort.some((task) => task.cancelled);
      this.#expect(!failed, "a failure was lost");
      this.#expect(!this.#controller.signal.aborted || !cut, "an abort from outside was lost");
    } else if (failed) {
      const { error } = outcome;
      this.#expect(error instanceof TaskGroupError && equal(error.errors, this.#failures), `failures became ${error}`);
    } else {
      const outside = [this.#controller.signal, currentSignal()].filter((signal) => signal.aborted);
      const reasons = outside.map((signal) => signal.reason);
      this.#expect(reasons.includes(outcome.error), `it rejected with ${outcome.error}`);
    }
  }

  async #body(group: TaskGroup): Promise<string> {
    for (let i = this.#int(5); i >= 0; i--) this.#spawn(group);
    try {
      await this.#act(group);
    } catch (error) {
      if (isCancellation(error)) this.#bodyCut = true;
      else this.#failures.push(error);
      throw error;
    }
    return "value";
  }

  #spawn(group: TaskGroup): void {
    if (group.closed) {
      const never = () => void this.#violations.push("a task ran in a closed group");
      assertThrows(() => group.createTask(never), InvalidStateError);
    } else if (this.#tasks.length < 12) {
      const eager = this.#limit === Infinity && this.#chance(0.3);
      this.#tasks.push(group.createTask(() => this.#work(group), { eager }));
    }
  }

  async #work(group: TaskGroup): Promise<void> {
    this.#running++;
    this.#expect(this.#running <= this.#limit, "too many tasks at once");
    try {
      await this.#act(group);
    } catch (error) {
      if (!isCancellation(error)) this.#failures.push(error);
      else if (this.#chance(0.3)) return;
      throw error;
    } finally {
      this.#running--;
    }
  }

  async #act(group: TaskGroup): Promise<void> {
    for (let i = this.#int(6); i > 0; i--) {
      try {
        await this.#step(group);
      } catch (error) {
        if (!isCancellation(error)) throw error;
        await shield(() => yieldNow());
        if (this.#chance(0.2)) this.#fault("cleanup");
        throw error;
      } finally {
        this.#expect(!this.#ended, "something went on after the end");
      }
    }
  }

  async #step(group: TaskGroup): Promise<unknown> {
    const dice = this.#random();
    if (dice < 0.35) return await yieldNow();
    if (dice < 0.45) return await settle(1);
    if (dice < 0.65) return this.#spawn(group);
    if (dice < 0.75) return this.#tasks.length > 0 && this.#pick(this.#tasks).cancel();
    if (dice < 0.80) return group.cancel();
    if (dice < 0.83) return this.#abort();
    if (dice < 0.90) this.#fault("step");
    if (this.#depth > 0) return await new Play(this.#random, this.#depth - 1, this.#violations).run();
  }

  #abort(): void {
    if (this.#controller.signal.aborted) return;
    this.#atAbort = this.#tasks.filter((task) => !task.done);
    this.#controller.abort(new Error("abort from outside"));
  }

  #fault(message: string): never {
    throw new RangeError(message);
  }

  #expect(condition: boolean, violation: string): void {
    if (!condition) this.#violations.push(violation);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#int(items.length)]!;
  }
}

Deno.test("TaskGroup.run() joins everything and reports every failure, whatever its tasks do", async () => {
  await withSeeds(500, async (random) => {
    const violations: string[] = [];
    const play = new Play(random, 2, violations);
    const unhandled = await unhandledIn(() => play.run().catch(() => {}));
    assertEquals({ violations, unhandled, tasks: allTasks().size }, { violations: [], unhandled: [], tasks: 0 });
  });
});

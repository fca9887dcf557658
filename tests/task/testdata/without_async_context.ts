/** A program on a platform without an async context, as browsers are: there only explicit signals count. */

Reflect.deleteProperty(globalThis, "process");

const {
  allTasks,
  createTask,
  currentSignal,
  currentTask,
  gather,
  hasAmbientScope,
  run,
  scope,
  shield,
  sleepForever,
  TaskGroup,
  timeout,
} = await import("@weft/async");

const log = (...words: unknown[]) => console.log(words.join(" "));
const told = (ended: Promise<unknown>) => ended.then(String, (error) => `throws ${error}`);

log("ambient:", hasAmbientScope());

await scope(async (signal, self) => {
  const blind = currentSignal();
  self.cancel(new Error("enough"));
  log("current signal:", blind.aborted, "own signal:", signal.aborted);
  log("wait:", await told(sleepForever({ signal })));
  log("shield:", await shield(() => "saved"));
});

log(
  "group:",
  await told(TaskGroup.run((group) => {
    group.createTask((signal) => sleepForever({ signal }).finally(() => log("sibling ends")));
    group.createTask(() => Promise.reject(new Error("no luck")));
  })),
);

log("timeout:", await told(timeout(0, (signal) => sleepForever({ signal }))));
log("gather:", await told(gather([() => 1, () => Promise.resolve(2)])));

log(
  "run:",
  await told(run(async () => {
    createTask((signal) => sleepForever({ signal }).finally(() => log("leftover ends")));
    log("tasks:", allTasks().size, "current:", currentTask());
    await new Promise(setImmediate);
    return "main ends";
  })),
);

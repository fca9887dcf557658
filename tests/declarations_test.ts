/** The declarations as an old compiler with a small library of types sees them, and the messages for typing errors. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import ts from "npm:typescript@5.6.3";

const MOD = new URL("../mod.ts", import.meta.url).pathname;
const USER = MOD.replace("mod.ts", "user.ts");

/** The package's declarations by their path, made by the compiler of the oldest supported version. */
const declarations = emitDeclarations();

function emitDeclarations(): Map<string, string> {
  const files = new Map<string, string>();
  const program = ts.createProgram([MOD], {
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
    allowImportingTsExtensions: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ESNext,
    types: [],
  });
  const { diagnostics } = program.emit(undefined, (name, text) => files.set(name, text));
  for (const { file, messageText } of diagnostics) {
    throw new Error(`${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
  }
  return files;
}

/** What the compiler says about a program that imports the package: the text it points at, and its first line. */
function errorsIn(source: string): [at: string, message: string][] {
  const options: ts.CompilerOptions = {
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  const ours = (path: string) => path === USER ? source : declarations.get(path);
  host.readFile = (path) => ours(path) ?? readFile.call(host, path);
  // The sources themselves are not there: only what an importer gets.
  host.fileExists = (path) => ours(path) !== undefined || (!isSource(path) && fileExists.call(host, path));
  host.getSourceFile = (path, language) => {
    const text = ours(path);
    return text === undefined
      ? getSourceFile.call(host, path, language)
      : ts.createSourceFile(path, text, language as ts.ScriptTarget);
  };
  const program = ts.createProgram([USER], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, length, messageText }) => [
    file?.text.slice(start!, start! + length!) ?? "",
    `${file?.fileName === USER ? "" : `${file?.fileName}: `}${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
  ]);
}

function isSource(path: string): boolean {
  return path.startsWith(MOD.replace("mod.ts", "src/")) && !path.endsWith(".d.ts");
}

Deno.test("declarations compile with TypeScript 5.6 and the library of ES2022", () => {
  const errors = errorsIn(`
    import { Channel, gather, Lock, map, Queue, RwLock, scope, select, Semaphore, TaskGroup } from "./mod.ts";
    export const results: { a: number; b: string } = await gather({ a: () => 1, b: async () => "b" });
    export const permit = await new Semaphore(1).acquire();
    permit.release();
    export const value: number = await new Lock().run((signal) => signal.aborted ? 0 : 1);
    export const sum = await scope(async (_signal, self) => {
      for await (const n of map([1, 2], (n) => n)) if (n > 1) self.cancel();
    });
    export const { sender, receiver } = new Channel<number>(1);
    export const first = await select([receiver.receiving(), sender.sending(1)]);
    for await (const item of new Queue<string>()) item.length;
    export { RwLock, TaskGroup };
  `);
  assertEquals([ts.versionMajorMinor, errors], ["5.6", []]);
});

const MISTAKES: [code: string, at: string, message: string][] = [
  [
    `gather([() => 1], { concurency: 2 })`,
    "concurency",
    "'concurency' does not exist in type 'GatherOptions<number, false>'. Did you mean to write 'concurrency'?",
  ],
  [`gather({ a: () => 1 }, { concurrency: "2" })`, "concurrency", "'string' is not assignable to type 'number'"],
  [`gather([() => 1], { settled: "yes" })`, "settled", "'string' is not assignable to type 'boolean"],
  [`gather([() => 1, 42])`, "42", "'42' is not assignable to type '42 & (Entry<unknown> | undefined)'"],
  [`gather({ a: () => 1, b: 42 })`, "b", "'42' is not assignable to type '42 & (Entry<unknown> | undefined)'"],
  [`gather(new Set([1]))`, "new Set([1])", "Iterable<Entry<unknown> | undefined>"],
  [`gather(() => 1)`, "() => 1", "'() => 1' is not assignable to type 'readonly (Entry<unknown> | undefined)[]'"],
  [
    `gather([() => 1], { onDiscard: (value: string) => value })`,
    "onDiscard",
    "'number' is not assignable to type 'string'",
  ],
  [`asCompleted([() => 1], { concurency: 2 })`, "concurency", "Did you mean to write 'concurrency'?"],
  [`map([1], (n) => n, { orderd: true })`, "orderd", "Did you mean to write 'ordered'?"],
  [`race([() => 1], { onDiscarded: () => {} })`, "onDiscarded", "Did you mean to write 'onDiscard'?"],
  [`firstSuccess({ a: () => 1, b: 42 })`, "b", "'42' is not assignable to type '42 & Entry<unknown>'"],
  [`timeout(1, () => 1, { signall: undefined })`, "signall", "Did you mean to write 'signal'?"],
  [`select([new Channel(1).receiver], { settled: true })`, "new Channel(1).receiver", "SelectCase<unknown>"],
];

for (const [code, at, message] of MISTAKES) {
  Deno.test(`the error for ${code} points at ${at}`, () => {
    const imports =
      `import { asCompleted, Channel, firstSuccess, gather, map, race, select, timeout } from "./mod.ts";`;
    const errors = errorsIn(`${imports} void [asCompleted, Channel, firstSuccess, gather, map, race, select, timeout];
      export const result = await ${code};`);
    assertEquals(errors.map(([at]) => at), [at]);
    assertStringIncludes(errors[0]![1], message);
  });
}

Deno.test("a record that is typed by an interface is taken, and a wrong one is refused", () => {
  const errors = errorsIn(`
    import { gather } from "./mod.ts";
    interface Work { a: () => number; b: Promise<string> }
    interface Wrong { a: () => number; b: string }
    declare const work: Work;
    declare const wrong: Wrong;
    export const results: { a: number; b: string } = await gather(work);
    export const refused = await gather(wrong);
  `);
  assertEquals(errors.map(([at]) => at), ["wrong"]);
});

Deno.test("the type of a result reads as one writes it", () => {
  const shown = (code: string) =>
    errorsIn(`import { gather, select, Channel } from "./mod.ts"; const result = ${code};
      export const never: never = result; void [gather, select, Channel];`).map(([, message]) =>
      message.split("\n")[0]
    );
  assertEquals(shown("await gather({ a: () => 1, b: () => 'b' })"), [
    "Type '{ a: number; b: string; }' is not assignable to type 'never'.",
  ]);
  assertEquals(shown("await gather(new Set([() => 1]))"), ["Type 'number[]' is not assignable to type 'never'."]);
  assertEquals(shown("await gather([() => 1, () => 'b'] as const, { settled: true })"), [
    "Type '[PromiseSettledResult<number>, PromiseSettledResult<string>]' is not assignable to type 'never'.",
  ]);
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseHeader } from "../../tools/example.ts";
import { Program } from "../support.ts";
import { assertAtOnce, assertFalling, assertOneByOne, drawn, durations, masked, numbers } from "./course_output.ts";

const FOLDER = new URL("../../examples/", import.meta.url);

/** What the index says of a program. */
interface Entry {
  readonly file: string;
  readonly question: string;
  readonly command: string;
  readonly output: string;
}

function readEntries(index: string): Entry[] {
  return index.split(/^### /m).slice(1).map((section) => {
    const part = (pattern: RegExp) => pattern.exec(section)?.[1] ?? "";
    return {
      file: part(/^\[\w+\]\((\w+\.ts)\)$/m),
      question: part(/^_(.*)_$/m),
      command: part(/^```sh\n(.*)\n```$/m),
      output: part(/^```text\n([^]*?)^```$/m),
    };
  });
}

/** The files that begin with a number, in order. */
async function readPrograms(): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(FOLDER), ({ name }) => name);
  return names.filter((name) => /^\d/.test(name)).sort();
}

function read(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, FOLDER));
}

const index = await read("README.md");
const entries = readEntries(index);
const files = await readPrograms();

/** Runs a program in an empty folder, to its end; tells what it has left there, too. */
async function run(file: string, flags: string[], meanwhile?: (program: Program) => Promise<void>) {
  const cwd = await Deno.makeTempDir();
  try {
    const program = new Program(new URL(file, FOLDER), { flags: ["--no-prompt", ...flags], cwd });
    await meanwhile?.(program);
    const ended = await program.end();
    const left = await Array.fromAsync(Deno.readDir(cwd), ({ name }) => name);
    return { ...ended, left };
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

/** What differs from run to run besides times, and what must hold of it. */
interface Details {
  readonly varying?: RegExp;
  readonly check?: (output: string) => void;
}

const DETAILS: Record<string, Details> = {
  "01": {
    varying: /[1-9]\d*(?= (reads|beats))/g,
    check(output) {
      const [blocking, awaiting, heart] = drawn(output);
      assertOneByOne([blocking!, awaiting!]);
      assertOneByOne([blocking!, heart!]);
    },
  },
  "02": {
    varying: /[1-9]\d*(?= beats)/g,
    check(output) {
      const [ioTook, ioBusy, cpuTook, cpuBusy] = durations(output);
      assertFalling([cpuBusy! / cpuTook!, ioBusy! / ioTook!]);
    },
  },
  "03": {
    check(output) {
      const lanes = drawn(output);
      assertOneByOne(lanes.slice(0, 2));
      assertAtOnce(lanes.slice(2, 4));
      assertAtOnce(lanes.slice(4, 6));
    },
  },
  "04": { varying: /[1-9]\d*(?= beats)/g },
  "05": {
    varying: /(?<=(thread|process) +)\d+|\d+(?= turns)/g,
    check(output) {
      const [main, child, worker] = Array.from(output.matchAll(/^\w+ \w+ +(\d+)/gm), ([, pid]) => pid);
      assertEquals([worker === main, child === main], [true, false]);
      assertFalling([numbers(output, "turns")[0]!, 0]);
    },
  },
  "06": { varying: /[1-9]\d* +[1-9]\d*$/gm },
  "07": { varying: /[1-9]\d* +[1-9]\d*$/gm },
  "10": { check: (output) => assertOneByOne(drawn(output)) },
  "12": { check: (output) => assertAtOnce(drawn(output)) },
  "13": { check: (output) => assertAtOnce(drawn(output)) },
  "14": { check: (output) => assertAtOnce(drawn(output)) },
  "16": {
    varying: /[1-9]\d*(?= (answers|steps))/g,
    check(output) {
      const [none, each, budget] = numbers(output, "answers");
      assertFalling([each!, budget!, none!]);
      const [, stepsEach, stepsBudget] = numbers(output, "steps");
      assertFalling([stepsBudget!, stepsEach!]);
    },
  },
  "17": {
    check(output) {
      const [first, a, b, c, aOne] = drawn(output);
      assertOneByOne([first!, a!, aOne!]);
      assertFalling([c!.last, b!.last, aOne!.last]);
    },
  },
  "20": { check: (output) => assertOneByOne(drawn(output)) },
  "21": {
    check(output) {
      const work = drawn(output.replaceAll("░", " "));
      assertFalling([work[6]!.first, work[3]!.first, work[0]!.first]);
    },
  },
  "22": {
    check(output) {
      const [main, ...workers] = drawn(output);
      assertAtOnce(workers);
      assertFalling([workers[1]!.last, main!.last]);
    },
  },
  "23": {
    check(output) {
      const [, far] = output.split("5 ms away");
      const [puts, putsAtOnce, gets, getsAtOnce] = durations(far!);
      assertFalling([puts!, putsAtOnce!]);
      assertFalling([gets!, getsAtOnce!]);
    },
  },
};

Deno.test("the course has an entry in its index for each program, in the order of the numbers", () => {
  assertEquals(entries.map(({ file }) => file), files);
  assertEquals(files.map((file) => parseInt(file)), files.map((_, i) => i + 1));
});

Deno.test("the index of the examples has all the other programs, with what their headers say", async () => {
  const rows = [...index.matchAll(/^\| \[(\w+)\]\(\1\.ts\) +\| (.*?) +\|$/gm)].map((
    [, stem, what],
  ) => [`${stem}.ts`, what]);
  const others = (await Array.fromAsync(Deno.readDir(FOLDER), ({ name }) => name)).filter((name) =>
    /^[a-z].*\.ts$/.test(name)
  );
  const headers = others.sort().map(async (name) => [name, parseHeader(await read(name)).question]);
  assertEquals(rows, await Promise.all(headers));
});

Deno.test("the links in the index of the examples lead somewhere", async () => {
  const headings = [...index.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    `#${heading!.toLowerCase().replaceAll(" ", "-")}`
  );
  for (const [, link] of index.matchAll(/\]\(([^)]*)\)/g)) {
    if (link!.startsWith("#")) assert(headings.includes(link!), link);
    else await Deno.stat(new URL(link!, FOLDER));
  }
});

for (const { file, question, command, output } of entries) {
  const number = file.slice(0, 2);
  const source = await read(file);
  const { flags } = parseHeader(source);
  const permissions = flags!.filter((flag) => flag.startsWith("--allow-"));

  Deno.test(`the course: ${file} begins with its question, its command and what one will see, as the index has them`, () => {
    const [first, ...rest] = source.split("\n * ");
    assertEquals([first, rest[0]!.split("\n")[0]], ["/**", question]);
    assertMatch(source, /^ \* You will see /m);
    assert(source.includes(`\n * ${command}\n`), `the command of the index is not in the header: ${command}`);
    assertEquals(command, ["deno run", ...flags!, `examples/${file}`].join(" "));
  });

  Deno.test(`the course: ${file} is short, and imports the package by its name and no more`, () => {
    assert(source.split("\n").length <= 61, "more than 60 lines");
    const imported = [...source.matchAll(/(?:\bfrom|\bimport\(?) *"([^"]*)"/g)].map(([, name]) => name);
    assertEquals(imported.filter((name) => name !== "@weft/async" && name !== "./_draw.ts"), []);
  });

  Deno.test(`the course: ${file} prints what the index says, under the permissions it names, and leaves nothing`, async () => {
    const ended = await run(file, flags!);
    assertEquals([ended.code, ended.stderr, ended.left], [0, "", []]);
    const { varying, check } = DETAILS[number] ?? {};
    assertEquals(masked(ended.stdout, varying), masked(output, varying));
    check?.(ended.stdout);
  });

  for (const missing of permissions) {
    Deno.test(`the course: ${file} fails without ${missing}, and says so`, async () => {
      const { code, stderr, left } = await run(file, flags!.filter((flag) => flag !== missing));
      const [, kind, what] = /^--allow-(\w+)=(.*)$/.exec(missing)!;
      assertEquals([code, left], [1, []]);
      assertMatch(stderr, new RegExp(`NotCapable: Requires ${kind} access to "${what}.*--allow-${kind}`));
    });
  }
}

/** Interrupts a program when it has printed so many lines. */
async function interrupt(file: string, lines: number) {
  return await run(file, parseHeader(await read(file)).flags!, async (program) => {
    for (let i = 0; i < lines; i++) await program.line();
    program.kill("SIGINT");
  });
}

const ignore = Deno.build.os === "windows";

Deno.test("the course: 11_run.ts cleans up after an interruption, and the shell sees it", { ignore }, async () => {
  const { signal, stdout, stderr, left } = await interrupt("11_run.ts", 3);
  const end = "journal: main cleans up\njournal: closed\n";
  assertEquals([signal, stdout, stderr, left], ["SIGINT", end, "", []]);
});

Deno.test("the course: 01_responsiveness.ts removes its file after an interruption, too", { ignore }, async () => {
  const { signal, stderr, left } = await interrupt("01_responsiveness.ts", 1);
  assertEquals([signal, stderr, left], ["SIGINT", "", []]);
});

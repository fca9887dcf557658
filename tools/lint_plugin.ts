/**
 * The house rules that a linter can check: layers, messages, plain syntax.
 * Rules and reasons are in `.github/CONTRIBUTING.md`.
 *
 * @module
 */

/** What a layer of `src/` may import besides itself. */
const LAYERS: Record<string, readonly string[]> = {
  core: [],
  task: ["core"],
  compose: ["core", "task"],
  time: ["core", "task"],
  sync: ["core", "task"],
  flow: ["core", "task", "sync"],
  // Entries of their own: they may use the library, and nothing imports them.
  patterns: ["core", "task", "compose", "time", "sync", "flow"],
  serve: ["core", "task", "compose", "time", "sync", "flow", "http"],
  process: ["core", "task", "compose", "time", "sync", "flow"],
  http: ["core", "task", "compose", "time", "sync", "flow"],
  workers: ["core", "task", "compose", "time", "sync", "flow"],
  observe: ["core", "task", "compose", "time", "sync", "flow"],
  testing: ["core", "task", "compose", "time", "sync", "flow"],
};

/** The only places that may know that Deno exists. */
const DENO_ALLOWED = /^src\/(core\/clock\.ts$|process\/|serve\/|workers\/)/;

const ROOT = new URL("../", import.meta.url);
const CONTRACTION = /\w+n['’]t\b|\b(?:it|that|there|what|let|here|who)['’]s\b|\w+['’](?:re|ve|ll|d|m)\b/i;

/** Phrases that no native engineer would write, each with what to write instead. */
const RIDDLES: readonly [phrase: RegExp, instead: string][] = [
  [/\b(?:is|are|was|were|be|been) told\b/i, "name who reports it: reports, throws, rejects with"],
  [/\bwho(?:ever)? waits? (?:the )?longest\b/i, "the longest-waiting caller"],
  [/\b(?:who|those who) waits?\b/i, "a waiter, the waiters"],
  [/\bthe dying\b/i, "cancelled waiters"],
  [/\b(?:forsak\w+|forlorn|orphan\w*)\b/i, "abandoned"],
  [/\bgives? (?:it|them|the \w+) back\b/i, "releases"],
  [/\bsees to it\b/i, "makes sure, or the verb itself"],
];

/** The widest line of an example, in columns. */
const EXAMPLE_WIDTH = 78;

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    layers: {
      create(context) {
        const file = pathFromRoot(context.filename);
        const check = (
          node: Deno.lint.Node,
          source: Deno.lint.Node | null | undefined,
        ) => {
          if (source?.type !== "Literal") return;
          const problem = importProblem(file, String(source.value));
          if (problem) context.report({ node, message: problem });
        };
        return {
          ImportDeclaration: (node) => check(node, node.source),
          ExportAllDeclaration: (node) => check(node, node.source),
          ExportNamedDeclaration: (node) => check(node, node.source),
          ImportExpression: (node) => check(node, node.source),
        };
      },
    },

    messages: {
      create(context) {
        if (!inSource(context.filename)) return {};
        return {
          NewExpression(node) {
            if (node.callee.type !== "Identifier") return;
            const { name } = node.callee;
            if (!/Error$|^DOMException$/.test(name)) return;
            // These two take the errors first and the message second.
            const at = /^(Aggregate|TaskGroup)Error$/.test(name) ? 1 : 0;
            const text = messageText(node.arguments[at]);
            const problem = text === undefined ? "" : messageProblem(text);
            if (problem) context.report({ node, message: problem });
          },
        };
      },
    },

    "plain-syntax": {
      create(context) {
        if (!inSource(context.filename)) return {};
        const report = (node: Deno.lint.Node, what: string) => context.report({ node, message: `No ${what} in src/` });
        return {
          // Older engines and browsers load src/ as it is.
          VariableDeclaration(node) {
            if (/using$/.test(node.kind)) report(node, "`using` declaration");
          },
          TSEnumDeclaration: (node) => report(node, "enum"),
          TSParameterProperty: (node) => report(node, "parameter property"),
          ExportDefaultDeclaration: (node) => report(node, "default export"),
        };
      },
    },

    "plain-english": {
      create(context) {
        if (!inSource(context.filename)) return {};
        return {
          Program() {
            for (const comment of context.sourceCode.getAllComments()) {
              for (const message of commentProblems(comment.value)) context.report({ node: comment, message });
            }
          },
        };
      },
    },

    "no-deno": {
      create(context) {
        const file = pathFromRoot(context.filename);
        if (!inSource(context.filename) || DENO_ALLOWED.test(file)) return {};
        return {
          "Identifier[name='Deno']"(node: Deno.lint.Identifier) {
            context.report({
              node,
              message: "No `Deno` in src/ outside src/core/clock.ts and src/workers/",
            });
          },
        };
      },
    },
  },
};

export default plugin;

function pathFromRoot(filename: string): string {
  const root = decodeURIComponent(ROOT.pathname);
  const path = filename.replaceAll("\\", "/");
  // A Windows root is `/C:/…`, a Windows file name `C:/…`.
  const full = path.startsWith("/") ? path : `/${path}`;
  return full.startsWith(root) ? full.slice(root.length) : path;
}

function inSource(filename: string): boolean {
  return pathFromRoot(filename).startsWith("src/");
}

/** What is wrong with an import of `specifier` in `file`, or nothing. */
function importProblem(file: string, specifier: string): string | undefined {
  const relative = /^\.{1,2}\//.test(specifier);
  const target = relative
    ? pathFromRoot(
      decodeURIComponent(new URL(specifier, new URL(file, ROOT)).pathname),
    )
    : "";
  if (file.startsWith("tests/")) {
    if (!target.startsWith("src/") && target !== "mod.ts") return;
    if (file.startsWith("tests/core/") && target.startsWith("src/core/")) {
      return;
    }
    return "Tests import public entries: `@weft/async` or `@weft/async/…`";
  }
  if (!file.startsWith("src/")) return;
  if (!relative) return "src/ has no dependency: import relative files only";
  if (!target.startsWith("src/")) return "src/ imports nothing from outside";
  // The public errors belong to no layer: all throw them, and they are made of what core knows.
  if (target === "src/errors.ts") return;
  const [, layer = ""] = file === "src/errors.ts" ? ["src", "core"] : file.split("/");
  const [, targetLayer = ""] = target.split("/");
  if (targetLayer === layer) return;
  if (LAYERS[layer]?.includes(targetLayer)) return;
  return `src/${layer} must not import src/${targetLayer}: import downwards only`;
}

/** The literal parts of a message; `…` stands for what is put in. */
function messageText(node: Deno.lint.Node | undefined): string | undefined {
  if (node?.type === "Literal" && typeof node.value === "string") {
    return node.value;
  }
  if (node?.type === "TemplateLiteral") {
    return node.quasis.map((part) => part.cooked).join("…");
  }
}

function messageProblem(text: string): string | undefined {
  if (/^[^A-Z…]/.test(text)) return "An error message starts with a capital";
  if (/[.!]$/.test(text)) return "An error message has no full stop at its end";
  if (CONTRACTION.test(text)) return "An error message has no contraction";
}

function commentProblems(text: string): string[] {
  // A phrase may be broken into two lines.
  const flat = text.replaceAll(/\s*\n\s*\*? ?/g, " ");
  const problems = RIDDLES.filter(([phrase]) => phrase.test(flat))
    .map(([phrase, instead]) => `Plain English: instead of "${phrase.exec(flat)![0]}" write: ${instead}`);
  const lines = text.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
  // The language of the code that a line stands in: drawings may be wider.
  let language: string | null = null;
  for (const line of lines) {
    if (line.startsWith("```")) language = language === null ? line.slice(3) : null;
    else if (language === "ts" && line.length > EXAMPLE_WIDTH) {
      problems.push(`A line of an example has at most ${EXAMPLE_WIDTH} columns, this one has ${line.length}`);
    }
    if (/^@see .*`/.test(line)) problems.push("No code span in `@see`");
  }
  return problems;
}

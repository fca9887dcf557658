import { assert, assertEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import * as weft from "@weft/async";

// What is public in asyncio. To make the lists again, with each version of Python:
//
//   python3 -c 'import asyncio; print(*sorted(asyncio.__all__))'
//
// and for the members of the classes, without what they inherit:
//
//   python3 -W ignore -c 'import asyncio; [print(c, *[m for m in dir(k) if m[0] != "_" and m not in dir(k.__base__)])
//     for c, k in vars(asyncio).items() if isinstance(k, type)]'

/** Python 3.11.7 on Linux, and `TaskGroup`, which that `__all__` forgets. */
const NAMES_3_11 = `
  ALL_COMPLETED AbstractChildWatcher AbstractEventLoop AbstractEventLoopPolicy AbstractServer Barrier BaseEventLoop
  BaseProtocol BaseTransport BoundedSemaphore BrokenBarrierError BufferedProtocol CancelledError Condition
  DatagramProtocol DatagramTransport DefaultEventLoopPolicy Event FIRST_COMPLETED FIRST_EXCEPTION FastChildWatcher
  Future Handle IncompleteReadError InvalidStateError LifoQueue LimitOverrunError Lock MultiLoopChildWatcher
  PidfdChildWatcher PriorityQueue Protocol Queue QueueEmpty QueueFull ReadTransport Runner SafeChildWatcher
  SelectorEventLoop Semaphore SendfileNotAvailableError Server StreamReader StreamReaderProtocol StreamWriter
  SubprocessProtocol SubprocessTransport Task TaskGroup ThreadedChildWatcher Timeout TimeoutError TimerHandle Transport
  WriteTransport _enter_task _get_running_loop _leave_task _register_task _set_running_loop _unregister_task all_tasks
  as_completed create_subprocess_exec create_subprocess_shell create_task current_task ensure_future gather
  get_child_watcher get_event_loop get_event_loop_policy get_running_loop iscoroutine iscoroutinefunction isfuture
  new_event_loop open_connection open_unix_connection run run_coroutine_threadsafe set_child_watcher set_event_loop
  set_event_loop_policy shield sleep start_server start_unix_server timeout timeout_at to_thread wait wait_for
  wrap_future`;

/** What Python 3.12.1, 3.13.0 and 3.14.2 have besides. */
const NAMES_SINCE = `
  create_eager_task_factory eager_task_factory
  EventLoop QueueShutDown
  FrameCallGraphEntry FutureCallGraph capture_call_graph format_call_graph future_add_to_awaited_by
  future_discard_from_awaited_by print_call_graph`;

/** What there is on Windows only, up to 3.13; 3.14 has no more. */
const NAMES_ON_WINDOWS = `
  IocpProactor ProactorEventLoop WindowsProactorEventLoopPolicy WindowsSelectorEventLoopPolicy`;

/** Of all these versions together. The loop is called as in the documentation. */
const MEMBERS: Record<string, string> = {
  Runner: "close get_loop run",
  Task:
    "add_done_callback cancel cancelled cancelling done exception get_context get_coro get_loop get_name get_stack " +
    "print_stack remove_done_callback result set_exception set_name set_result uncancel",
  // `cancel` is of 3.15.
  TaskGroup: "cancel create_task",
  Timeout: "expired reschedule when",
  StreamReader: "at_eof exception feed_data feed_eof read readexactly readline readuntil set_exception set_transport",
  StreamWriter: "can_write_eof close drain get_extra_info is_closing start_tls transport wait_closed write write_eof " +
    "writelines",
  Lock: "acquire locked release",
  Event: "clear is_set set wait",
  // The first three are attributes of the object only.
  Condition: "acquire locked release notify notify_all wait wait_for",
  Semaphore: "acquire locked release",
  BoundedSemaphore: "acquire locked release",
  Barrier: "abort broken n_waiting parties reset wait",
  // Of the module `asyncio.subprocess`; `pid`, `stderr`, `stdin` and `stdout` are attributes of the object only.
  subprocess: "DEVNULL PIPE Process STDOUT",
  Process: "communicate kill pid returncode send_signal stderr stdin stdout terminate wait",
  Queue: "empty full get get_nowait join maxsize put put_nowait qsize shutdown task_done",
  // Attributes of the object only.
  IncompleteReadError: "expected partial",
  LimitOverrunError: "consumed",
  FrameCallGraphEntry: "frame",
  FutureCallGraph: "awaited_by call_stack future",
  // `dir(asyncio.AbstractEventLoop)`, and `slow_callback_duration`, an attribute of the object only.
  loop: "add_reader add_signal_handler add_writer call_at call_exception_handler call_later call_soon " +
    "call_soon_threadsafe close connect_accepted_socket connect_read_pipe connect_write_pipe create_connection " +
    "create_datagram_endpoint create_future create_server create_task create_unix_connection create_unix_server " +
    "default_exception_handler get_debug get_exception_handler get_task_factory getaddrinfo getnameinfo is_closed " +
    "is_running remove_reader remove_signal_handler remove_writer run_forever run_in_executor run_until_complete " +
    "sendfile set_debug set_default_executor set_exception_handler set_task_factory shutdown_asyncgens " +
    "shutdown_default_executor slow_callback_duration sock_accept sock_connect sock_recv sock_recv_into sock_recvfrom " +
    "sock_recvfrom_into sock_sendall sock_sendfile sock_sendto start_tls stop subprocess_exec subprocess_shell time",
  Handle: "cancel cancelled get_context",
  TimerHandle: "cancel cancelled get_context when",
  Server: "abort_clients close close_clients get_loop is_serving serve_forever sockets start_serving wait_closed",
  Future: "add_done_callback cancel cancelled done exception get_loop remove_done_callback result set_exception " +
    "set_result",
  BaseTransport: "close get_extra_info get_protocol is_closing set_protocol",
  ReadTransport: "is_reading pause_reading resume_reading",
  WriteTransport: "abort can_write_eof get_write_buffer_limits get_write_buffer_size set_write_buffer_limits write " +
    "write_eof writelines",
  DatagramTransport: "abort sendto",
  SubprocessTransport: "get_pid get_pipe_transport get_returncode kill send_signal terminate",
  BaseProtocol: "connection_lost connection_made pause_writing resume_writing",
  Protocol: "data_received eof_received",
  BufferedProtocol: "buffer_updated eof_received get_buffer",
  DatagramProtocol: "datagram_received error_received",
  SubprocessProtocol: "pipe_connection_lost pipe_data_received process_exited",
  AbstractEventLoopPolicy: "get_child_watcher get_event_loop new_event_loop set_child_watcher set_event_loop",
  AbstractChildWatcher: "add_child_handler attach_loop close is_active remove_child_handler",
};

const scopeOfCall = await weft.scope((_signal, self) => self) as weft.CancelScope;

/** Where the page finds what it calls by a small name: an object, or what objects of the class inherit. */
const OBJECTS: Record<string, object> = {
  task: weft.Task.prototype,
  group: weft.TaskGroup.prototype,
  scope: scopeOfCall,
  future: weft.Future.prototype,
  lock: weft.Lock.prototype,
  event: weft.AsyncEvent.prototype,
  condition: new weft.Condition(),
  semaphore: weft.Semaphore.prototype,
  permit: new weft.Semaphore(1).tryAcquire()!,
  barrier: new weft.Barrier(1),
  queue: new weft.Queue(),
  worker: Worker.prototype,
  reader: ReadableStreamBYOBReader.prototype,
  writer: WritableStreamDefaultWriter.prototype,
};

const source = await Deno.readTextFile(new URL("../../mod.ts", import.meta.url));
/** The types that the package exports. */
const TYPES = Object.fromEntries([...source.matchAll(/\btype (\w+)/g)].map(([, name]) => [name!, {}]));

/** What the platform has, in the global scope. */
const GLOBALS = words(`
  Array AsyncDisposableStack Deno ReadableStream TextDecoderStream TransformStream Worker addEventListener clearImmediate clearTimeout fetch performance
  queueMicrotask reportError setImmediate setTimeout`);

const URL_OF_PAGE = new URL("../../examples/asyncio.md", import.meta.url);
const page = await Deno.readTextFile(URL_OF_PAGE);
const prose = page.replaceAll(/```[^]*?```/g, "");

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}

function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
}

/** From one heading to the next of the same level. */
function section(text: string, heading: string): string {
  const start = text.indexOf(`\n## ${heading}\n`);
  assert(start >= 0, `There is no section "${heading}"`);
  const end = text.indexOf("\n## ", start + 1);
  return text.slice(start, end < 0 ? undefined : end);
}

/** The cells of all rows of all tables, without the heads. */
function rowsIn(text: string): [name: string, here: string, remark: string][] {
  const lines = text.split("\n").filter((line) => /^\| [^-]/.test(line) && !/^\| \w+ +\| here /.test(line));
  return lines.map((line) => {
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    assertEquals(cells.length, 3, line);
    return cells as [string, string, string];
  });
}

/** The names, joined by dots, that code begins with. */
function pathOf(code: string): [string, ...string[]] {
  const path = /^(?:using \w+ = )?(?:await )?(?:new )?([\w.]+)/.exec(code)?.[1] ?? "";
  return path.split(".") as [string, ...string[]];
}

/** What is wrong with code that begins with a path to something that has to exist. */
async function problemOf(code: string, objects: Record<string, object>): Promise<string | undefined> {
  // These are words of the language.
  if (["for await", "async function*", "await using"].includes(code)) return;
  if (code.startsWith("node:")) return await import(code).then(() => undefined, String);
  const path = pathOf(code);
  const places = [
    objects,
    weft,
    TYPES,
    Object.fromEntries(GLOBALS.map((name) => [name, Reflect.get(globalThis, name)])),
  ];
  let at: object | undefined = places.find((place) => path[0] in place);
  for (const [i, name] of path.entries()) {
    const { prototype = {} } = (at ?? {}) as { prototype?: object };
    if (at === undefined || !(name in at || name in prototype)) return `there is no ${name}`;
    // The last one may be a getter of a prototype, which can only be asked for its name.
    if (i < path.length - 1) at = Reflect.get(at, name);
  }
}

Deno.test("asyncio page names everything public of asyncio, and nothing else in that column", () => {
  const members = Object.entries(MEMBERS).flatMap(([owner, names]) => words(names).map((name) => `${owner}.${name}`));
  const pinned = [...words(NAMES_3_11 + NAMES_SINCE + NAMES_ON_WINDOWS), ...members];
  const listed = new Set(rowsIn(section(prose, "Every name")).flatMap(([name]) => codeIn(name)));
  const missing = pinned.filter((name) => !listed.has(name));
  const unknown = [...listed].filter((name) => !pinned.includes(name));
  assertEquals({ missing, unknown }, { missing: [], unknown: [] });
});

Deno.test("asyncio page puts in the place of a name only what exists", async () => {
  await using open = new AsyncDisposableStack();
  const address = { hostname: "127.0.0.1", port: 0 };
  const listener = open.use(Deno.listen(address));
  const conn = open.use(await Deno.connect({ ...address, port: listener.addr.port }));
  const server = open.use(Deno.serve({ ...address, onListen: () => {} }, () => new Response()));
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = open.adopt(
    new Deno.Command(Deno.execPath(), { args: ["--version"], ...piped }).spawn(),
    async (child) => {
      await child.stdin.close();
      await child.output();
    },
  );
  const file = open.use(await Deno.open(URL_OF_PAGE));
  const objects = { ...OBJECTS, AsyncLocalStorage, listener, conn, server, child, file };
  const problems: string[] = [];
  for (const [name, here, remark] of rowsIn(prose)) {
    if (here === "none" && remark === "") problems.push(`${name}: no word about why not`);
    if (here !== "none" && codeIn(here).length === 0) problems.push(`${name}: neither code nor "none"`);
    // In a remark only members of what is known, because other systems are named there too.
    const members = codeIn(remark).filter((code) => {
      const [first, second] = pathOf(code);
      return second !== undefined && (first in objects || first in weft);
    });
    for (const code of [...codeIn(here), ...members]) {
      const problem = await problemOf(code, objects);
      if (problem !== undefined) problems.push(`${code}: ${problem}`);
    }
  }
  assertEquals(problems, []);
});

Deno.test("asyncio page names every value that the package exports", () => {
  const named = new Set(codeIn(prose).flatMap((code) => code.match(/\w+/g) ?? []));
  assertEquals(Object.keys(weft).filter((name) => !named.has(name)), []);
});

Deno.test("asyncio page proves every difference by an example", () => {
  const [, ...differences] = section(page, "Differences that bite").split("\n#### ");
  const unproved = differences.filter((text) => {
    const code = /```ts\n([^]*?)```/.exec(text.split(/\n#+ /)[0]!)?.[1] ?? "";
    return !(code.includes(`from "@weft/async"`) && /\bassert\w*\(/.test(code));
  });
  assert(differences.length > 0);
  assertEquals(unproved.map((text) => text.split("\n")[0]), []);
});

Deno.test("asyncio page links only to files that exist", async () => {
  const broken: string[] = [];
  for (const [, link] of page.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
    await Deno.stat(new URL(link!, URL_OF_PAGE)).catch(() => broken.push(link!));
  }
  assertEquals(broken, []);
});

/** Reads a standard input that says nothing, until a deadline. */

import process from "node:process";
import { map, timeout } from "@weft/async";

async function readAll(): Promise<void> {
  for await (const chunk of map(process.stdin, (chunk) => chunk)) console.log(`got ${chunk}`);
}

const error = await timeout(20, readAll).catch((error) => error);
console.log(error.name, process.stdin.destroyed);

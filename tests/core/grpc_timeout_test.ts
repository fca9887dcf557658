import { assert, assertEquals } from "@std/assert";
import { formatTimeout, parseTimeout } from "../../src/http/grpc_timeout.ts";

Deno.test("formatTimeout() rounds down, in at most eight digits, and parseTimeout() reads it", () => {
  const values: [number, string][] = [
    [0, "0m"],
    [-5, "0m"],
    [1.9, "1m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [1e11, "1666666M"],
    [1e16, "99999999H"],
  ];
  for (const [ms, header] of values) {
    assertEquals(formatTimeout(ms), header);
    assert(parseTimeout(header)! <= Math.max(0, ms));
  }
});

Deno.test("parseTimeout() reads every unit, and nothing else", () => {
  const read = ["5H", "5M", "5S", "5m", "5u", "5n", " 7m "].map(parseTimeout);
  assertEquals(read, [18_000_000, 300_000, 5000, 5, 0.005, 5 * 1e-6, 7]);
  const refused = ["", "5", "m", "-5m", "1.5S", "5s", "123456789m", "5m, 6m", "Infinity"].map(parseTimeout);
  assertEquals(refused, refused.map(() => null));
});

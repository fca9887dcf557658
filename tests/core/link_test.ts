import { assertEquals, assertStrictEquals } from "@std/assert";
import { Link } from "../../src/core/link.ts";

function ring(...links: Link[]): Link {
  const anchor = new Link();
  for (const link of links) link.insertBefore(anchor);
  return anchor;
}

/** The members in order, after a look at both directions. */
function members(anchor: Link): Link[] {
  const list: Link[] = [];
  for (let at = anchor.next; at !== anchor; at = at.next) {
    assertStrictEquals(at.next.prev, at);
    assertStrictEquals(at.prev.next, at);
    list.push(at);
  }
  return list;
}

Deno.test("Link.insertBefore() puts a link at the end of a ring, when given its anchor", () => {
  const [a, b, c] = [new Link(), new Link(), new Link()];
  assertEquals(members(ring(a, b, c)), [a, b, c]);
});

Deno.test("Link.insertBefore() puts a link in front of another", () => {
  const [a, b, c] = [new Link(), new Link(), new Link()];
  const anchor = ring(a, c);
  b.insertBefore(c);
  assertEquals(members(anchor), [a, b, c]);
});

Deno.test("Link.unlink() takes a link out, leaves it pointing to itself, and does nothing the second time", () => {
  const [a, b, c] = [new Link(), new Link(), new Link()];
  const anchor = ring(a, b, c);
  b.unlink();
  b.unlink();
  assertEquals(members(anchor), [a, c]);
  assertStrictEquals(b.next, b);
  assertStrictEquals(b.prev, b);
  a.unlink();
  c.unlink();
  assertStrictEquals(anchor.next, anchor);
  b.insertBefore(anchor);
  assertEquals(members(anchor), [b]);
});

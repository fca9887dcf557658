import { Link } from "../../src/core/link.ts";

/** How many links are put into or taken out of a ring while `fn` runs: what attaching and detaching costs. */
export function linksMoved(fn: () => void): number {
  const { insertBefore, unlink } = Link.prototype;
  let count = 0;
  Link.prototype.insertBefore = function (place) {
    count++;
    insertBefore.call(this, place);
  };
  Link.prototype.unlink = function () {
    count++;
    unlink.call(this);
  };
  try {
    fn();
  } finally {
    Object.assign(Link.prototype, { insertBefore, unlink });
  }
  return count;
}

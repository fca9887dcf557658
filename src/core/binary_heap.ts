/**
 * Binary heaps in arrays: the least item is at index 0.
 *
 * The order may be foreign code, which may throw. All comparisons are therefore made before any item moves.
 *
 * @module
 */

/** Returns whether `a` comes before `b`. */
export type Order<T> = (a: T, b: T) => boolean;

/** Adds an item. If `before` throws, nothing has changed. */
export function pushToHeap<T>(heap: T[], item: T, before: Order<T>): void {
  const end = heap.length;
  let place = end;
  while (place > 0 && before(item, heap[parentOf(place)]!)) place = parentOf(place);
  // The items that it passes on its way up move down one level.
  for (let at = end; at > place; at = parentOf(at)) heap[at] = heap[parentOf(at)]!;
  heap[place] = item;
}

/** Removes and returns the least item of a heap that is not empty. If `before` throws, nothing has changed. */
export function popFromHeap<T>(heap: T[], before: Order<T>): T {
  const end = heap.length - 1;
  const last = heap[end]!;
  const place = placeBelowTop(heap, last, end, before);
  heap.pop();
  if (end === 0) return last;
  // The items that it passes on its way down move up one level, and the top leaves the heap.
  let moving = last;
  for (let at = place;; at = parentOf(at)) {
    const passed = heap[at]!;
    heap[at] = moving;
    moving = passed;
    if (at === 0) return moving;
  }
}

/** Returns the index at which `item` belongs among the first `length` items once the top is removed. */
function placeBelowTop<T>(heap: readonly T[], item: T, length: number, before: Order<T>): number {
  let place = 0;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= length) return place;
    if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, item)) return place;
    place = child;
  }
}

function parentOf(index: number): number {
  return (index - 1) >> 1;
}

/** A circular doubly linked list whose links live in its members: attach and detach are O(1) and allocate nothing. */

/** One place in a ring. A ring's own anchor is a `Link` too, so no end is a special case. */
export class Link {
  // Invariant: next.prev === this and prev.next === this, always; a link in no ring points to itself.
  prev: Link = this;
  next: Link = this;

  /** Puts this link in front of `place`: at the end, when `place` is a ring's anchor. */
  insertBefore(place: Link): void {
    const prev = place.prev;
    this.prev = prev;
    this.next = place;
    prev.next = this;
    place.prev = this;
  }

  /** Takes this link out of whatever ring it is in. */
  unlink(): void {
    this.prev.next = this.next;
    this.next.prev = this.prev;
    this.prev = this;
    this.next = this;
  }
}

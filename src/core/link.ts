/** A circular doubly linked list whose links live in its members: attach and detach are O(1) and allocate nothing. */

/** One place in a ring. The anchor of a ring is a `Link` too, so that neither end is a special case. */
export class Link {
  // Invariant: next.prev === this and prev.next === this, always; a link in no ring points to itself.
  prev: Link = this;
  next: Link = this;

  /** Puts this link in front of `place`; that is the end of the ring if `place` is its anchor. */
  insertBefore(place: Link): void {
    const prev = place.prev;
    this.prev = prev;
    this.next = place;
    prev.next = this;
    place.prev = this;
  }

  /** Removes this link from its ring, if it is in one. */
  unlink(): void {
    this.prev.next = this.next;
    this.next.prev = this.prev;
    this.prev = this;
    this.next = this;
  }
}

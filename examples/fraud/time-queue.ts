/** A binary min-heap by time, for what the generator has planned for later: further swipes of a fraud, late arrivals. */
export class TimeQueue<T extends { readonly time: number }> {
  readonly #items: T[] = []

  /** The earliest time, or Infinity when nothing waits. */
  get time(): number {
    return this.#items.length === 0 ? Number.POSITIVE_INFINITY : this.#items[0]!.time
  }

  push(item: T): void {
    const items = this.#items
    items.push(item)
    let index = items.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (items[parent]!.time <= item.time) break
      items[index] = items[parent]!
      index = parent
    }
    items[index] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (top === undefined || last === undefined || items.length === 0) return top
    let index = 0
    for (;;) {
      let child = index * 2 + 1
      if (child >= items.length) break
      if (child + 1 < items.length && items[child + 1]!.time < items[child]!.time) child += 1
      if (items[child]!.time >= last.time) break
      items[index] = items[child]!
      index = child
    }
    items[index] = last
    return top
  }
}

/** What two trees are compared by: everything but where it stood. */

const PLACES = new Set(['span', 'operatorSpan', 'valueSpan', 'pathSpan', 'groupSpan'])

export function withoutSpans(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSpans)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([key]) => !PLACES.has(key))
  return Object.fromEntries(entries.map(([key, child]) => [key, withoutSpans(child)]))
}

/** Every node of a tree with its span. */
export function* nodes(value: unknown): Generator<{ kind: string; span: { start: number; end: number } }> {
  if (Array.isArray(value)) {
    for (const child of value) yield* nodes(child)
  } else if (typeof value === 'object' && value !== null) {
    if ('kind' in value && 'span' in value) yield value as { kind: string; span: { start: number; end: number } }
    for (const child of Object.values(value)) yield* nodes(child)
  }
}

/** UUIDs as text and as their 16 bytes. */

/** PostgreSQL's forms: a hyphen may stand after any four digits, and braces around it all. */
export function parseUuid(text: string): Uint8Array | undefined {
  const inner = text.startsWith('{') ? /^\{(.*)\}$/.exec(text)?.[1] : text
  if (inner === undefined || !/^([0-9a-f]{4}-?){7}[0-9a-f]{4}$/i.test(inner)) return undefined
  const digits = inner.replaceAll('-', '')
  return Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16))
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The text of the UUID whose bytes begin at `from`. */
export function formatUuid(bytes: Uint8Array, from = 0): string {
  let text = ''
  for (let at = 0; at < 16; at++) {
    if (at === 4 || at === 6 || at === 8 || at === 10) text += '-'
    text += HEX[bytes[from + at]!]
  }
  return text
}

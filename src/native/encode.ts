/** MessagePack for the binding, with the one setting that the Rust side reads: plain maps, and nil for undefined. */
import { Packr } from 'msgpackr'
import type { Append, Command, Definition, Seek } from '../../sql/index.js'

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true })
const unpackr = new Packr({ useRecords: false, int64AsType: 'bigint' })

/** Fields that are 64-bit in the contract. MessagePack writes a small one in a byte, and so it is read as a number. */
const BIGINT_FIELDS: ReadonlySet<string> = new Set(['delay_us', 'microseconds', 'size_us', 'slide_us', 'offset_us'])
const BIGINT_LITERALS: ReadonlySet<unknown> = new Set(['bigint', 'time', 'timestamp', 'timestamptz'])
/** 64-bit in these operators; LAG's offset and a frame's are not. */
const BIGINT_OPERATORS: Readonly<Record<string, readonly string[]>> = {
  sort: ['limit', 'offset'],
  limit: ['limit', 'offset'],
  generate_series: ['start', 'stop', 'step'],
}

/** A command in the bytes that the engine reads, with what has to be known of it without reading them. */
export interface EncodedCommand {
  readonly command: Command['command']
  /** Of commands that can be a part of a transaction. */
  readonly transaction?: bigint | null
  readonly encoded: Uint8Array
}

export function encodeCommand(command: Command | EncodedCommand): Uint8Array {
  return 'encoded' in command ? command.encoded : packr.pack(command)
}

/** The command as a part of a transaction, if it can be one. */
export function within(command: Command, transaction: bigint | null): Command {
  if (transaction !== null && command.command === 'returning')
    return { ...command, write: within(command.write, transaction) }
  if (transaction === null || !('transaction' in command)) return command
  return { ...command, transaction } as Command
}

export function encodeSeek(seek: Seek): Uint8Array {
  return packr.pack(seek)
}

export function encodeAppend(head: Append): Uint8Array {
  return packr.pack(head)
}

export function decodeDefinitions(bytes: Uint8Array): Definition[] {
  const definitions = unpackr.unpack(bytes) as Definition[]
  widen(definitions)
  return definitions
}

/** Turns what the contract calls bigint into bigint, in place. */
function widen(node: unknown): void {
  if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node)) return
  const fields = node as Record<string, unknown>
  const wide = BIGINT_OPERATORS[fields.op as string] ?? []
  for (const [key, value] of Object.entries(fields)) {
    const is64 = BIGINT_FIELDS.has(key) || wide.includes(key) || (key === 'value' && BIGINT_LITERALS.has(fields.type))
    if (typeof value === 'number' && is64) fields[key] = BigInt(value)
    else widen(value)
  }
}

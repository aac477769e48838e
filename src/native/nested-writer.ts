/** Columns of arrays, rows and maps for an append. The rows are kept as they are given, each value within looked at by a writer
 *  of its type, and become Arrow children when the batch is taken, as only then it is known how many values there are. */
import { type DataType as ArrowType, type Data, type Map_, makeData, type Struct } from 'apache-arrow'
import type { DataType } from '../../sql/index.js'
import { convert } from './convert.js'

/** What this needs of the writer of a column. */
export interface ChildWriter {
  set(row: number, value: unknown): void
  data(rows: number): Data
}

type MakeWriter = (column: { name: string; type: DataType }, capacity: number) => ChildWriter
type NestedType = DataType & { type: 'array' | 'row' | 'map' }
interface Nulls {
  readonly length: number
  readonly nullCount: number
  readonly nullBitmap: Uint8Array
}

/** Bytes that a value within counts for. */
const VALUE_BYTES = 16

export class NestedWriter {
  readonly #name: string
  readonly #type: NestedType
  readonly #make: MakeWriter
  /** A writer of one slot for each child: what it takes, a larger one will take. */
  readonly #probes: readonly ChildWriter[]
  /** For each row the values of each child: of an array its elements, of a row one value a field. */
  readonly #rows: (readonly unknown[])[][] = []
  readonly #ends: number[] = []

  constructor(name: string, type: NestedType, make: MakeWriter) {
    this.#name = name
    this.#type = type
    this.#make = make
    this.#probes = children(name, type).map((child) => make(child, 1))
  }

  set(row: number, value: unknown): void {
    const parts = value === null || value === undefined ? this.#nothing() : this.#parts(value)
    for (const [at, probe] of this.#probes.entries()) for (const part of parts[at]!) probe.set(0, part)
    this.#rows[row] = parts
    const values = parts.reduce((sum, part) => sum + part.length, 0)
    this.#ends[row] = (row === 0 ? 0 : this.#ends[row - 1]!) + values * VALUE_BYTES
  }

  /** About the bytes of so many rows. */
  bytes(rows: number): number {
    return rows === 0 ? 0 : this.#ends[rows - 1]!
  }

  data(type: ArrowType, nulls: Nulls): Data {
    const rows = this.#rows.slice(0, nulls.length)
    const built = children(this.#name, this.#type).map((child, at) => this.#child(child, rows, at))
    if (this.#type.type === 'row') {
      return makeData({ type: type as Struct, ...nulls, children: built })
    }
    const valueOffsets = new Int32Array(rows.length + 1)
    for (const [row, parts] of rows.entries()) valueOffsets[row + 1] = valueOffsets[row]! + parts[0]!.length
    if (this.#type.type === 'array') {
      const [child] = built
      return makeData({ type, ...nulls, valueOffsets, child } as unknown as Parameters<typeof makeData>[0])
    }
    const entries = (type as Map_).children[0]!.type as Struct
    const child = makeData({ type: entries, length: valueOffsets[rows.length]!, nullCount: 0, children: built })
    return makeData({ type, ...nulls, valueOffsets, child } as unknown as Parameters<typeof makeData>[0])
  }

  #child(child: { name: string; type: DataType }, rows: readonly (readonly unknown[])[][], at: number): Data {
    const count = rows.reduce((sum, parts) => sum + parts[at]!.length, 0)
    const writer = this.#make(child, count)
    let next = 0
    for (const parts of rows) for (const value of parts[at]!) writer.set(next++, value)
    return writer.data(count)
  }

  /** A row that is NULL has a NULL in each field; an array or a map has nothing. */
  #nothing(): (readonly unknown[])[] {
    return this.#probes.map(() => (this.#type.type === 'row' ? [null] : []))
  }

  #parts(value: unknown): (readonly unknown[])[] {
    const type = this.#type
    switch (type.type) {
      case 'array':
        return [[...convert.array(value, type, this.#name)]]
      case 'row':
        return convert.row(value, type, this.#name).map((field) => [field])
      case 'map': {
        const entries = convert.map(value, type, this.#name)
        return [entries.map(([key]) => key), entries.map(([, item]) => item)]
      }
    }
  }
}

function children(name: string, type: NestedType): { name: string; type: DataType }[] {
  switch (type.type) {
    case 'array':
      return [{ name: `${name}[]`, type: type.element }]
    case 'row':
      return type.fields.map((field) => ({ name: `${name}.${field.name}`, type: field.data_type }))
    case 'map':
      return [
        { name: `${name}[]`, type: type.key },
        { name: `${name}[]`, type: type.value },
      ]
  }
}

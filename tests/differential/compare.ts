/** Whether two answers are the same: as bags of rows unless ordered, doubles and what PostgreSQL prints otherwise brought to one form. */
import type { Cells } from './oracles.js'
import type { Kind } from './schema.js'

export function normalRows(rows: Cells, kinds: readonly Kind[], ordered: boolean): string[] {
  const lines = rows.map((row) =>
    row.map((cell, at) => (cell === null ? 'NULL' : normal(cell, kinds[at]!))).join(' | '),
  )
  return ordered ? lines : lines.sort()
}

function normal(cell: string, kind: Kind): string {
  switch (kind) {
    case 'boolean':
      return cell === 't' || cell === 'true' ? 't' : 'f'
    case 'numeric':
    case 'integer':
    case 'bigint':
      // 1.50, 1.5 and 1.500 are the same number.
      return cell.includes('.') ? cell.replace(/\.?0+$/, '').replace(/^-0$/, '0') : cell
    case 'double': {
      const value = Number(cell)
      return Number.isFinite(value) ? String(Number(value.toPrecision(9)) || 0) : cell.toLowerCase()
    }
    case 'timestamp':
      return cell.replace(/\.0+$/, '').replace(/(\.\d*?)0+$/, '$1')
    case 'text':
      return JSON.stringify(cell)
    case 'date':
      return cell.slice(0, 10)
    default:
      return kind satisfies never
  }
}

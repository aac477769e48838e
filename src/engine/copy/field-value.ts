/** A field's text as the value that a column's writer takes, read as PostgreSQL reads it. */
import { Code, type DataType, formatUuid, parseValue, typeName } from '../../../sql/index.js'
import { MillraceError } from '../../native/errors.js'
import { parseJson } from '../../values/json.js'

export function fieldValue(text: string, type: DataType): unknown {
  switch (type.type) {
    case 'text':
      return text
    case 'array':
      return arrayValue(text, type.element, type)
    case 'row':
    case 'map':
      throw new MillraceError(Code.FeatureNotSupported, `COPY of type ${typeName(type)} is not supported yet`)
    default: {
      const parsed = parseValue(text, type)
      if (!('literal' in parsed)) throw new MillraceError(Code[parsed.code], parsed.message)
      const { literal } = parsed
      switch (literal.type) {
        case 'null':
          return null
        case 'uuid':
          return formatUuid(literal.value)
        case 'jsonb':
          return parseJson(literal.value)
        case 'date':
          return new Date(literal.value * 86_400_000)
        case 'interval':
          return { months: literal.months, days: literal.days, microseconds: literal.microseconds }
        default:
          return literal.value
      }
    }
  }
}

/** `{1,NULL,"a b",{…}}` */
function arrayValue(text: string, element: DataType, type: DataType): unknown[] {
  let at = 0
  const malformed = (): never => {
    throw new MillraceError(Code.InvalidTextRepresentation, `malformed array literal: "${text}"`, {
      detail: `The column is of type ${typeName(type)}.`,
    })
  }
  const blanks = () => {
    while (/\s/.test(text[at] ?? '')) at++
  }
  const list = (of: DataType): unknown[] => {
    const items: unknown[] = []
    if (text[at] !== '{') malformed()
    at++
    blanks()
    if (text[at] === '}') {
      at++
      return items
    }
    for (;;) {
      blanks()
      items.push(item(of))
      blanks()
      const next = text[at++]
      if (next === '}') return items
      if (next !== ',') malformed()
    }
  }
  const item = (of: DataType): unknown => {
    if (of.type === 'array') return list(of.element)
    if (text[at] === '"') {
      let value = ''
      for (at++; text[at] !== '"'; at++) {
        if (at >= text.length) malformed()
        if (text[at] === '\\') at++
        value += text[at] ?? ''
      }
      at++
      return fieldValue(value, of)
    }
    const word = /[^,{}"]*/y
    word.lastIndex = at
    const value = (word.exec(text)?.[0] ?? '').trim()
    at = word.lastIndex
    if (value === '') malformed()
    return value.toUpperCase() === 'NULL' ? null : fieldValue(value, of)
  }
  blanks()
  const items = list(element)
  blanks()
  if (at < text.length) malformed()
  return items
}

/** PostgreSQL's text of arrays and rows: `{1,NULL,"a b"}`, `(1,,"a b")`; a map is `{a=1,b=2}`. */
import type { DataType } from '../../sql/index.js'
import { formatText, type Nested, type Value } from './format.js'

export function formatNested(value: Nested, type: DataType & { type: 'array' | 'row' | 'map' }): string {
  switch (type.type) {
    case 'array':
      return `{${(value as readonly Value[]).map((element) => elementText(element, type.element)).join(',')}}`
    case 'row': {
      const row = value as { readonly [name: string]: Value }
      return `(${type.fields.map(({ name, data_type }) => fieldText(row[name]!, data_type)).join(',')})`
    }
    case 'map': {
      const entries = [...(value as ReadonlyMap<Value, Value>)]
      const text = ([key, item]: [Value, Value]) => `${elementText(key, type.key)}=${elementText(item, type.value)}`
      return `{${entries.map(text).join(',')}}`
    }
  }
}

/** In quotes where it would be read as something else. */
function elementText(value: Value, type: DataType): string {
  if (value === null) return 'NULL'
  const text = formatText(value, type)
  if (type.type === 'array') return text
  const plain = text !== '' && !/[{},"\\\s]/.test(text) && text.toLowerCase() !== 'null'
  return plain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

function fieldText(value: Value, type: DataType): string {
  if (value === null) return ''
  const text = formatText(value, type)
  const plain = text !== '' && !/[(),"\\\s]/.test(text)
  return plain ? text : `"${text.replace(/["\\]/g, '$&$&')}"`
}

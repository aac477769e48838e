/** Which operands belong together, written out: the left text must parse to the tree of the right one. */
import { expect, test } from 'vitest'
import { parseScript } from '../../sql/syntax/script.js'
import { withoutSpans } from './tree-shape.js'

const same = (a: string, b: string) => expect(tree(a), a).toEqual(tree(b))
const tree = (expression: string) => withoutSpans(parseScript(`select ${expression} from t`).statements[0]!.tree)

test.each([
  ['a or b and c', 'a or (b and c)'],
  ['a and b or c', '(a and b) or c'],
  ['not a and b', '(not a) and b'],
  ['not a = b', 'not (a = b)'],
  ['not a is null', 'not (a is null)'],
  ['not a in (1)', 'not (a in (1))'],
  ['a = b is null', '(a = b) is null'],
  ['a = b is distinct from c', '(a = b) is distinct from c'],
  ['a < b + c', 'a < (b + c)'],
  ['a = b between c and d', 'a = (b between c and d)'],
  ['a like b || c', 'a like (b || c)'],
  ['a = b like c', 'a = (b like c)'],
  ['a || b + c', 'a || (b + c)'],
  ['a ~ b || c', '(a ~ b) || c'],
  ['a + b * c - d', '(a + (b * c)) - d'],
  ['a - b - c', '(a - b) - c'],
  ['a / b * c % d', '((a / b) * c) % d'],
  ['a * b ^ c', 'a * (b ^ c)'],
  ['a ^ b ^ c', '(a ^ b) ^ c'],
  ['-a ^ b', '(-a) ^ b'],
  ['-a::int', '-(a::int)'],
  ['-a * b', '(-a) * b'],
  ['a::int::text', '(a::int)::text'],
  ['a + b at time zone c', 'a + (b at time zone c)'],
  ['-a at time zone c', '(-a) at time zone c'],
  ["a at time zone 'x' at time zone 'y'", "(a at time zone 'x') at time zone 'y'"],
  ['a between b and c and d', '(a between b and c) and d'],
  ['a between b and c or d', '(a between b and c) or d'],
  ['a between b + 1 and c + 1', 'a between (b + 1) and (c + 1)'],
  ['a is null is null', '(a is null) is null'],
  ['a != b', 'a <> b'],
  ['a isnull', 'a is null'],
  ['cast(a as int)', 'a::integer'],
  ['((select 1))', '(select 1)'],
])('%s = %s', same)

test('set operations: INTERSECT before UNION, left to right', () => {
  const query = (text: string) => withoutSpans(parseScript(text).statements[0]!.tree)
  expect(query('select 1 union select 2 intersect select 3')).toEqual(
    query('select 1 union (select 2 intersect select 3)'),
  )
  expect(query('select 1 except select 2 union select 3')).toEqual(query('(select 1 except select 2) union select 3'))
  expect(query('select 1 except select 2 except select 3')).not.toEqual(
    query('select 1 except (select 2 except select 3)'),
  )
})

test('SQL special forms are calls', () => {
  same('substring(a from 2 for 3)', 'substring(a, 2, 3)')
  same('substring(a for 3)', 'substring(a, 1, 3)')
  same("position('b' in a)", "strpos(a, 'b')")
  same("trim(leading 'x' from a)", "ltrim(a, 'x')")
  same("trim(trailing 'x' from a)", "rtrim(a, 'x')")
  same('trim(a)', 'btrim(a)')
})

test('names fold, quoted names do not', () => {
  const item = (text: string) => withoutSpans(parseScript(`select ${text}`).statements[0]!.tree)
  expect(item('Foo.BAR')).toEqual(item('foo."bar"'))
  expect(item('"Foo"')).not.toEqual(item('foo'))
  expect(JSON.stringify(item('"a""b"'))).toContain('a\\"b')
})

test('strings', () => {
  const values = (text: string) => {
    const { tree } = parseScript(`values (${text})`).statements[0]!
    if (tree.kind !== 'query' || tree.body.kind !== 'values') throw new Error('not values')
    return tree.body.rows[0]!.map((expr) => (expr.kind === 'string' ? expr.value : expr.kind))
  }
  expect(
    values("'it''s', '', 'a\\n', E'a\\n\\t\\\\\\'', e'\\x41\\101\\u00e9\\U0001F600', $$a'b$$, $t$x $$ y$t$"),
  ).toEqual(["it's", '', 'a\\n', "a\n\t\\'", 'AAé😀', "a'b", 'x $$ y'])
})

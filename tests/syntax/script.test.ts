/** Where statements end, and that the grammar and the lexer pass their own checks. */
import { expect, test } from 'vitest'
import { SqlParser } from '../../sql/syntax/parser.js'
import { isComplete, parseScript } from '../../sql/syntax/script.js'
import { createLexer } from '../../sql/syntax/tokens.js'

test('isComplete', () => {
  const complete = [
    'select 1;',
    'select 1; ',
    'select 1; -- done',
    'select 1; /* done */\n',
    ';',
    "select ';';",
    'select $$;$$;',
    "select E'\\';';",
    'select "a;b";',
  ]
  const open = [
    '',
    ' ',
    'select 1',
    'select 1; select 2',
    "select ';",
    "select 'a;''",
    'select "a;',
    'select $$;',
    'select $a$;$$;',
    '-- a;',
    '/* a;',
    'select 1 /* ; /* ; */ ;',
    'select 1 -- ;',
    "select E'\\';",
  ]
  for (const text of complete) expect(isComplete(text), text).toBe(true)
  for (const text of open) expect(isComplete(text), text).toBe(false)
})

test('statements have the text and span of what was written', () => {
  const script = "-- first\n select 1 ; ;; /* x */ select ';' -- c\n;\n\tselect $f$;$f$, a$b"
  const { statements } = parseScript(script)
  expect(statements.map(({ text }) => text)).toEqual(['select 1', "select ';'", 'select $f$;$f$, a$b'])
  for (const { span, text, tree } of statements) {
    expect(script.slice(span.start, span.end)).toBe(text)
    expect(tree.span).toEqual(span)
  }
})

test('nothing but space is no statement', () => {
  for (const text of ['', ' \n', ';', '-- a', '/* a */;', ';;\u00a0;'])
    expect(parseScript(text).statements, text).toEqual([])
})

test('the grammar has no ambiguities that are not meant, the lexer no pattern that cannot match', () => {
  expect(new SqlParser(true)).toBeDefined()
  expect(createLexer(true).lexerDefinitionErrors).toEqual([])
})

test('a statement of a hundred lines takes about a millisecond when warm', () => {
  const part = (i: number) => `c${i} as (
    select a.card_id, count(*) filter (where a.amount > 100) over w as n,
      case when a.amount > 1000 and b.country <> a.country then 'abroad' else 'home' end as kind
    from swipes a
    join cards b on a.card_id = b.card_id and b.active
    where a.amount between 1 and 10000 and a.category in ('x', 'y', 'z')
    window w as (partition by a.card_id order by a.ts range between interval '10 minutes' preceding and current row)
    order by a.ts desc limit 10)`
  const text = `with ${Array.from({ length: 12 }, (_, i) => part(i)).join(',\n')} select * from c1`
  const times = Array.from({ length: 100 }, () => {
    const start = performance.now()
    parseScript(text)
    return performance.now() - start
  })
  // The best of many runs, with room for a slow and busy machine.
  expect(Math.min(...times)).toBeLessThan(10)
})

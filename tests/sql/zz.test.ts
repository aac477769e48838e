import { readdirSync, readFileSync } from 'node:fs'
import { it } from 'vitest'
import { openOracle } from './oracle.js'
import { normalRow, parseSlt, rowByRow } from './slt.js'
it('x', async () => {
  for (const f of readdirSync('tests/sql/slt')) {
    const o = await openOracle()
    for (const r of parseSlt(readFileSync('tests/sql/slt/' + f, 'utf8'))) {
      try {
        if (r.kind === 'statement') { if (r.error === undefined) { for (const s of rowByRow(r.sql)) await o.run(s) } }
        else if (!r.expected) { const rows = await o.query(r.sql); console.log(f, r.line, rows.map((x) => normalRow(x, r.types)).join('\n')) }
      } catch (e) { console.log('FAIL', f, r.line, String(e)) }
    }
    o.close()
  }
})

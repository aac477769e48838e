/** Plans a few statements once, when the module is loaded: V8 runs code that it has never seen several times slower, and the first
 *  statement of a process would hold up its event loop for longer than we promise. Loading takes the thread anyway. */
import { createCatalog, parseScript } from '../../../sql/index.js'
import { RUN } from './form.js'
import { plan } from './plan.js'

const TEXT = `
  CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT NOT NULL, c NUMERIC(10, 2) DEFAULT 0);
  CREATE STREAM s (a BIGINT, at TIMESTAMPTZ, WATERMARK FOR at AS at - INTERVAL '5 seconds') WITH (retention = '1 day');
  INSERT INTO t VALUES (1, 'x', 1.5), (2, 'y', NULL);
  SELECT v.a, count(*) AS n, sum(v.c) FROM (VALUES (1, 'x', 2.5), (2, 'y', 3.5)) AS v (a, b, c)
    WHERE v.b IN ('x', 'z') AND v.c > 1 OR v.a IS NULL GROUP BY v.a HAVING count(*) > 0 ORDER BY n DESC LIMIT 3`

const catalog = createCatalog([])
for (const { tree } of parseScript(TEXT).statements) {
  // The table that is inserted into does not exist here; to find that out is a part of the way too.
  try {
    plan(tree, RUN, TEXT, { catalog, nextId: 1 })
  } catch {}
}

/** `npm run bench -- <suite>…`: makes the clone runnable, then measures. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { cargoEnv, root, setUp } from '../setup.mjs'

setUp()
const program = join(root, 'dist', 'bench', 'run.js')
const result = spawnSync(process.execPath, ['--expose-gc', program, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: cargoEnv,
})
process.exitCode = result.status ?? 1

/** `npm start`: makes the clone runnable, then runs the card-fraud job. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, setUp } from '../../setup.mjs'

setUp()
const program = join(root, 'dist', 'examples', 'fraud', 'start.js')
const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' })
// Ctrl-C reaches the child from the terminal; this process waits for its clean end.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1)
})

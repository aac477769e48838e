/**
 * Makes a fresh clone runnable: checks the tools, installs the npm packages, builds the native module and the
 * TypeScript. Plain JavaScript without dependencies, since it runs before anything is installed.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(fileURLToPath(import.meta.url))

/** Where compiled crates and downloaded jars are kept between checkouts. */
export const cache = process.env.MILLRACE_CACHE ?? join(homedir(), '.cache', 'millrace')

function hostTriple() {
  try {
    return /^host: (\S+)$/m.exec(
      execFileSync('rustc', ['-vV'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )?.[1]
  } catch {
    return undefined // reported by missingTools
  }
}

/**
 * The environment in which cargo runs. The napi command line always names the target, and cargo keeps builds with and
 * without a named target apart: naming it everywhere compiles the dependencies once.
 */
export const cargoEnv = { CARGO_TARGET_DIR: join(cache, 'target'), CARGO_BUILD_TARGET: hostTriple(), ...process.env }

const RUST_MIN = [1, 94]
const NODE_MIN = [20, 17]

/** Runs a program and ends this process with its exit code if it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: cargoEnv, ...options })
  if (result.error) throw result.error
  if (result.status !== 0) {
    console.error(`millrace: "${command} ${args.join(' ')}" failed`)
    process.exit(result.status ?? 1)
  }
}

function version(command, args = ['--version']) {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return (/(\d+)\.(\d+)/.exec(text) ?? [0, 0, 0]).slice(1, 3).map(Number)
  } catch {
    return undefined
  }
}

const atLeast = (found, wanted) => found[0] > wanted[0] || (found[0] === wanted[0] && found[1] >= wanted[1])

/** Names every tool that is missing, with how to get it. */
export function missingTools() {
  const missing = []
  const node = process.versions.node.split('.').map(Number)
  if (!atLeast(node, NODE_MIN))
    missing.push(`Node.js ${NODE_MIN.join('.')} or newer (this is ${process.version}): https://nodejs.org`)
  const rust = version('rustc')
  if (!rust || !version('cargo')) missing.push('Rust (rustc and cargo): https://rustup.rs')
  else if (!atLeast(rust, RUST_MIN))
    missing.push(`Rust ${RUST_MIN.join('.')} or newer (this is ${rust.join('.')}): rustup update`)
  if (!version(process.env.CC ?? 'cc'))
    missing.push('a C compiler: on Debian and Ubuntu apt-get install build-essential, on macOS xcode-select --install')
  if (!version('make'))
    missing.push('make: on Debian and Ubuntu apt-get install build-essential, on macOS xcode-select --install')
  if (!version('cmake')) missing.push('CMake: on Debian and Ubuntu apt-get install cmake, on macOS brew install cmake')
  return missing
}

const newestIn = (folder, skip = () => false) => {
  let newest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skip(entry.name)) continue
    const path = join(folder, entry.name)
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path, skip) : statSync(path).mtimeMs)
  }
  return newest
}

function installPackages() {
  const stamp = join(root, 'node_modules', '.package-lock.json')
  const current = existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs
  if (!current)
    run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], { shell: process.platform === 'win32' })
}

export function buildNative() {
  const folder = join(root, 'src', 'native')
  const addon = readdirSync(folder).find((name) => name.endsWith('.node'))
  const sources = Math.max(
    newestIn(join(root, 'native'), (name) => name === 'target' || name.endsWith('.md')),
    statSync(join(root, 'package.json')).mtimeMs,
  )
  if (addon && existsSync(join(folder, 'binding.cjs')) && statSync(join(folder, addon)).mtimeMs >= sources) return
  console.error('millrace: building the native module (the first time takes about ten minutes)')
  const napi = join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
  const args = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).config.napiBuild
  run(process.execPath, [napi, 'build', ...args])
}

/** Outputs whose source is gone: the compiler never takes them away, and a package would carry them. */
export function staleOutputs(dist, sources) {
  const stale = []
  for (const entry of readdirSync(dist, { withFileTypes: true, recursive: true })) {
    const output = relative(dist, join(entry.parentPath, entry.name))
    const source = output.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')
    if (entry.isFile() && source !== output && !existsSync(join(sources, source))) stale.push(output)
  }
  return stale.sort()
}

export function buildTypeScript() {
  const dist = join(root, 'dist')
  if (existsSync(dist)) for (const output of staleOutputs(dist, root)) rmSync(join(dist, output))
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'])
}

/** All of it; a second call finds everything done. */
export function setUp() {
  const missing = missingTools()
  if (missing.length > 0) {
    console.error(`millrace needs tools that are not here:\n${missing.map((m) => `  - ${m}`).join('\n')}`)
    process.exit(1)
  }
  installPackages()
  buildNative()
  buildTypeScript()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp()

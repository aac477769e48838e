/** The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Code } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'

const ITERATIONS = 4096
const KEY_BYTES = 32
const derive = promisify(pbkdf2)

/** What is kept of a password; the password itself cannot be found from it. */
export interface Verifier {
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export async function verifierOf(password: string): Promise<Verifier> {
  const salt = randomBytes(16)
  // PostgreSQL prepares passwords with SASLprep; for what is in ASCII that changes nothing, and NFKC is most of the rest.
  const salted = await derive(password.normalize('NFKC'), salt, ITERATIONS, KEY_BYTES, 'sha256')
  return { salt, storedKey: sha256(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') }
}

export class ScramExchange {
  readonly #verifier: Verifier
  #clientFirstBare = ''
  #serverFirst = ''
  #nonce = ''
  #header = ''

  constructor(verifier: Verifier) {
    this.#verifier = verifier
  }

  /** Answers the client's first message. */
  first(message: string): string {
    const match = /^(([ny])(?:=[^,]*)?,(?:a=[^,]*)?,)((?:m=[^,]*,)?n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(
      message,
    )
    if (match === null) throw malformed()
    const [, header = '', , bare = '', nonce = ''] = match
    if (bare.startsWith('m=')) throw malformed()
    this.#header = header
    this.#clientFirstBare = bare
    this.#nonce = nonce + randomBytes(18).toString('base64')
    this.#serverFirst = `r=${this.#nonce},s=${this.#verifier.salt.toString('base64')},i=${ITERATIONS}`
    return this.#serverFirst
  }

  /** Answers the client's final message, or throws 28P01. */
  final(message: string, user: string): string {
    const match = /^(c=([^,]+),r=([^,]+)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(message)
    if (match === null) throw malformed()
    const [, withoutProof = '', binding = '', nonce = '', proofText = ''] = match
    if (nonce !== this.#nonce || Buffer.from(binding, 'base64').toString() !== this.#header) throw malformed()
    const signed = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`
    const signature = hmac(this.#verifier.storedKey, signed)
    const proof = Buffer.from(proofText, 'base64')
    if (proof.length !== KEY_BYTES) throw malformed()
    const clientKey = Buffer.from(proof.map((byte, index) => byte ^ signature[index]!))
    if (!timingSafeEqual(sha256(clientKey), this.#verifier.storedKey)) {
      throw new MillraceError(Code.InvalidPassword, `password authentication failed for user "${user}"`)
    }
    return `v=${hmac(this.#verifier.serverKey, signed).toString('base64')}`
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function malformed(): MillraceError {
  return new MillraceError(Code.ProtocolViolation, 'malformed SCRAM message')
}

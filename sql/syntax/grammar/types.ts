/** Type names, with SQL's spellings in several words and its synonyms brought to one name each. */

import { Code } from '../../diag/codes.js'
import { SqlError } from '../../diag/error.js'
import type { ParserMethod } from '../chevrotain.js'
import { nameOf } from '../lex.js'
import {
  Comma,
  Dot,
  Identifier,
  kw,
  Label,
  LeftBracket,
  LeftParen,
  NumberLiteral,
  RightBracket,
  RightParen,
  RowHead,
} from '../tokens.js'
import type { Ident, TypeName } from '../tree.js'
import { BaseGrammar, toIdent } from './base.js'

const [CHARACTER, DOUBLE, PRECISION, TIME, VARYING, WITH, WITHOUT, ZONE] = [
  kw('character'),
  kw('double'),
  kw('precision'),
  kw('time'),
  kw('varying'),
  kw('with'),
  kw('without'),
  kw('zone'),
]

const SYNONYMS: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int2: 'smallint',
  int: 'integer',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  float: 'double precision',
  double: 'double precision',
  decimal: 'numeric',
  dec: 'numeric',
  string: 'text',
  bytes: 'bytea',
  'character varying': 'varchar',
  character: 'char',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  'time with time zone': 'timetz',
  'time without time zone': 'time',
}

export abstract class TypesGrammar extends BaseGrammar {
  /** The words after TIMESTAMP or TIME. */
  readonly timeZone = this.RULE('timeZone', (): string => {
    const word = this.OR([
      {
        ALT: () => {
          this.CONSUME(WITH)
          return 'with'
        },
      },
      {
        ALT: () => {
          this.CONSUME(WITHOUT)
          return 'without'
        },
      },
    ])
    this.CONSUME(TIME)
    this.CONSUME(ZONE)
    return ` ${word} time zone`
  })

  readonly wholeNumber = this.RULE('wholeNumber', (): number => {
    const token = this.CONSUME(NumberLiteral)
    this.ACTION(() => {
      if (/^\d{1,9}$/.test(token.image)) return
      throw new SqlError(Code.SyntaxError, `syntax error at or near "${token.image}"`, {
        at: token.startOffset,
        detail: 'Expected a whole number.',
      })
    })
    return Number(token.image)
  })

  readonly typeName: ParserMethod<[], TypeName> = this.RULE('typeName', (): TypeName => {
    const start = this.mark()
    const args: number[] = []
    let dimensions = 0
    const fields: { name: Ident; type: TypeName }[] = []
    const entries: TypeName[] = []
    let words = this.OR2<string>([
      { ALT: () => nameOf(this.CONSUME(RowHead)) },
      { ALT: () => nameOf(this.CONSUME(Identifier)) },
    ])
    // `"char"` is PostgreSQL's type of one byte, which CHAR is not.
    this.ACTION(() => {
      if (this.LA(0).image === '"char"') words = '"char"'
    })
    this.OPTION4(() => {
      this.CONSUME(Dot)
      const schema = words
      const token = this.CONSUME(Label)
      words = this.ACTION(() => {
        const name = token.image === '"char"' ? token.image : nameOf(token)
        return schema === 'pg_catalog' ? name : `${schema}.${name}`
      })
    })
    this.OPTION({
      GATE: () => this.LA(0).tokenType === DOUBLE || this.LA(0).tokenType === CHARACTER,
      DEF: () => {
        this.OR([
          {
            ALT: () => {
              this.CONSUME(PRECISION)
              words += ' precision'
            },
          },
          {
            ALT: () => {
              this.CONSUME(VARYING)
              words += ' varying'
            },
          },
        ])
      },
    })
    this.OPTION1(() => {
      this.CONSUME(LeftParen)
      this.OR1({
        DEF: [
          {
            GATE: () => words === 'row' || words === 'struct',
            ALT: () => {
              this.AT_LEAST_ONE_SEP1({
                SEP: Comma,
                DEF: () => {
                  const token = this.CONSUME1(Identifier)
                  const name = this.ACTION(() => toIdent(token))
                  fields.push({ name, type: this.SUBRULE(this.typeName) })
                },
              })
            },
          },
          {
            GATE: () => words === 'map',
            ALT: () => {
              this.AT_LEAST_ONE_SEP2({ SEP: Comma, DEF: () => entries.push(this.SUBRULE1(this.typeName)) })
            },
          },
          {
            ALT: () => {
              this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => args.push(this.SUBRULE(this.wholeNumber)) })
            },
          },
        ],
        IGNORE_AMBIGUITIES: true,
      })
      this.CONSUME(RightParen)
    })
    this.OPTION2({
      GATE: () => (words === 'timestamp' || words === 'time') && this.nextIs(TIME, 2) && this.nextIs(ZONE, 3),
      DEF: () => {
        words += this.SUBRULE(this.timeZone)
      },
    })
    this.MANY(() => {
      this.CONSUME(LeftBracket)
      // PostgreSQL takes a length here and does not enforce it.
      this.OPTION3(() => this.SUBRULE1(this.wholeNumber))
      this.CONSUME(RightBracket)
      dimensions += 1
    })
    return {
      kind: 'type',
      name: SYNONYMS[words] ?? words,
      arguments: args,
      dimensions,
      ...(fields.length > 0 && { fields }),
      ...(entries.length > 0 && { entries }),
      span: this.since(start),
    }
  })
}

/** The type of a literal's head word, as in `DATE '2024-01-01'`. */
export function canonicalType(words: string): string {
  return SYNONYMS[words] ?? words
}

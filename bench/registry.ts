/** The suites that `npm run bench` knows. */
import type { Suite } from './suite.js'
import { boundary } from './suites/boundary.js'
import { decode } from './suites/decode.js'
import { eventLoop } from './suites/event-loop.js'
import { fraud } from './suites/fraud.js'
import { hits } from './suites/hits.js'
import { log } from './suites/log.js'
import { nexmark } from './suites/nexmark.js'
import { tpch } from './suites/tpch.js'
import { wire } from './suites/wire.js'

export const SUITES: readonly Suite[] = [fraud, log, boundary, decode, eventLoop, tpch, hits, nexmark, wire]

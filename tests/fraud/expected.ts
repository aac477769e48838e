/** What a run over the first swipes of a seed must find: the oracle's judgement with ONNX Runtime's scores. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-web'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { type Alert, FEATURES, factsOf, featuresOf, judge } from '../../examples/fraud/oracle.js'
import { root } from '../tidy/sources.js'

export interface World {
  readonly seed: number
  readonly cards: number
  readonly swipes: number
}

const SCORE_ROWS = 50_000

/** The alerts by swipe. */
export async function expectedAlerts(world: World): Promise<Map<number, Alert>> {
  const generator = new SwipeGenerator({ seed: world.seed, cards: world.cards })
  const facts = factsOf([generator.next(world.swipes)], generator.past(), generator.cards)
  const alerts = new Map<number, Alert>()
  const session = await openModel()
  for (let start = 0; start < facts.length; start += SCORE_ROWS) {
    const part = facts.slice(start, start + SCORE_ROWS)
    const scores = await score(session, Float32Array.from(part.flatMap(featuresOf)))
    for (const [index, fact] of part.entries()) {
      const alert = judge(fact, scores[index]!)
      if (alert !== undefined) alerts.set(alert.swipeId, alert)
    }
  }
  return alerts
}

export async function openModel(): Promise<ort.InferenceSession> {
  ort.env.wasm.numThreads = 1
  const bytes = readFileSync(join(root, 'examples', 'fraud', 'model', 'fraud.onnx'))
  return await ort.InferenceSession.create(new Uint8Array(bytes), { executionProviders: ['wasm'] })
}

/** Scores rows of features that lie one after another. */
export async function score(session: ort.InferenceSession, matrix: Float32Array): Promise<Float32Array> {
  const shape = [matrix.length / FEATURES.length, FEATURES.length]
  const { probability } = await session.run({ features: new ort.Tensor('float32', matrix, shape) })
  return probability!.data as Float32Array
}

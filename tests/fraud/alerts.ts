/** Alerts in a form that compares: one line each, sorted by swipe. */
import { ALERTS_TOPIC } from '../../examples/fraud/topics.js'
import { latest, readTopic } from '../harness/kafka/index.js'

interface Told {
  readonly swipeId: number
  readonly cardId: number
  readonly reason: string
}

export function tell(alerts: Iterable<Told>): string[] {
  return [...alerts]
    .sort((a, b) => a.swipeId - b.swipeId)
    .map((alert) => `${alert.swipeId} of card ${alert.cardId}: ${alert.reason}`)
}

/** What the topic of alerts says now, by the last message of each key. */
export async function alertsInTopic(brokers: string): Promise<string[]> {
  const messages = latest(await readTopic(brokers, ALERTS_TOPIC))
  return tell(
    [...messages].map(([key, value]) => {
      const alert = JSON.parse(value) as { swipe_id: number; card_id: number; reason: string }
      const { swipe_id } = JSON.parse(key) as { swipe_id: number }
      if (swipe_id !== alert.swipe_id) throw new Error(`key ${key} has the message of swipe ${alert.swipe_id}`)
      return { swipeId: alert.swipe_id, cardId: alert.card_id, reason: alert.reason }
    }),
  )
}

/** The types of what tests take from `setup.mjs`, which stays plain JavaScript as it runs before anything is built. */
export const root: string
export const cache: string
export const cargoEnv: NodeJS.ProcessEnv
export function staleOutputs(dist: string, sources: string): string[]

// How a script talks with the test that started it: JSON, one object a line.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

export async function receive() {
  const { value, done } = await lines.next()
  if (done) throw new Error('the test closed the conversation')
  return JSON.parse(value)
}

export function send(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

export async function run(conversation) {
  try {
    await conversation(await receive())
    process.exit(0)
  } catch (error) {
    send({ failed: String(error), code: error?.code, cause: String(error?.cause?.message ?? error?.cause ?? '') })
    process.exit(1)
  }
}

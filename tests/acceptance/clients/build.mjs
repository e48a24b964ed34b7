// Bundles one client into one script: node build.mjs FRONTEND CLIENT OUTPUT.

import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [frontend, client, output] = process.argv.slice(2)
const require = createRequire(path.join(path.resolve(frontend), 'package.json'))
const { build } = await import(pathToFileURL(require.resolve('rolldown')).href)

await build({
  input: client,
  platform: 'browser',
  resolve: { modules: [path.join(path.resolve(frontend), 'node_modules')] },
  output: { file: output, format: 'iife' },
  logLevel: 'warn',
})
